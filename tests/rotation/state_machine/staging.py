"""What people put on the reserve and say of it: spares good and bad, and labels stolen, forged, or too many."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from klaviyo_access.keys.labels import LABEL_LIMIT, Foreign
from tests.rotation.rotation_world import SCOPES, at_once, call, key_value
from tests.rotation.state_machine.account import Account, Role, print_of

Rule = Callable[[Account, Role, int], None]
T = TypeVar("T")

STAGING_LIMIT: Final = 12
"""Labels on a reserve at which operators stage no more."""


def chosen(options: Sequence[T], pick: int) -> T:
    """One of several."""
    return options[pick % len(options)]


def stage(account: Account, role: Role, pick: int) -> None:
    """A new key that is as it should be; the value of some holds more than a key."""
    name = f"{role.name}-{account.new_number()}"
    more = {"endpoint": "https://evil.test", "apiKeyId": "stolen", "scopes": ["all"], "role": "root"}
    value = json.dumps({"apiKey": key_value(name)} | (more if pick % 3 == 0 else {}))
    _stage(account, role, name, value=value)


def stage_bad(account: Account, role: Role, pick: int) -> None:
    """A key that Klaviyo does not know, or that has too few scopes, or is of another account, or is no key."""
    name = f"bad-{account.new_number()}"
    key = key_value(name)
    kind = pick % 4
    if kind == 3:
        role.stage(name, known=False, value=json.dumps({"apiKey": "pk_short"}))
        return
    _stage(account, role, name, known=kind != 0)
    if kind == 1:
        account.klaviyo.scopes[key] = ("accounts:read", "profiles:read")
    if kind == 2:
        account.klaviyo.accounts[key] = "Other1"


def stage_again(account: Account, role: Role, pick: int) -> None:
    """A key that this role has, or had, already: two operators did not know of each other."""
    if names := sorted(name for owner, name in account.staged if owner == role.name):
        _stage_known(account, role, chosen(names, pick))


def stage_shared(account: Account, role: Role, pick: int) -> None:
    """A key of the other role."""
    if names := sorted(name for owner, name in account.staged if owner != role.name):
        _stage_known(account, role, chosen(names, pick))


def stage_at_once(account: Account, role: Role, pick: int) -> None:
    """Two operators stage the same new key at once, and neither sees the other's; the values differ, or do not."""
    name = f"{role.name}-{account.new_number()}"
    _stage(account, role, name)
    account.clock.now -= (0, 60)[pick % 2]
    _stage(account, role, name, value=json.dumps({"apiKey": key_value(name), "by": "another"}) if pick % 3 else None)


def strange_key(account: Account, role: Role, pick: int) -> None:
    """Somebody else has a key in the same Klaviyo account that looks like one of ours, by its end or by its name."""
    if names := sorted(name for owner, name in account.staged if owner == role.name):
        ours, kind = key_value(chosen(names, pick)), pick // 10 % 3
        other = key_value(f"stranger {account.new_number()}")
        stranger = other if kind == 2 else other[:-4] + ours[-4:]
        account.strangers.add(stranger)
        account.klaviyo.scopes[stranger] = ("accounts:read",) if kind == 1 else SCOPES
        marks = " ".join(f"[{print_of(ours)}-{key[-4:]}]" for key in (ours, stranger))
        account.called[stranger] = f"copy of {marks}" if kind == 2 else "billing"


def steal_label(account: Account, role: Role, pick: int) -> None:
    """Who may put can take a spare's label for a value of his own."""
    if spares := account.see(role).reserve.spares:
        version, spare = chosen(spares, pick)
        account.stolen.add(role.names[spare.fingerprint])
        role._put(role.reserve_arn, f"junk {account.new_number()} {version.id}", [str(spare)])


def forge_labels(account: Account, role: Role, pick: int) -> None:
    """Labels on the reserve that speak of a key of the key secret."""
    held = sorted(account.see(role).key.held_fingerprints)
    if held:
        time, held_one = "20261122T120000Z", chosen(held, pick)
        forged = (
            f"REJECTED:{time}:{held_one}:refused",
            f"LEAKED:{held_one}",
            f"DISABLING:{held_one}",
            f"KEY:{held_one}",
            f"REJECTED:{time}:{held_one}:leaked",
        )
        role._put(role.reserve_arn, f"forged {account.new_number()}", [chosen(forged, pick // 3)])


def crowd(account: Account, role: Role, pick: int) -> None:
    """Somebody's own labels, until few are free."""
    where = ("key", "reserve")[pick % 2]
    arn, labels = role.secret(where).arn, role.labels(role.secret(where).arn)
    if labels.current:
        for _ in range(labels.free - pick // 2 % 4):
            role.label(arn, f"crowd-{account.new_number()}", labels.current.id)


def uncrowd(account: Account, role: Role, pick: int) -> None:
    """Those labels go again, and forged ones."""
    for where in ("key", "reserve"):
        for version in role.labels(role.secret(where).arn):
            for label in version.labels:
                if isinstance(label, Foreign) or (where == "reserve" and type(label).__name__ in _ONLY_ON_KEYS):
                    parameters = {
                        "SecretId": role.secret(where).arn,
                        "VersionStage": str(label),
                        "RemoveFromVersionId": version.id,
                    }
                    at_once(role.service.handle(call("UpdateSecretVersionStage", parameters)))


_ONLY_ON_KEYS: Final = frozenset({"Leaked", "Disabling", "HoldsKey"})


def _stage(account: Account, role: Role, name: str, *, known: bool = True, value: str | None = None) -> None:
    if LABEL_LIMIT - role.labels(role.reserve_arn).free >= STAGING_LIMIT:
        return
    role.stage(name, known=known, value=value)
    account.staged.add((role.name, name))


def _stage_known(account: Account, role: Role, name: str) -> None:
    """Stage a key again, whatever Klaviyo thinks of it."""
    scopes = account.klaviyo.scopes.get(key_value(name))
    _stage(account, role, name, known=False)
    if scopes is not None:
        account.klaviyo.scopes[key_value(name)] = scopes


STAGING: Final[Mapping[str, Rule]] = {
    "stage": stage,
    "stage bad": stage_bad,
    "stage again": stage_again,
    "stage shared": stage_shared,
    "stage at once": stage_at_once,
    "strange key": strange_key,
    "steal label": steal_label,
    "forge labels": forge_labels,
    "crowd": crowd,
    "uncrowd": uncrowd,
}
