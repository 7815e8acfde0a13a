"""The auditor's round over both roles and a custodian's, and what answers it: AWS, rotators, Klaviyo's list of keys.

All of the auditor is the real one, and so are the rotators and Secrets Manager behind it. Of the custodian's role there
is its key alone, to which nothing happens.
"""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from klaviyo_access.keys.labels import AwsLabel, HoldsKey
from rotation.auditor.findings import Kind
from rotation.auditor.rotators import Rotators
from rotation.auditor.round import Round
from rotation.auditor.settings import AuditedRole, AuditorSettings
from rotation.auditor.sight import SecretsClient, Sight
from rotation.auditor.trail import Trail
from rotation.errors import RotationError
from rotation.report import Outcome
from tests.rotation.rotation_world import SCOPES, KilledError, key_value
from tests.rotation.state_machine.account import Account, Patience, Role, TurnedAwayError, print_of
from tests.rotation.state_machine.faults import THROTTLED, UNKNOWN_KEY, ThrottledError, throttled

_CUSTODIAN: Final = AuditedRole(
    name="custodian",
    key="custodian/key",
    reserve="custodian/reserve",
    rotator="custodian",
    scopes=frozenset({"accounts:read", "credentials:read", "credentials:write"}),
    is_custodian=True,
)
_CUSTODIANS_KEY: Final = key_value("custodian")


def audits_one_role(pick: int) -> bool:
    """What an audit chooses by."""
    return pick % 4 == 3


def audit(account: Account, role: Role, pick: int) -> None:
    """The daily round through all roles; now and then one role alone, as an operator asks for."""
    account.repair_due = True
    audited = {name: _audited(one) for name, one in account.roles.items()}
    every = (*audited.values(), _CUSTODIAN)
    chosen = (audited[role.name],) if audits_one_role(pick) else every
    patience = Patience()
    round_ = Round(
        settings=AuditorSettings(
            environment="local", klaviyo_url="https://klaviyo.test", longest_age=timedelta(days=99), roles=every
        ),
        sight=Sight(cast("SecretsClient", _Secrets(account))),
        rotators=Rotators(client=_Functions(account), sleep=patience.sleep, time_left=patience.left),
        trail=Trail(_Trail(account)),
        send=_KlaviyosList(account),
        sleep=patience.sleep,
        time_left=patience.left,
        clock=lambda: datetime.fromtimestamp(account.clock.now, UTC),
    )
    with redirect_stdout(io.StringIO()):
        record = round_.go(chosen)
    account.left_to_people = {str(one.fingerprint) for one in record.findings if one.kind is Kind.BY_HAND}
    if chosen == every:
        account.repair_due = False


def _audited(role: Role) -> AuditedRole:
    return AuditedRole(
        name=role.name,
        key=role.key_arn,
        reserve=role.reserve_arn,
        rotator=role.name,
        scopes=frozenset(SCOPES),
        is_custodian=False,
    )


