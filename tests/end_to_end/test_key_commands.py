"""What operators do with keys that went wrong, for real: on the deployed sandbox, with its rotators and its Klaviyo."""

import json
import re

import pytest

from klaviyo_access.access_model import AccessModel
from klaviyo_access.cli.app import keys
from klaviyo_access.keys.secret import fingerprint
from tests.end_to_end.deployed import PROJECT, Deployed

pytestmark = pytest.mark.end_to_end

SCOPES = {
    name: ",".join(role.scopes)
    for name, role in AccessModel.load(PROJECT / "access.yaml").in_environment("local").roles.items()
}


@pytest.fixture
def spare(deployed: Deployed) -> str:
    """The fingerprint of a good spare of developer, its only one."""
    while deployed.status("developer")["spares"]:
        assert deployed.operate("keys", "rotate", "developer").returncode == 0
    key = deployed.new_key(SCOPES["developer"])
    staged = deployed.operate("keys", "stage", "developer", stdin=f"{key}\n")
    assert staged.returncode == 0, staged.stdout + staged.stderr
    return fingerprint(key)


def test_a_roll_back_brings_the_key_before_back_and_rejects_the_one_in_use(deployed: Deployed, spare: str) -> None:
    before = deployed.status("developer")["current"]["fingerprint"]
    assert deployed.operate("keys", "rotate", "developer").returncode == 0
    assert deployed.status("developer")["current"]["fingerprint"] == spare
    back = deployed.operate("keys", "rollback", "developer", "--yes")
    assert (back.returncode, back.stdout) == (0, f"developer: rolled back to {before}; {spare} is rejected.\n")
    after = deployed.status("developer")
    assert after["current"]["fingerprint"] == before
    assert {"fingerprint": spare, "reason": "rolled-back"}.items() <= after["rejected"][-1].items()
    again = deployed.operate("keys", "rollback", "developer", "--yes")
    assert again.returncode == 1
    assert f"the previous key {spare} was rejected" in again.stderr


def test_a_leaked_key_is_rotated_away_seen_dead_and_who_read_it_is_told(deployed: Deployed, spare: str) -> None:
    leaked = deployed.status("developer")["current"]["fingerprint"]
    reader = deployed.client("secretsmanager", deployed.as_service("app-api"))
    reader.get_secret_value(SecretId="klaviyo/local/developer/key")
    first = deployed.operate("keys", "leaked", leaked, "--yes", "--timeout", "0")
    assert deployed.status("developer")["current"]["fingerprint"] == spare
    assert f"developer: {leaked} is marked as leaked." in first.stdout
    assert "role/klaviyo/local/klaviyo-local-app-api: " in first.stdout
    if first.returncode:  # no auditor disabled it: a person does
        assert "disable the one key that ends in" in first.stderr
        assert deployed.run("-m", "sandbox", "klaviyo-key", "--disable", leaked).returncode == 0
        second = deployed.operate("keys", "leaked", leaked, "--yes", "--timeout", "0")
        assert second.returncode == 0, second.stdout + second.stderr
    status = deployed.status("developer")
    assert leaked not in str(status)
    back = deployed.operate("keys", "rollback", "developer", "--yes")
    assert back.returncode == 1
    assert deployed.status("developer")["current"]["fingerprint"] == spare


def test_a_leaked_key_in_use_without_a_spare_is_left_alone(deployed: Deployed, spare: str) -> None:
    assert deployed.operate("keys", "rotate", "developer").returncode == 0
    before = deployed.status("developer")
    stopped = deployed.operate("keys", "leaked", spare, "--yes")
    assert stopped.returncode == 1
    assert "give --outage" in stopped.stderr
    assert deployed.status("developer") == before


def test_a_bare_key_is_adopted_rotated_away_and_retired(deployed: Deployed, spare: str) -> None:
    rotator = "arn:aws:iam::000000000000:role/klaviyo/local/klaviyo-local-developer-rotator"
    told = deployed.run("-m", "sandbox", "credentials", "--json", "--role", rotator)
    bare = deployed.new_key(SCOPES["developer"])
    deployed.client("secretsmanager", json.loads(told.stdout)).put_secret_value(
        SecretId="klaviyo/local/developer/key", SecretString=bare
    )
    assert deployed.status("developer")["current"]["fingerprint"] is None
    adopted = deployed.operate("keys", "adopt", "developer", "--yes")
    assert (adopted.returncode, adopted.stdout) == (0, f"developer: {fingerprint(bare)} is managed now.\n")
    assert deployed.status("developer")["current"]["fingerprint"] == fingerprint(bare)
    assert deployed.operate("keys", "rotate", "developer").returncode == 0
    waiting = {key["fingerprint"]: key["waits_for"] for key in deployed.status("developer")["retired"]}
    assert waiting[fingerprint(bare)].endswith("for app-api (library)")
    first = deployed.operate("keys", "retire", "developer", fingerprint(bare), "--yes", "--timeout", "0")
    if first.returncode:  # no auditor disabled it: a person does
        assert deployed.run("-m", "sandbox", "klaviyo-key", "--disable", fingerprint(bare)).returncode == 0
        first = deployed.operate("keys", "retire", "developer", fingerprint(bare), "--yes", "--timeout", "0")
    assert first.stdout == f"developer: {fingerprint(bare)} is disabled, and Klaviyo refuses it.\n"
    assert fingerprint(bare) not in str(deployed.status("developer"))


def test_a_probe_keeps_a_key_that_is_short_of_scopes_off_the_reserve(deployed: Deployed) -> None:
    before = deployed.status("developer")["spares"]
    poor = deployed.new_key("accounts:read,profiles:read")
    refused = deployed.operate("keys", "stage", "developer", "--probe", stdin=f"{poor}\n")
    assert refused.returncode == 1
    assert f"{fingerprint(poor)} is not the key that is needed: it lacks " in refused.stderr
    assert deployed.status("developer")["spares"] == before


def test_every_command_on_keys_has_its_place_in_the_operators_page() -> None:
    page = (PROJECT / "docs/operating-keys.md").read_text("utf-8")
    shown = set(re.findall(r"klaviyo-access keys ([a-z]+)", page))
    assert shown == {command.callback.__name__ for command in keys.registered_commands if command.callback}
