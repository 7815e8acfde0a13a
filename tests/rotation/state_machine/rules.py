"""What people, AWS, Klaviyo and time can do to two roles: each rule takes a role and a number to choose by."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from klaviyo_access.keys.labels import LABEL_LIMIT, AwsLabel, Disabling, Foreign, Version
from klaviyo_access.keys.secret import fingerprint
from tests.rotation.rotation_world import SCOPES, at_once, call, key_value
from tests.rotation.state_machine.account import Account, Role, print_of
from tests.rotation.state_machine.auditing import audit

Rule = Callable[[Account, Role, int], None]

STAGING_LIMIT: Final = 12
"""Labels on a reserve at which operators stage no more."""

_DAY: Final = 86_400
_JUMPS: Final = (60, 3600, _DAY + 60, 8 * _DAY, -1801)
_STEPS: Final = ("createSecret", "create_secret", "setSecret", "testSecret", "finishSecret", "finish_secret")
_HOSTILE: Final = (
    {"action": "steal"},
    {"action": "rollback"},
    {"action": "canary", "version": "x"},
    {"action": "prove-dead", "secret": "other", "version": "v" * 32},
    {"Step": "finishSecret", "SecretId": "arn:other", "ClientRequestToken": "t" * 32},
    "text",
)

T = TypeVar("T")


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
        _stage_known(account, role, _chosen(names, pick))


def stage_shared(account: Account, role: Role, pick: int) -> None:
    """A key of the other role."""
    if names := sorted(name for owner, name in account.staged if owner != role.name):
        _stage_known(account, role, _chosen(names, pick))


def stage_at_once(account: Account, role: Role, pick: int) -> None:
    """Two operators stage the same new key at once, and neither sees the other's; the values differ, or do not."""
    name = f"{role.name}-{account.new_number()}"
    _stage(account, role, name)
    account.clock.now -= (0, 60)[pick % 2]
    _stage(account, role, name, value=json.dumps({"apiKey": key_value(name), "by": "another"}) if pick % 3 else None)


def strange_key(account: Account, role: Role, pick: int) -> None:
    """Somebody else has a key in the same Klaviyo account that looks like one of ours, by its end or by its name."""
    if names := sorted(name for owner, name in account.staged if owner == role.name):
        ours, kind = key_value(_chosen(names, pick)), pick // 10 % 3
        other = key_value(f"stranger {account.new_number()}")
        stranger = other if kind == 2 else other[:-4] + ours[-4:]
        account.strangers.add(stranger)
        account.klaviyo.scopes[stranger] = ("accounts:read",) if kind == 1 else SCOPES
        account.called[stranger] = f"copy of [{print_of(ours)}]" if kind == 2 else "billing"


def steal_label(account: Account, role: Role, pick: int) -> None:
    """Who may put can take a spare's label for a value of his own."""
    if spares := account.see(role).reserve.spares:
        version, spare = _chosen(spares, pick)
        account.stolen.add(role.names[spare.fingerprint])
        role._put(role.reserve_arn, f"junk {account.new_number()} {version.id}", [str(spare)])


