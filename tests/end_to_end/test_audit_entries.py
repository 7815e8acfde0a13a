"""What services write down about people: who hears of what is suspicious, and that no service touches another's."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.end_to_end.deployed import Deployed

pytestmark = pytest.mark.end_to_end

GROUP = "/klaviyo/local/application-audit"
ALARM = "klaviyo-local-suspicious-entries"
DELETE_A_PROFILE = """
import sys
from klaviyo_access.audit import AuditEntry, AuditLog, CloudWatchLogs, Suspicions, asked_by
group = CloudWatchLogs(sys.argv[1])
log = AuditLog("admin-console", group, anchors=group, suspicions=Suspicions.load())
with log as audit, asked_by("dora", "developer"):
    for action in sys.argv[2:]:
        audit.record(AuditEntry(action=action, resource="profiles/01PROFILE", result="succeeded"))
    assert audit.close(30), audit.status
    print(audit.status.stream)
"""


class Inbox:
    """A queue that hears the topic of the alerts."""

    def __init__(self, deployed: Deployed) -> None:
        deployer = deployed.signed_in("deployer")
        self._sqs, sns = deployed.client("sqs", deployer), deployed.client("sns", deployer)
        (topic,) = [one["TopicArn"] for one in sns.list_topics()["Topics"] if one["TopicArn"].endswith("-alerts")]
        self._queue = self._sqs.create_queue(QueueName="alerts-of-the-tests")["QueueUrl"]
        found = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        arn = found["Attributes"]["QueueArn"]
        receive = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        policy = {"Version": "2012-10-17", "Statement": [receive | {"Resource": arn}]}
        self._sqs.set_queue_attributes(QueueUrl=self._queue, Attributes={"Policy": json.dumps(policy)})
        subscribed = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
        self._subscription = subscribed["SubscriptionArn"]
        self._sns = sns

    def read(self) -> list[tuple[str, str]]:
        """What came since the last look: alarms by their name, and events by theirs, each with its text."""
        found = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10)
        texts = [json.loads(message["Body"])["Message"] for message in found.get("Messages", [])]
        return [(_name_of(json.loads(text)), text) for text in texts]

    def wait_for(self, name: str, *, about: str = "") -> None:
        """Wait until that alarm or event comes, whose text has ``about`` in it; others may come before."""
        deadline = time.monotonic() + 60
        while not any(heard == name and about in text for heard, text in self.read()):
            assert time.monotonic() < deadline, f"{name} did not come"

    def close(self) -> None:
        """Hear nothing more."""
        self._sns.unsubscribe(SubscriptionArn=self._subscription)
        self._sqs.delete_queue(QueueUrl=self._queue)


def _name_of(message: Mapping[str, Any]) -> str:
    return str(message["AlarmName"] if "AlarmName" in message else message["detail"]["eventName"])


@pytest.fixture
def inbox(deployed: Deployed) -> Iterator[Inbox]:
    made = Inbox(deployed)
    yield made
    made.close()


@pytest.fixture
def do(deployed: Deployed, tmp_path: Any) -> Callable[..., str]:
    """Has the service write entries of these actions; returns the chain that it wrote."""
    exported = deployed.run("-m", "klaviyo_access", "audit", "suspicious", "--stack", "local", "--json")
    (tmp_path / "suspicious.json").write_text(exported.stdout)
    place = {
        "KLAVIYO_ACCESS_SUSPICIOUS": str(tmp_path / "suspicious.json"),
        "KLAVIYO_ACCESS_AUDIT_SPOOL": str(tmp_path / "spool"),
    }

    def write(*actions: str) -> str:
        environ = deployed.as_service("admin-console") | place
        done = deployed.run("-c", DELETE_A_PROFILE, GROUP, *actions, environ=environ)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return write


def test_a_deletion_that_a_service_wrote_down_reaches_whoever_is_told(
    deployed: Deployed, inbox: Inbox, do: Callable[..., str]
) -> None:
    do("read-profiles")
    assert ALARM not in [name for name, _ in inbox.read()]
    do("read-profiles", "delete-profiles")
    inbox.wait_for(ALARM)
    verified = deployed.operate("audit", "verify", "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert sum(one["suspicious"] for one in json.loads(verified.stdout)["streams"]) == 1


def test_no_service_erases_entries_or_writes_in_anothers_name(deployed: Deployed, do: Callable[..., str]) -> None:
    chain = do("read-profiles")
    own, other = deployed.as_service("admin-console"), deployed.as_service("event-tracker")
    stream = {"logGroupName": GROUP, "logStreamName": f"entries/{chain}"}
    event = {"timestamp": int(time.time() * 1000), "message": "{}"}
    attempts: list[tuple[dict[str, str], str, dict[str, Any]]] = [
        (own, "delete_log_stream", stream),
        (own, "delete_log_group", {"logGroupName": GROUP}),
        (own, "put_retention_policy", {"logGroupName": GROUP, "retentionInDays": 1}),
        (own, "filter_log_events", {"logGroupName": GROUP}),
        (other, "put_log_events", stream | {"logEvents": [event]}),
        (other, "create_log_stream", stream | {"logStreamName": "anchors/admin-console/0123456789abcdef"}),
    ]
    for environ, operation, asked in attempts:
        with pytest.raises(ClientError) as refused:
            getattr(deployed.client("logs", environ), operation)(**asked)
        assert refused.value.response["Error"]["Code"] == "AccessDeniedException", operation


def test_a_line_in_anothers_name_is_found(deployed: Deployed, do: Callable[..., str]) -> None:
    chain = do("read-profiles")
    operator, deployer = deployed.signed_in("operator"), deployed.signed_in("deployer")
    found = deployed.client("logs", deployer).filter_log_events(logGroupName=GROUP, logStreamNames=[f"entries/{chain}"])
    line = found["events"][0]["message"]
    logs = deployed.client("logs", deployed.as_service("event-tracker"))
    place = {"logGroupName": GROUP, "logStreamName": "entries/event-tracker/0123456789abcdef"}
    logs.create_log_stream(**place)
    try:
        logs.put_log_events(**place, logEvents=[{"timestamp": int(time.time() * 1000), "message": line}])
        verified = deployed.run(
            "-m", "klaviyo_access", "audit", "verify", "--stack", "local", "--json", environ=operator
        )
        assert verified.returncode == 1, verified.stderr
        findings = json.loads(verified.stdout)["findings"]
        assert [(one["kind"], one["stream"]) for one in findings] == [("forged", chain)]
    finally:
        deployed.client("logs", deployer).delete_log_stream(**place)


def test_an_administrator_who_erases_entries_or_their_alarm_is_told_of(
    deployed: Deployed, inbox: Inbox, do: Callable[..., str]
) -> None:
    chain, intruder = do("read-profiles"), deployed.signed_in("intruder")
    for kind in ("entries", "anchors"):
        stream = {"logGroupName": GROUP, "logStreamName": f"{kind}/{chain}"}
        deployed.client("logs", intruder).delete_log_stream(**stream)
        inbox.wait_for("DeleteLogStream", about=stream["logStreamName"])
    deployed.client("cloudwatch", intruder).disable_alarm_actions(AlarmNames=[ALARM])
    inbox.wait_for("DisableAlarmActions")
    deployed.client("cloudwatch", intruder).enable_alarm_actions(AlarmNames=[ALARM])