class _Secrets:
    """Secrets Manager: the roles', and the custodian's secret, which never changes."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._by_arn = {arn: role for role in account.roles.values() for arn in (role.key_arn, role.reserve_arn)}

    def __getattr__(self, operation: str) -> Any:
        return lambda **parameters: self._answer(operation, parameters)

    def _answer(self, operation: str, parameters: dict[str, Any]) -> Mapping[str, Any]:
        if role := self._by_arn.get(parameters["SecretId"]):
            assert operation != "get_secret_value", "the auditor reads the custodian's key alone"
            if operation == "rotate_secret":  # boto3 makes a token
                parameters["ClientRequestToken"] = f"{self._account.new_number():032d}"
            answer: Mapping[str, Any] = getattr(role.client, operation)(**parameters)
            return answer
        return _OF_THE_CUSTODIAN[operation]


_OF_THE_CUSTODIAN: Final[Mapping[str, Mapping[str, Any]]] = {
    "describe_secret": {
        "ARN": "arn:custodian",
        "RotationEnabled": True,
        "VersionIdsToStages": {"c" * 32: [str(HoldsKey(print_of(_CUSTODIANS_KEY))), AwsLabel.CURRENT.value]},
    },
    "get_secret_value": {"SecretString": json.dumps({"apiKey": _CUSTODIANS_KEY})},
    "list_secret_version_ids": {},
}


@dataclass(frozen=True)
class _Functions:
    """Lambda: each role's rotator, and the custodian's, whose key Klaviyo accepts if it accepts any."""

    account: Account

    def invoke(self, **parameters: Any) -> Mapping[str, Any]:
        try:
            return self.account.process.make(
                lambda: self._answer(parameters["FunctionName"], json.loads(parameters["Payload"]))
            )
        except (ThrottledError, TurnedAwayError):
            raise throttled("TooManyRequestsException", "Invoke") from None

    def _answer(self, function: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
        role = self.account.roles.get(function)
        if role is None:
            return _payload({"action": event["action"], **self._of_the_custodian()})
        try:
            return _payload(role.invoke(event))
        except (RotationError, KilledError) as error:
            return _payload({"errorType": type(error).__name__}) | {"FunctionError": "Unhandled"}

    def _of_the_custodian(self) -> dict[str, object]:
        fingerprint = print_of(_CUSTODIANS_KEY)
        if self.account.klaviyo.status is None:
            return {"outcome": Outcome.FINE, "fingerprint": fingerprint, "ends_with": _CUSTODIANS_KEY[-4:]}
        if self.account.klaviyo.status != UNKNOWN_KEY[0]:
            return {"outcome": Outcome.NO_ANSWER, "fingerprint": fingerprint}
        reason = "refused; there is no previous key"
        return {"outcome": Outcome.NOTHING_TO_FALL_BACK_ON, "fingerprint": fingerprint, "reason": reason}


def _payload(document: Mapping[str, object]) -> dict[str, Any]:
    return {"Payload": io.BytesIO(json.dumps(document).encode())}


@dataclass(frozen=True)
class _Trail:
    """CloudTrail."""

    account: Account

    def lookup_events(self, **parameters: Any) -> Mapping[str, Any]:
        wanted, since = parameters["LookupAttributes"][0]["AttributeValue"], parameters["StartTime"]
        return {
            "Events": [
                {
                    "EventTime": time,
                    "CloudTrailEvent": json.dumps({"additionalEventData": {"SecretId": role.key_arn}}),
                }
                for role in self.account.roles.values()
                for name, time in role.recorded
                if name == wanted and time >= since
            ]
        }


@dataclass(frozen=True)
class _KlaviyosList:
    """Klaviyo's list of keys, newest first: what it shows of them, and how they are named, disabled and enabled."""

    account: Account

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], timeout: float, body: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        assert headers["Authorization"] == f"Klaviyo-API-Key {_CUSTODIANS_KEY}"
        assert timeout > 0
        try:
            return self.account.process.make(lambda: self._answer(method, url, body))
        except ThrottledError:
            return THROTTLED

    def _answer(self, method: str, url: str, body: bytes | None) -> tuple[int, Mapping[str, str], bytes]:
        account = self.account
        if account.klaviyo.status:
            return UNKNOWN_KEY if account.klaviyo.status == UNKNOWN_KEY[0] else (account.klaviyo.status, {}, b"")
        keys = account.klaviyo.scopes | account.disabled
        if method == "GET":
            return 200, {}, json.dumps({"data": [self._entry(key, keys[key]) for key in reversed(keys)]}).encode()
        key = next((key for key in keys if url.endswith(f"/{_id(key)}")), None)
        if key is None:
            return 404, {}, b"{}"
        self._change(key, json.loads(body or b"")["data"]["attributes"])
        return 200, {}, b"{}"

    def _entry(self, key: str, scopes: tuple[str, ...]) -> dict[str, Any]:
        attributes = {
            "name": self.account.called.get(key, "a key"),
            "status": "disabled" if key in self.account.disabled else "active",
            "scopes": list(scopes),
            "redacted_key": f"pk_**{key[-4:]}",
        }
        return {"id": _id(key), "attributes": attributes}

    def _change(self, key: str, change: Mapping[str, str]) -> None:
        account = self.account
        if key in account.strangers:
            account.wrongs.append(f"the auditor changed the key of somebody else: {change}")
        account.called[key] = change["name"]
        match change.get("status"):
            case "disabled" if key in account.klaviyo.scopes:
                account.wrongs += _too_early(account, print_of(key))
                account.disabled[key] = account.klaviyo.scopes.pop(key)
                account.hit.add(print_of(key))
            case "active" if key in account.disabled:
                account.klaviyo.scopes[key] = account.disabled.pop(key)


def _id(key: str) -> str:
    """Klaviyo's id of a key, which says nothing to anybody."""
    return f"01{key[3:11]}"


def _too_early(account: Account, fingerprint: str) -> Iterator[str]:
    """The roles whose services may still hold a key that is being disabled."""
    seen = {role: account.see(role) for role in account.roles.values()}
    if any(one.has_leaked(fingerprint) for one in seen.values()):
        return
    for role, one in seen.items():
        holding = [version for version in one.key if one.key_of(version) == fingerprint]
        if not holding or any(version.in_use or version.verdict for version in holding):
            continue
        if not account.may_end(role, fingerprint):
            yield f"{fingerprint} was disabled before its grace in {role.name} was over"