def forge_labels(account: Account, role: Role, pick: int) -> None:
    """Labels on the reserve that speak of a key of the key secret."""
    held = sorted(account.see(role).key.held_fingerprints)
    if held:
        time, chosen = "20261122T120000Z", _chosen(held, pick)
        forged = (
            f"REJECTED:{time}:{chosen}:refused",
            f"LEAKED:{chosen}",
            f"DISABLING:{chosen}",
            f"KEY:{chosen}",
            f"REJECTED:{time}:{chosen}:leaked",
        )
        role._put(role.reserve_arn, f"forged {account.new_number()}", [_chosen(forged, pick // 3)])


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


def rotate(account: Account, role: Role, pick: int) -> None:
    """A rotation as AWS drives it, each step called twice now and then."""
    role.repeats = 2 if pick % 5 == 0 else 1
    try:
        if not role.busy:
            account.clock.now += 3600
        role._rotate()
    finally:
        role.repeats = 1


def announce(account: Account, role: Role, pick: int) -> None:
    """A rotation whose steps do not come."""
    role.repeats = 0
    try:
        role._rotate()
    finally:
        role.repeats = 1


def late_step(account: Account, role: Role, pick: int) -> None:
    """A step of a rotation that is under way, was, or never was."""
    labels = account.see(role).key
    tokens = [labels.pending.id] if labels.pending and pick % 4 else sorted(version.id for version in labels)
    token = _chosen(tokens, pick) if tokens else "t" * 32
    role.step(_STEPS[pick // 4 % len(_STEPS)], token)


def canary(account: Account, role: Role, pick: int) -> None:
    """As the rule on RotationSucceeded and the audit ask."""
    role.invoke({"action": "canary"})


def roll_back(account: Account, role: Role, pick: int) -> None:
    """By an operator."""
    if current := account.see(role).key.current:
        role.invoke({"action": "rollback", "version": current.id})


def move_back(account: Account, role: Role, pick: int) -> None:
    """Somebody with more rights than an operator moves AWSCURRENT back to a good previous key."""
    seen = account.see(role)
    current, previous = seen.key.current, seen.key.previous
    if current is None or previous is None or previous.fingerprint not in seen.accepted:
        return
    if previous.verdict or any(isinstance(label, Disabling) for label in previous.ours):
        return
    parameters = {
        "SecretId": role.key_arn,
        "VersionStage": AwsLabel.CURRENT.value,
        "MoveToVersionId": previous.id,
        "RemoveFromVersionId": current.id,
    }
    at_once(role.service.handle(call("UpdateSecretVersionStage", parameters)))


def retire(account: Account, role: Role, pick: int) -> None:
    """By an operator, who does not wait for the grace; he then disables the key in the dashboard, or does not."""
    if versions := _with_keys(account, role):
        version = _chosen(versions, pick)
        account.ended.add((role.name, str(version.fingerprint)))
        answer = role.invoke({"action": "retire", "version": version.id})
        if answer["outcome"] == "disabling" and pick % 2:
            account.klaviyo.scopes.pop(key_value(role.names[str(answer["fingerprint"])]), None)


def begin_disable(account: Account, role: Role, pick: int) -> None:
    """As the auditor asks."""
    where, version = _any_version(account, role, pick)
    if version:
        role.invoke({"action": "begin-disable", "secret": where, "version": version.id})


def prove_dead(account: Account, role: Role, pick: int) -> None:
    """As the auditor asks."""
    where, version = _any_version(account, role, pick)
    if version:
        role.invoke({"action": "prove-dead", "secret": where, "version": version.id})


def by_hand(account: Account, role: Role, pick: int) -> None:
    """People disable in the dashboard what the last audit asked them to, and look first whether it is in use."""
    live = {one for role in account.roles.values() for one in account.see(role).key.live_fingerprints}
    for key in list(account.klaviyo.scopes):
        if print_of(key) in account.left_to_people - live:
            account.disabled[key] = account.klaviyo.scopes.pop(key)
    account.left_to_people.clear()


def leaked(account: Account, role: Role, pick: int) -> None:
    """By an operator: every role's rotator is told."""
    if names := sorted(name for owner, name in account.staged if owner == role.name):
        event = {"action": "leaked", "fingerprint": fingerprint(key_value(_chosen(names, pick)))}
        for told in account.roles.values():
            if told.invoke(event)["outcome"] == "marked":
                account.leaked.add((told.name, event["fingerprint"]))


def unstick(account: Account, role: Role, pick: int) -> None:
    """As the auditor asks."""
    role.invoke({"action": "unstick"})


def hostile_event(account: Account, role: Role, pick: int) -> None:
    """What no rotator serves."""
    role.invoke(_chosen(_HOSTILE, pick))


def key_dies(account: Account, role: Role, pick: int) -> None:
    """Somebody deletes a key in the dashboard, or it loses a scope."""
    if names := sorted(name for owner, name in account.staged if owner == role.name):
        key = key_value(_chosen(names, pick))
        if pick // 10 % 2 and key in account.klaviyo.scopes:
            account.klaviyo.scopes[key] = ("accounts:read", "profiles:read")
        else:
            account.klaviyo.scopes.pop(key, None)


def klaviyo_fails(account: Account, role: Role, pick: int) -> None:
    """Klaviyo answers no more."""
    account.klaviyo.status = _chosen((500, 503, 403, 302, 429), pick)


def klaviyo_works(account: Account, role: Role, pick: int) -> None:
    """Klaviyo answers again."""
    account.klaviyo.status = None


def clock_jumps(account: Account, role: Role, pick: int) -> None:
    """Time passes, or a clock is set."""
    account.clock.now += _chosen(_JUMPS, pick)


RULES: Final[Mapping[str, Rule]] = {
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
    "rotate": rotate,
    "announce": announce,
    "late step": late_step,
    "canary": canary,
    "roll back": roll_back,
    "move back": move_back,
    "retire": retire,
    "begin-disable": begin_disable,
    "prove-dead": prove_dead,
    "by hand": by_hand,
    "leaked": leaked,
    "unstick": unstick,
    "hostile event": hostile_event,
    "key dies": key_dies,
    "klaviyo fails": klaviyo_fails,
    "klaviyo works": klaviyo_works,
    "clock jumps": clock_jumps,
    "audit": audit,
}


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


def _with_keys(account: Account, role: Role) -> list[Version]:
    return [version for version in account.see(role).key if version.ours]


def _any_version(account: Account, role: Role, pick: int) -> tuple[str, Version | None]:
    seen = account.see(role)
    found = [("key", version) for version in seen.key if version.ours]
    found += [("reserve", version) for version in seen.reserve if version.ours]
    return _chosen(found, pick) if found else ("key", None)


def _chosen(options: Sequence[T], pick: int) -> T:
    return options[pick % len(options)]
