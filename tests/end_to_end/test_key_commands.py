"""What operators do with keys that went wrong, for real: on the deployed sandbox, with its rotators and its Klaviyo."""

import pytest

from klaviyo_access.access_model import AccessModel
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
