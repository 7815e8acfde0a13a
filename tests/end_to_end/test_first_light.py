"""What `make up` shows, and what an operator, a service and an intruder meet afterwards, all of it for real."""

import base64
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from klaviyo_access.keys.secret import fingerprint
from tests.end_to_end.deployed import PROJECT, Deployed

pytestmark = pytest.mark.end_to_end

ROLES = (
    "admin",
    "marketer",
    "developer",
    "viewer",
    "service",
    "profile-sync",
    "event-tracker",
    "reporting",
    "custodian",
)
KEY = re.compile(rb"pk_(?:[A-Za-z0-9]{6}_)?[0-9a-f]{34}")


def test_the_tour_shows_every_role_every_service_every_refusal_and_the_trail(deployed: Deployed) -> None:
    for role in ROLES:
        assert re.search(rf"{role} +│ [0-9a-f]{{12}} │ \d", deployed.said), role
    for service in ("profile-sync", "event-tracker", "reporting"):
        assert re.search(rf"│ {service} +│ [a-z-]+ +│ [a-z_]+ +│ \w", deployed.said), service
    assert re.search(r"│ app-api +│ marie \(marketer\) +│ POST /klaviyo/lists +│ 201: done", deployed.said)
    assert re.search(r"│ app-api +│ vera \(viewer\) +│ POST /klaviyo/lists +│ 403: Role 'viewer' does", deployed.said)
    assert re.search(r"│ admin-console +│ ada \(admin\) +│ GET /klaviyo/webhooks +│ 200: done", deployed.said)
    assert re.search(r"│ admin-console +│ marie \(marketer\) +│ GET /klaviyo/webhooks +│ 403: Role", deployed.said)
    assert re.search(
        r"sandbox/intruder, an administrator +│ admin, marketer, .*custodian +│ AccessDeniedException", deployed.said
    )
    assert re.search(r"sandbox/intruder +│ 0 +│ 9 ", deployed.said)


def test_the_tour_again_changes_nothing(deployed: Deployed) -> None:
    before = deployed.statuses()
    again = deployed.run("-m", "sandbox.tour", "up")
    assert again.returncode == 0, again.stdout + again.stderr
    assert re.search(r"^= \d+ unchanged$", again.stdout, re.MULTILINE)
    assert not re.search(r"^ [+~-]", again.stdout, re.MULTILINE)
    assert "Every role has its key already." in again.stdout
    assert deployed.statuses() == before


def test_a_service_reads_the_key_of_its_role_and_no_other(deployed: Deployed) -> None:
    client = deployed.client("secretsmanager", deployed.as_service("reporting"))
    answers = {}
    for role in ROLES:
        for kind in ("key", "reserve"):
            try:
                client.get_secret_value(SecretId=f"klaviyo/local/{role}/{kind}")
                answers[role, kind] = "allowed"
            except client.exceptions.ClientError as refusal:
                answers[role, kind] = refusal.response["Error"]["Code"]
    assert {place for place, answer in answers.items() if answer == "allowed"} == {("reporting", "key")}
    assert {answer for answer in answers.values() if answer != "allowed"} == {"AccessDeniedException"}


def test_neither_deployer_nor_operator_reads_a_key(deployed: Deployed) -> None:
    for who in ("deployer", "operator"):
        client = deployed.client("secretsmanager", deployed.signed_in(who))
        with pytest.raises(client.exceptions.ClientError, match="AccessDeniedException"):
            client.get_secret_value(SecretId="klaviyo/local/viewer/key")


RUNNING_SERVICE = """
import sys
from klaviyo_access.klaviyo import session_for_role
klaviyo = session_for_role("event-tracker")
for line in sys.stdin:
    klaviyo.Profiles.get_profiles(page_size=1)
    print("served", flush=True)
"""


