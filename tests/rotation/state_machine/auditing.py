"""The auditor's disposal of keys over both roles, by the list of keys that Klaviyo shows."""

import io
import json
from collections.abc import Mapping
from typing import Any, cast

from klaviyo_access.keys.secret import Key, fingerprint
from rotation.auditor_disposal import Disposal
from rotation.auditor_findings import Finding, Kind, Record
from rotation.auditor_inventory import Inventory
from rotation.auditor_rotators import Rotators
from rotation.auditor_settings import AuditedRole
from rotation.auditor_sight import SecretsClient, Sight
from rotation.errors import RotationError
from tests.rotation.rotation_world import SCOPES, KilledError, key_value
from tests.rotation.state_machine.account import Account, Role, TurnedAwayError


class QuietRecord(Record):
    """Notes findings and prints none."""

    def find(self, kind: Kind, role: str, message: str, fingerprint: str | None = None) -> None:
        """Note a finding."""
        self.findings.append(Finding(kind=kind, role=role, message=message, fingerprint=fingerprint))


def audit(account: Account, role: Role, pick: int) -> None:
    """Dispose of one role's keys as the daily audit does."""
    account.repair_due = True
    inventory = Inventory(
        url="https://klaviyo.test",
        key=Key(key_value("custodian")),
        transport=_KlaviyoList(account),
        sleep=lambda _: None,
        time_left=lambda: 0.5,
    )
    sight = Sight(cast("SecretsClient", _Secrets(account)))
    audited = {name: _audited(one) for name, one in account.roles.items()}
    disposal = Disposal(
        sight=sight,
        rotators=Rotators(client=_Functions(account), sleep=lambda _: None, time_left=lambda: 0.0),
        roles=tuple(audited.values()),
        inventory=inventory,
        entries=inventory.entries(),
        record=QuietRecord(),
    )
    disposal.dispose(sight.look(audited[role.name]))
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
    def __init__(self, account: Account) -> None:
        self._by_arn = {arn: role for role in account.roles.values() for arn in (role.key_arn, role.reserve_arn)}

    def describe_secret(self, **parameters: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._by_arn[parameters["SecretId"]].client.describe_secret(**parameters)
        return answer


class _Functions:
    def __init__(self, account: Account) -> None:
        self._account = account

    def invoke(self, **parameters: Any) -> Mapping[str, Any]:
        try:
            answer = self._account.roles[parameters["FunctionName"]].invoke(json.loads(parameters["Payload"]))
        except (RotationError, KilledError, TurnedAwayError) as error:
            failed = json.dumps({"errorType": type(error).__name__}).encode()
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(failed)}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


class _KlaviyoList:
    """Klaviyo's list of keys: what it shows of them, and how they are disabled and enabled."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def __call__(
        self, method: str, _url: str, _headers: Mapping[str, str], _timeout: float, body: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        return self._account.process.make(lambda: self._answer(method, body))

    def _answer(self, method: str, body: bytes | None) -> tuple[int, Mapping[str, str], bytes]:
        if self._account.klaviyo.status:
            return self._account.klaviyo.status, {}, b""
        if method == "PATCH":
            self._change(json.loads(body or b"")["data"])
            return 200, {}, b"{}"
        keys = self._account.klaviyo.scopes | self._account.disabled
        return 200, {}, json.dumps({"data": [self._entry(key, scopes) for key, scopes in keys.items()]}).encode()

    def _entry(self, key: str, scopes: tuple[str, ...]) -> dict[str, Any]:
        attributes = {
            "name": self._account.marks.get(fingerprint(key), "a key"),
            "status": "disabled" if key in self._account.disabled else "active",
            "scopes": list(scopes),
            "redacted_key": f"pk_**{key[-4:]}",
        }
        return {"id": fingerprint(key), "attributes": attributes}

    def _change(self, change: Mapping[str, Any]) -> None:
        klaviyo, disabled = self._account.klaviyo.scopes, self._account.disabled
        self._account.marks[change["id"]] = change["attributes"]["name"]
        key = next((key for key in klaviyo | disabled if fingerprint(key) == change["id"]), None)
        if key is None:
            return
        match change["attributes"].get("status"):
            case "disabled" if key in klaviyo:
                disabled[key] = klaviyo.pop(key)
                self._account.hit.add(change["id"])
            case "active" if key in disabled:
                klaviyo[key] = disabled.pop(key)
