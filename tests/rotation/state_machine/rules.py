"""What people, AWS, Klaviyo and time can do to two roles: each rule takes a role and a number to choose by."""

import json
from collections.abc import Mapping
from typing import Final

from klaviyo_access.keys.labels import AwsLabel, Disabling, Version
from klaviyo_access.keys.secret import fingerprint
from klaviyo_access.klaviyo.probe_table import ACCOUNT_SCOPE
from tests.rotation.rotation_world import SCOPES, at_once, call, key_value
from tests.rotation.state_machine.account import Account, Role, print_of
from tests.rotation.state_machine.auditing import audit
from tests.rotation.state_machine.staging import STAGING, Rule, chosen

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
    token = chosen(tokens, pick) if tokens else "t" * 32
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
        version = chosen(versions, pick)
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


def discard(account: Account, role: Role, pick: int) -> None:
    """By an operator, of whatever was staged."""
    if versions := [version for version in account.see(role).reserve if version.ours]:
        role.invoke({"action": "discard", "version": chosen(versions, pick).id})


def adopt(account: Account, role: Role, pick: int) -> None:
    """By an operator, who may be mistaken: the key is the rotator's own."""
    role.invoke({"action": "adopt"})


def put_by_hand(account: Account, role: Role, pick: int) -> None:
    """Somebody with more rights than an operator puts a known key that works where services read: one that is, was or
    waits to be theirs, or another role's; with the label that names it, or without."""
    if names := sorted({name for _, name in account.staged if account.accepts(name)}):
        name, number = chosen(names, pick), account.new_number()
        key = key_value(name)
        forms = (key, json.dumps({"apiKey": key}), json.dumps({"KLAVIYO_API_KEY": key, "number": number}))
        labels = [AwsLabel.CURRENT.value] + ([f"KEY:{print_of(key)}"] if pick // 3 % 4 == 3 else [])
        version = f"by-hand-{number:024d}"
        role.names[print_of(key)] = name
        parameters = {
            "SecretId": role.key_arn,
            "ClientRequestToken": version,
            "SecretString": chosen(forms, pick // 3),
            "VersionStages": labels,
        }
        at_once(role.service.handle(call("PutSecretValue", parameters)))
        account.by_hand[version] = (role.name, name)


def disable_by_hand(account: Account, role: Role, pick: int) -> None:
    """People disable in the dashboard what the last audit asked them to, and look first whether it is in use."""
    live = {one for role in account.roles.values() for one in account.see(role).live}
    for key in list(account.klaviyo.scopes):
        if print_of(key) in account.left_to_people - live:
            account.disabled[key] = account.klaviyo.scopes.pop(key)
    account.left_to_people.clear()


def enable_by_hand(account: Account, role: Role, pick: int) -> None:
    """Somebody enables a disabled key again in the dashboard."""
    if account.disabled:
        key = chosen(sorted(account.disabled), pick)
        account.klaviyo.scopes[key] = account.disabled.pop(key)


def leaked(account: Account, role: Role, pick: int) -> None:
    """By an operator: every role's rotator is told."""
    if names := sorted(name for owner, name in account.staged if owner == role.name):
        event = {"action": "leaked", "fingerprint": fingerprint(key_value(chosen(names, pick)))}
        for told in account.roles.values():
            answer = told.invoke(event)
            if answer["outcome"] == "marked":
                account.leaked.add((told.name, event["fingerprint"]))
            if answer.get("life") == "current":
                account.leaked_in_use.add((told.name, event["fingerprint"]))


def unstick(account: Account, role: Role, pick: int) -> None:
    """As the auditor asks."""
    role.invoke({"action": "unstick"})


def hostile_event(account: Account, role: Role, pick: int) -> None:
    """What no rotator serves."""
    role.invoke(chosen(_HOSTILE, pick))


def key_dies(account: Account, role: Role, pick: int) -> None:
    """Somebody deletes a key in the dashboard, or it loses a scope; by that of some, their account is seen."""
    if names := sorted(name for owner, name in account.staged if owner == role.name):
        key, kind = key_value(chosen(names, pick)), pick // 10 % 3
        if kind and key in account.klaviyo.scopes:
            account.klaviyo.scopes[key] = (("accounts:read", "profiles:read"), SCOPES[1:])[kind - 1]
        else:
            account.klaviyo.scopes.pop(key, None)


def klaviyo_says_nothing_of_a_key(account: Account, role: Role, pick: int) -> None:
    """Klaviyo knows it, and forbids for no reason that it names what would tell the key's account."""
    if names := sorted(name for owner, name in account.staged if owner == role.name):
        account.klaviyo.closed[key_value(chosen(names, pick))] = ACCOUNT_SCOPE


def klaviyo_fails(account: Account, role: Role, pick: int) -> None:
    """Klaviyo answers no more."""
    account.klaviyo.status = chosen((500, 503, 403, 302, 429), pick)


def klaviyo_refuses_everybody(account: Account, role: Role, pick: int) -> None:
    """Klaviyo's login fails: each key gets a 401, the custodian's too."""
    account.klaviyo.status = 401


def klaviyo_works(account: Account, role: Role, pick: int) -> None:
    """Klaviyo answers again."""
    account.klaviyo.status = None


def clock_jumps(account: Account, role: Role, pick: int) -> None:
    """Time passes, or a clock is set."""
    account.clock.now += chosen(_JUMPS, pick)


RULES: Final[Mapping[str, Rule]] = {
    **STAGING,
    "rotate": rotate,
    "announce": announce,
    "late step": late_step,
    "canary": canary,
    "roll back": roll_back,
    "move back": move_back,
    "retire": retire,
    "begin-disable": begin_disable,
    "prove-dead": prove_dead,
    "discard": discard,
    "adopt": adopt,
    "put by hand": put_by_hand,
    "disable by hand": disable_by_hand,
    "enable by hand": enable_by_hand,
    "leaked": leaked,
    "unstick": unstick,
    "hostile event": hostile_event,
    "key dies": key_dies,
    "klaviyo says nothing of a key": klaviyo_says_nothing_of_a_key,
    "klaviyo fails": klaviyo_fails,
    "klaviyo refuses everybody": klaviyo_refuses_everybody,
    "klaviyo works": klaviyo_works,
    "clock jumps": clock_jumps,
    "audit": audit,
}


def _with_keys(account: Account, role: Role) -> list[Version]:
    return [version for version in account.see(role).key if version.ours]


def _any_version(account: Account, role: Role, pick: int) -> tuple[str, Version | None]:
    seen = account.see(role)
    found = [("key", version) for version in seen.key if version.ours]
    found += [("reserve", version) for version in seen.reserve if version.ours]
    return chosen(found, pick) if found else ("key", None)