@pytest.fixture
def running_service(deployed: Deployed) -> Iterator[subprocess.Popen[str]]:
    environ = {**deployed.environ, **deployed.as_service("event-tracker")}
    with subprocess.Popen(
        [sys.executable, "-c", RUNNING_SERVICE],
        cwd=PROJECT,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        assert process.stdin
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def test_a_running_service_follows_a_rotation_when_the_old_key_dies(
    deployed: Deployed, running_service: subprocess.Popen[str]
) -> None:
    def serve() -> str:
        assert running_service.stdin
        assert running_service.stdout
        running_service.stdin.write("\n")
        running_service.stdin.flush()
        return running_service.stdout.readline()

    assert serve() == "served\n"
    old = deployed.status("event-tracker")["current"]["fingerprint"]
    rotated = deployed.operate("keys", "rotate", "event-tracker", "--yes")
    assert rotated.returncode == 0, rotated.stdout + rotated.stderr
    new = deployed.status("event-tracker")
    assert new["current"]["fingerprint"] != old
    assert new["previous"]["fingerprint"] == old
    disabled = deployed.run("-m", "sandbox", "klaviyo-key", "--disable", old)
    assert disabled.returncode == 0, disabled.stdout + disabled.stderr
    assert serve() == "served\n"


def test_a_rotation_without_a_spare_says_what_to_do_and_keeps_the_key(deployed: Deployed) -> None:
    deployed.use_up_spares("reporting")
    before = deployed.status("reporting")
    refused = deployed.operate("keys", "rotate", "reporting", "--yes")
    assert refused.returncode == 1
    assert "klaviyo-access keys stage reporting" in refused.stdout + refused.stderr
    assert deployed.status("reporting") == before


def test_a_spare_that_lacks_a_scope_is_rejected_and_the_next_one_is_taken(deployed: Deployed) -> None:
    deployed.use_up_spares("profile-sync")
    poor = deployed.new_key("accounts:read,profiles:read")
    good = deployed.new_key("accounts:read,profiles:read,profiles:write,lists:read,lists:write")
    deployed.done("keys", "stage", "profile-sync", stdin=f"{poor}\n{good}\n")
    deployed.done("keys", "rotate", "profile-sync", "--yes")
    after = deployed.status("profile-sync")
    assert after["current"]["fingerprint"] == fingerprint(good)
    reasons = {key["fingerprint"]: key["reason"] for key in after["rejected"]}
    assert reasons[fingerprint(poor)] == "missing:lists:read"


def test_a_strangers_read_reaches_the_alerts(deployed: Deployed) -> None:
    environ = deployed.signed_in("deployer")
    queue_url = deployed.client("sqs", environ).create_queue(QueueName="alerts")["QueueUrl"]
    sqs = deployed.client("sqs", environ)
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = "arn:aws:sns:us-east-1:000000000000:klaviyo-local-alerts"
    deployed.client("sns", environ).subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    reader = deployed.client("secretsmanager", deployed.as_service("admin-console"))
    reader.get_secret_value(SecretId="klaviyo/local/admin/key")
    stranger = deployed.client("secretsmanager", deployed.signed_in("intruder"))
    with pytest.raises(stranger.exceptions.ClientError, match="AccessDeniedException"):
        stranger.get_secret_value(SecretId="klaviyo/local/admin/key")
    readers: set[str] = set()
    deadline = time.monotonic() + 60
    while not readers:
        assert time.monotonic() < deadline, "no alert came"
        messages = sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=10, MaxNumberOfMessages=10)
        alerts = [json.loads(json.loads(message["Body"])["Message"]) for message in messages.get("Messages", [])]
        readers |= {alert["detail"]["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] for alert in alerts}
    assert readers == {"arn:aws:iam::000000000000:role/sandbox/intruder"}


def test_no_key_is_in_any_file_log_record_or_output(deployed: Deployed) -> None:
    known = deployed.new_key("accounts:read,webhooks:read")
    staged = deployed.operate("keys", "stage", "viewer", stdin=f"{known}\n")
    outputs = [deployed.said, staged.stdout, staged.stderr, deployed.operate("keys", "status", "--json").stdout]
    environ = deployed.signed_in("deployer")
    events = deployed.client("cloudtrail", environ).get_paginator("lookup_events").paginate()
    outputs += [event["CloudTrailEvent"] for page in events for event in page["Events"]]
    logs = deployed.client("logs", environ)
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    lines = [
        event["message"]
        for group in groups
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        for event in page["events"]
    ]
    assert any('"outcome": "created"' in line for line in lines)
    # The sandbox's memory is where its Secrets Manager and its Klaviyo keep keys: theirs to hold, for its user alone.
    memory = set(deployed.home.glob("memory.sqlite*"))
    assert {path.stat().st_mode & 0o777 for path in memory} == {0o600}
    files = [path.read_bytes() for path in deployed.home.rglob("*") if path.is_file() and path not in memory]
    forms = [known.encode(), base64.b64encode(known.encode()), json.dumps({"apiKey": known}).encode()]
    for text in [*files, *(output.encode() for output in [*outputs, *lines])]:
        assert not KEY.search(text)
        assert not any(form in text for form in forms)


def test_the_doctor_finds_everything_in_order(deployed: Deployed) -> None:
    examined = deployed.operate("doctor", "--json")
    failed = {check["check"] for check in json.loads(examined.stdout)["checks"] if check["result"] != "ok"}
    assert failed <= {"spares"}, examined.stdout  # other tests rotate, and use the spares up
    assert examined.returncode == (1 if failed else 0)
