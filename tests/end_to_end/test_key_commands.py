"""What operators do with keys that went wrong, for real: on the deployed sandbox, with its rotators and its Klaviyo."""

import json
import re

import pytest

from klaviyo_access.access_model import AccessModel
from klaviyo_access.cli.app import keys
from klaviyo_access.keys.secret import fingerprint
from sandbox import asking
from sandbox.home import Home
from tests.end_to_end.deployed import PROJECT, Deployed

pytestmark = pytest.mark.end_to_end

SCOPES = {
    name: ",".join(role.scopes)
    for name, role in AccessModel.load(PROJECT / "access.yaml").in_environment("local").roles.items()
}


@pytest.fixture
def spare(deployed: Deployed) -> str:
    """The fingerprint of a good spare of developer, its only one, with room on the key secret for more labels."""
    deployed.use_up_spares("developer")
    key = deployed.new_key(SCOPES["developer"])
    deployed.done("keys", "stage", "developer", stdin=f"{key}\n")
    return fingerprint(key)


def test_a_roll_back_brings_the_key_before_back_and_rejects_the_one_in_use(deployed: Deployed, spare: str) -> None:
    before = deployed.status("developer")["current"]["fingerprint"]
    deployed.done("keys", "rotate", "developer", "--yes")
    assert deployed.status("developer")["current"]["fingerprint"] == spare
    back = deployed.operate("keys", "rollback", "developer", "--yes")
    assert (back.returncode, back.stdout) == (0, f"developer: rolled back to {before}; {spare} is rejected.\n")
    after = deployed.status("developer")
    assert after["current"]["fingerprint"] == before
    assert {"fingerprint": spare, "reason": "rolled-back"}.items() <= after["rejected"][-1].items()
    again = deployed.operate("keys", "rollback", "developer", "--yes")
    assert again.returncode == 1
    assert f"the previous key {spare} was rejected" in again.stderr


DEVELOPER = "klaviyo/local/developer"


def labels(deployed: Deployed, kind: str) -> set[str]:
    """All labels of ours on a secret of developer, without their times."""
    client = deployed.client("secretsmanager", deployed.signed_in("deployer"))
    stages = client.describe_secret(SecretId=f"{DEVELOPER}/{kind}")["VersionIdsToStages"].values()
    found = {label for labels in stages for label in labels if ":" in label}
    return {re.sub(r":\d{8}T\d{6}Z", "", label) for label in found}


def at_klaviyo(deployed: Deployed, fingerprint: str) -> tuple[str, str]:
    """The status of a key in Klaviyo's own list, and what the mark in its name says beside its last four characters."""
    home = Home(deployed.home)
    listed = asking.ask(home, asking.running(home).ports.klaviyo, "GET", "/sandbox/keys")
    [(status, name)] = [(key["status"], key["name"]) for key in listed if key["fingerprint"] == fingerprint]
    return status, re.sub(r"^.*\[|-[0-9a-f]{4}|\]", "", name)


def test_a_leaked_spare_is_disabled_by_the_auditor_and_forgotten(deployed: Deployed, spare: str) -> None:
    in_use = deployed.status("developer")["current"]["fingerprint"]
    assert f"SPARE:{spare}" in labels(deployed, "reserve")
    done = deployed.operate("keys", "leaked", spare, "--yes", "--timeout", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{spare} is a spare. It is marked as leaked, and never used again." in done.stderr
    assert f"developer: {spare} is disabled, and Klaviyo refuses it." in done.stdout
    assert at_klaviyo(deployed, spare) == ("disabled", f"{spare} leaked")
    assert not {label for label in labels(deployed, "reserve") if spare in label}
    assert deployed.status("developer")["current"]["fingerprint"] == in_use
    assert at_klaviyo(deployed, in_use)[0] == "active"


def test_a_leaked_key_in_use_is_rotated_away_disabled_by_the_auditor_and_who_read_it_is_told(
    deployed: Deployed, spare: str
) -> None:
    leaked = deployed.status("developer")["current"]["fingerprint"]
    reader = deployed.client("secretsmanager", deployed.as_service("app-api"))
    reader.get_secret_value(SecretId=f"{DEVELOPER}/key")
    done = deployed.operate("keys", "leaked", leaked, "--yes", "--timeout", "0", "--days", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    said = [line.partition(": rotated")[0] for line in done.stdout.splitlines()]
    assert said[:4] == [
        f"developer: {leaked} is marked as leaked.",
        "developer",
        f"developer: {leaked} is disabled, and Klaviyo refuses it.",
        "Who read keys of the role in the last 2 days, how often, when and where:",
    ]
    assert "role/klaviyo/local/klaviyo-local-app-api: " in done.stdout
    assert at_klaviyo(deployed, leaked) == ("disabled", f"{leaked} leaked")
    assert not {label for kind in ("key", "reserve") for label in labels(deployed, kind) if leaked in label}
    assert f"KEY:{spare}" in labels(deployed, "key")
    assert deployed.status("developer")["current"]["fingerprint"] == spare
    again = deployed.operate("keys", "leaked", leaked, "--days", "2")
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"No role has {leaked} any more, which developer had" in again.stdout
    assert "role/klaviyo/local/klaviyo-local-app-api: " in again.stdout
    back = deployed.operate("keys", "rollback", "developer", "--yes")
    assert back.returncode == 1
    assert deployed.status("developer")["current"]["fingerprint"] == spare


def test_a_leaked_key_in_use_without_a_spare_is_disabled_by_a_person_who_accepts_the_outage(
    deployed: Deployed, spare: str
) -> None:
    deployed.done("keys", "rotate", "developer", "--yes")
    before = deployed.status("developer")
    stopped = deployed.operate("keys", "leaked", spare, "--yes")
    assert stopped.returncode == 1
    assert "give --outage" in stopped.stderr
    assert deployed.status("developer") == before

    marked = deployed.operate("keys", "leaked", spare, "--outage", "--yes")
    assert marked.returncode == 1
    assert f"{spare} is in use and alive until you disable it." in marked.stderr
    assert {f"KEY:{spare}", f"LEAKED:{spare}"} <= labels(deployed, "key")
    assert at_klaviyo(deployed, spare)[0] == "active"  # nothing but a person disables what services use
    disabled = deployed.run("-m", "sandbox", "klaviyo-key", "--disable", spare)
    assert disabled.returncode == 0, disabled.stdout + disabled.stderr

    key = deployed.new_key(SCOPES["developer"])
    deployed.done("keys", "stage", "developer", stdin=f"{key}\n")
    done = deployed.operate("keys", "leaked", spare, "--yes", "--timeout", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"developer: {spare} is disabled, and Klaviyo refuses it." in done.stdout
    assert not {label for label in labels(deployed, "key") if spare in label}
    assert deployed.status("developer")["current"]["fingerprint"] == fingerprint(key)


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
    rotated = deployed.operate("keys", "rotate", "developer", "--yes")
    assert rotated.returncode == 0, rotated.stdout + rotated.stderr
    waiting = {key["fingerprint"]: key["waits_for"] for key in deployed.status("developer")["retired"]}
    assert waiting[fingerprint(bare)].endswith("for app-api (library)")
    retired = deployed.operate("keys", "retire", "developer", fingerprint(bare), "--yes", "--timeout", "0")
    assert retired.stdout == f"developer: {fingerprint(bare)} is disabled, and Klaviyo refuses it.\n"
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
