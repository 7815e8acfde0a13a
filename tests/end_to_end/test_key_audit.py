"""The daily audit on a deployed environment: two days after a rotation, the old key is disabled and proved dead."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from klaviyo_access.access_model import AccessModel
from klaviyo_access.keys.secret import fingerprint
from sandbox import asking
from sandbox.home import Home
from tests.end_to_end.deployed import PROJECT, Deployed, clean_environment

pytestmark = pytest.mark.end_to_end

PATIENCE_SECONDS = 90
AUDITOR_LOG, ROTATOR_LOG = (f"/aws/lambda/klaviyo-local-{name}" for name in ("key-auditor", "viewer-rotator"))


@dataclass(frozen=True)
class World:
    """An environment in which the viewer's key was rotated once, and two days passed.

    Attributes:
        deployed: the environment.
        old: the viewer's first key.
        new: its second one.
        custodian: the custodian's.
    """

    deployed: Deployed
    old: str
    new: str
    custodian: str

    def entries(self) -> dict[str, dict[str, Any]]:
        """Klaviyo's list of keys, by fingerprint."""
        home = Home(self.deployed.home)
        keys = asking.ask(home, asking.running(home).ports.klaviyo, "GET", "/sandbox/keys")
        return {key["fingerprint"]: key for key in keys}

    def lines(self, group: str) -> list[dict[str, Any]]:
        """The lines of JSON in a function's log."""
        logs = self.deployed.client("logs", self.deployed.signed_in("deployer"))
        events = logs.filter_log_events(logGroupName=group)["events"]
        return [json.loads(event["message"]) for event in events if event["message"].startswith("{")]

    def wait_for_line(self, group: str, **fields: Any) -> dict[str, Any]:
        """The first line with these fields, once it is there."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for line in self.lines(group):
                if line.items() >= fields.items():
                    return line
            time.sleep(0.5)
        raise AssertionError(f"{group} has no {fields}: {self.lines(group)}")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("audited") / "home"
    deployed = Deployed(home, clean_environment(home), "")
    roles = AccessModel.load(PROJECT / "access.yaml").in_environment("local").roles
    try:
        started = deployed.run("-m", "sandbox", "start", "--port", "0", "--klaviyo-port", "0")
        assert started.returncode == 0, started.stdout + started.stderr
        done = deployed.run("-m", "sandbox.engine", "up", "--stack", "local", environ=deployed.signed_in("deployer"))
        assert done.returncode == 0, done.stdout + done.stderr
        keys = [deployed.new_key(",".join(roles[role].scopes)) for role in ("viewer", "viewer", "custodian")]
        for role, key in zip(("viewer", "viewer", "custodian"), keys, strict=True):
            for command, stdin in (("stage", key), ("rotate", None)):
                operated = deployed.operate("keys", command, role, "--yes", stdin=stdin)
                assert operated.returncode == 0, operated.stdout + operated.stderr
        made = World(deployed, *keys)
        made.wait_for_line(ROTATOR_LOG, action="first-canary", fingerprint=fingerprint(made.new))
        turned = deployed.run("-m", "sandbox", "clock", "+2d")
        assert turned.returncode == 0, turned.stdout + turned.stderr
        made.wait_for_line(AUDITOR_LOG, action="audit")
        yield made
    finally:
        deployed.run("-m", "sandbox.tour", "down")


def test_a_new_key_is_tried_right_after_its_rotation(world: World) -> None:
    tried = world.wait_for_line(ROTATOR_LOG, action="first-canary", fingerprint=fingerprint(world.new))
    assert tried["outcome"] == "fine"


def test_the_superseded_key_is_disabled_marked_and_proved_dead(world: World) -> None:
    entries, old = world.entries(), fingerprint(world.old)
    assert {name for name, entry in entries.items() if entry["status"] == "disabled"} == {old}
    assert entries[old]["name"].endswith(f" [{old}-{world.old[-4:]} ended]")
    assert world.wait_for_line(AUDITOR_LOG, action="audit")["dead"] == 1
    assert world.deployed.status("viewer")["retired"] == []


def test_the_scopes_that_klaviyo_listed_to_the_audit_are_shown_to_operators(world: World) -> None:
    rows = world.deployed.statuses()
    assert set(rows["viewer"]["evidence"].values()) == {"inventory"}
    assert rows["viewer"]["listed"] is not None
    assert (rows["marketer"]["evidence"], rows["marketer"]["listed"]) == ({}, None)  # it has no key


def test_keys_in_use_are_marked_and_go_on_working(world: World) -> None:
    entries = world.entries()
    for key in (world.new, world.custodian):
        assert entries[fingerprint(key)]["name"].endswith(f" [{fingerprint(key)}-{key[-4:]}]")
        assert entries[fingerprint(key)]["status"] == "active"
    assert world.deployed.status("viewer")["current"]["fingerprint"] == fingerprint(world.new)


def test_what_is_missing_is_told_by_lines_metrics_and_an_alarm(world: World) -> None:
    found = {(line["finding"], line["role"]) for line in world.lines(AUDITOR_LOG) if "finding" in line}
    assert {("few-spares", "viewer"), ("no-key", "marketer")} <= found
    assert not {kind for kind, _ in found} - {"few-spares", "no-key"}
    cloudwatch = world.deployed.client("cloudwatch", world.deployed.signed_in("deployer"))
    alarms = {one["AlarmName"]: one["StateValue"] for one in cloudwatch.describe_alarms()["MetricAlarms"]}
    assert (alarms["klaviyo-local-key-findings"], alarms["klaviyo-local-urgent-key-findings"]) == ("ALARM", "OK")


def test_the_auditor_reads_the_custodians_key_alone_and_writes_no_key(world: World) -> None:
    trail = world.deployed.client("cloudtrail", world.deployed.signed_in("deployer"))
    asked = [{"AttributeKey": "EventName", "AttributeValue": "GetSecretValue"}]
    events = [json.loads(one["CloudTrailEvent"]) for one in trail.lookup_events(LookupAttributes=asked)["Events"]]
    reads = {
        event["requestParameters"]["secretId"]
        for event in events
        if event["userIdentity"]["arn"].split("/")[1] == "klaviyo-local-key-auditor"
    }
    assert reads == {"klaviyo/local/custodian/key"}
    said = json.dumps([world.lines(group) for group in (AUDITOR_LOG, ROTATOR_LOG)])
    assert [key for key in (world.old, world.new, world.custodian) if key[3:] in said] == []


def test_an_operator_starts_the_auditor_and_a_service_does_not(world: World) -> None:
    operator = world.deployed.client("sts", world.deployed.signed_in("operator")).assume_role(
        RoleArn="arn:aws:iam::000000000000:role/klaviyo/local/klaviyo-local-key-operator", RoleSessionName="test"
    )["Credentials"]
    environ = {
        **world.deployed.signed_in("operator"),
        "AWS_ACCESS_KEY_ID": operator["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": operator["SecretAccessKey"],
        "AWS_SESSION_TOKEN": operator["SessionToken"],
    }
    event = json.dumps({"action": "audit", "roles": ["viewer"]}).encode()
    client = world.deployed.client("lambda", environ)
    answer = client.invoke(FunctionName="klaviyo-local-key-auditor", Payload=event)
    said = json.loads(answer["Payload"].read())
    assert [finding["finding"] for finding in said["findings"]] == ["few-spares"]
    refused = client.invoke(FunctionName="klaviyo-local-key-auditor", Payload=b'{"action": "rollback"}')
    assert json.loads(refused["Payload"].read())["errorType"] == "EventRefusedError"
    service = world.deployed.client("lambda", world.deployed.as_service("reporting"))
    with pytest.raises(service.exceptions.ClientError, match="AccessDenied"):
        service.invoke(FunctionName="klaviyo-local-key-auditor", Payload=event)


def test_deploying_again_once_the_first_versions_are_gone_overwrites_no_key(world: World) -> None:
    before = world.deployed.statuses()
    assert before["viewer"]["current"]["fingerprint"] == fingerprint(world.new)
    again = world.deployed.run(
        "-m", "sandbox.engine", "up", "--stack", "local", environ=world.deployed.signed_in("deployer")
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert re.search(r"^= \d+ unchanged$", again.stdout, re.MULTILINE)
    assert not re.search(r"^ [+~-]", again.stdout, re.MULTILINE)
    assert world.deployed.statuses() == before
