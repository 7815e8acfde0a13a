"""Encrypted topics: who cannot use a topic's key sends nothing through it."""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.conformance.account import Account
from tests.conformance.citations import cites, documented
from tests.conformance.kms_world import Statement, World, allow, document

SERVICE: Final = "sns"
SOURCE: Final = "conformance.tests"
Fire = Callable[[], object]
Send = Callable[[World, list["Mailbox"]], Fire]
KEY_MANAGEMENT: Final = "SNS developer guide, Key management"


@pytest.fixture
def world(account: Account) -> World:
    return World(account)


class Mailbox:
    """A topic, and a queue that hears it.

    Args:
        world: where they are.
        key: what encrypts the topic.
        queue_key: what encrypts the queue.
        is_open: whether the topic's policy lets EventBridge and alarms publish.
    """

    def __init__(
        self, world: World, *, key: str | None = None, queue_key: str | None = None, is_open: bool = True
    ) -> None:
        self._sqs, sns, name = world.client("sqs"), world.client("sns"), world.name("topic")
        self._is_aws = world.is_aws
        attributes = {"KmsMasterKeyId": key} if key else {}
        self.topic = str(sns.create_topic(Name=name, Attributes=attributes)["TopicArn"])
        world.later(sns.delete_topic, TopicArn=self.topic)
        if is_open:
            services = ["events.amazonaws.com", "cloudwatch.amazonaws.com"]
            policy = document(resource_statement({"Service": services}, "sns:Publish", self.topic))
            sns.set_topic_attributes(TopicArn=self.topic, AttributeName="Policy", AttributeValue=policy)
        encrypted = {"KmsMasterKeyId": queue_key} if queue_key else {}
        self._queue = self._sqs.create_queue(QueueName=name, Attributes=encrypted)["QueueUrl"]
        world.later(self._sqs.delete_queue, QueueUrl=self._queue)
        found = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        arn = found["Attributes"]["QueueArn"]
        receive = document(resource_statement({"Service": "sns.amazonaws.com"}, "sqs:SendMessage", arn))
        self._sqs.set_queue_attributes(QueueUrl=self._queue, Attributes={"Policy": receive})
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)

    def read(self) -> list[Any]:
        """The messages that have come since the last look, and on AWS those that come in a while."""
        seconds = 20 if self._is_aws else 0
        found = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=seconds)
        return [json.loads(message["Body"])["Message"] for message in found.get("Messages", [])]


def resource_statement(principal: dict[str, Any], action: str, resource: str) -> Statement:
    return {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource}


def no_service(_: World) -> list[Statement]:
    return []


def service(name: str, *actions: str, **condition: Any) -> Callable[[World], list[Statement]]:
    """A statement of a key's policy for one service."""

    def statements(_: World) -> list[Statement]:
        return [allow({"Service": f"{name}.amazonaws.com"}, *actions, **condition)]

    return statements


def from_the_account(world: World) -> list[Statement]:
    return service("events", "GenerateDataKey*", "Decrypt", StringEquals={"aws:SourceAccount": world.account})(world)


def alarms_of_the_account(world: World) -> list[Statement]:
    sent_by = {"aws:SourceAccount": world.account}
    return service("cloudwatch", "GenerateDataKey*", "Decrypt", StringEquals=sent_by)(world)


def send_event(world: World, mailboxes: list[Mailbox]) -> Fire:
    """A rule that sends each event to all of the topics."""
    events, name = world.client("events"), world.name("rule")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [SOURCE], "detail-type": [name]}))
    world.later(events.delete_rule, Name=name)
    targets = [{"Id": str(place), "Arn": mailbox.topic} for place, mailbox in enumerate(mailboxes)]
    events.put_targets(Rule=name, Targets=targets)
    world.later(events.remove_targets, Rule=name, Ids=[target["Id"] for target in targets])
    return lambda: events.put_events(Entries=[{"Source": SOURCE, "DetailType": name, "Detail": "{}"}])


def raise_alarm(world: World, mailboxes: list[Mailbox]) -> Fire:
    """An alarm that tells all of the topics."""
    cloudwatch, name = world.client("cloudwatch"), world.name("alarm")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace=SOURCE,
        MetricName=name,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        AlarmActions=[mailbox.topic for mailbox in mailboxes],
    )
    world.later(cloudwatch.delete_alarms, AlarmNames=[name])

    def fire() -> None:
        for state in ("OK", "ALARM"):
            cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="tests")

    return fire


def hear(world: World, fire: Fire, mailbox: Mailbox) -> None:
    """Fire until a message comes: AWS lets a new rule or policy count after a while."""

    def look() -> list[Any]:
        fire()
        return mailbox.read()

    world.until(look, "the message")


SERVICES: dict[Send, str] = {send_event: "events", raise_alarm: "cloudwatch"}


@documented(
    KEY_MANAGEMENT,
    "for a service to publish to an encrypted topic, the key's policy allows its principal kms:GenerateDataKey* and "
    "kms:Decrypt",
)
@pytest.mark.parametrize("send", SERVICES)
@pytest.mark.parametrize(
    "missing", [no_service, "GenerateDataKey*", "Decrypt"], ids=["nothing", "GenerateDataKey", "Decrypt"]
)
def test_a_topic_whose_key_its_sender_cannot_use_delivers_nothing(world: World, send: Send, missing: Any) -> None:
    name = SERVICES[send]
    usable = service(name, "GenerateDataKey*", "Decrypt")
    unusable = missing if callable(missing) else service(name, missing)
    closed = Mailbox(world, key=world.key(*(unusable(world) or [allow(world.root, "Decrypt")])))
    heard = Mailbox(world, key=world.key(*usable(world)))
    hear(world, send(world, [closed, heard]), heard)
    assert closed.read() == []


@documented(
    "SNS developer guide, Enable compatibility between event sources from AWS services and encrypted topics",
    "aws:SourceAccount and aws:SourceArn may guard a key, but EventBridge sends neither",
)
@pytest.mark.parametrize(
    ("send", "statements", "is_heard"),
    [(send_event, from_the_account, False), (raise_alarm, alarms_of_the_account, True)],
)
def test_a_condition_on_the_source_lets_alarms_through_and_no_events(
    world: World,
    send: Send,
    statements: Callable[[World], list[Statement]],
    is_heard: bool,
) -> None:
    guarded, plain = Mailbox(world, key=world.key(*statements(world))), Mailbox(world)
    fire = send(world, [guarded, plain])
    hear(world, fire, plain)
    if is_heard:
        hear(world, fire, guarded)
    else:
        assert guarded.read() == []


@documented(
    "CloudWatch user guide, Notifying users on alarm changes; EventBridge user guide, Troubleshooting",
    "a topic that is encrypted with the AWS managed key alias/aws/sns gets neither alarms nor events",
)
@pytest.mark.parametrize("send", SERVICES)
def test_a_topic_behind_the_managed_key_gets_nothing_from_services(world: World, send: Send) -> None:
    managed, plain = Mailbox(world, key="alias/aws/sns"), Mailbox(world)
    hear(world, send(world, [managed, plain]), plain)
    assert managed.read() == []


@cites("Publish", "The request was rejected because the specified Amazon Web Services KMS key isn't enabled.")
@pytest.mark.parametrize("send", SERVICES)
def test_a_topic_behind_a_disabled_key_gets_nothing_from_services(world: World, send: Send) -> None:
    key = world.key(*service(SERVICES[send], "GenerateDataKey*", "Decrypt")(world))
    world.kms.disable_key(KeyId=key)
    closed, plain = Mailbox(world, key=key), Mailbox(world)
    hear(world, send(world, [closed, plain]), plain)
    assert closed.read() == []


@documented(
    "EventBridge user guide, Using resource-based policies",
    "a rule publishes to a topic whose policy lets events.amazonaws.com; the default policy does not",
)
def test_a_topic_whose_policy_does_not_let_events_in_gets_none(world: World) -> None:
    closed, heard = Mailbox(world, is_open=False), Mailbox(world)
    hear(world, send_event(world, [closed, heard]), heard)
    assert closed.read() == []


@documented(
    "SNS developer guide, Subscribing an encrypted queue",
    "the key of an encrypted queue allows sns.amazonaws.com kms:GenerateDataKey* and kms:Decrypt",
)
def test_a_queue_whose_key_sns_cannot_use_gets_nothing(world: World) -> None:
    closed = Mailbox(world, queue_key=world.key(allow(world.root, "GenerateDataKey*", "Decrypt")))
    to_sns = service("sns", "GenerateDataKey*", "Decrypt")(world)
    heard = Mailbox(world, queue_key=world.key(*to_sns, allow(world.root, "Decrypt")))
    hear(world, send_event(world, [closed, heard]), heard)
    assert closed.read() == []


@cites("Publish", "The ciphertext references a key that doesn't exist or that you don't have access to.")
@pytest.mark.parametrize(
    ("actions", "is_published"),
    [(["GenerateDataKey*", "Decrypt"], True), (["GenerateDataKey*"], False), (["Decrypt"], False), ([], False)],
)
def test_a_person_publishes_with_the_rights_to_a_topics_key(
    world: World, actions: list[str], is_published: bool
) -> None:
    key = world.key()
    rights: list[Statement] = [{"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"}]
    if actions:
        rights.append({"Effect": "Allow", "Action": [f"kms:{action}" for action in actions], "Resource": key})
    mailbox = Mailbox(world, key=key)
    sns = world.client_of(world.role(*rights), "sns")
    if is_published:
        world.allowed(sns.publish, TopicArn=mailbox.topic, Message="m")
        assert world.until(mailbox.read, "the message") == ["m"]
    else:
        assert world.refused(sns.publish, TopicArn=mailbox.topic, Message="m") == "KMSAccessDenied"


@cites("Publish", "The request was rejected because the specified Amazon Web Services KMS key isn't enabled.")
def test_a_topic_behind_a_disabled_key_takes_no_message(world: World) -> None:
    key = world.key()
    mailbox = Mailbox(world, key=key)
    world.kms.disable_key(KeyId=key)
    publish = world.client("sns").publish
    assert world.refused(publish, TopicArn=mailbox.topic, Message="m") == "KMSDisabled"
    assert mailbox.read() == []


def changed(**elements: Any) -> Callable[[str], str]:
    """A topic's policy with these elements instead; without those that are None."""

    def policy(topic: str) -> str:
        statement = resource_statement({"AWS": "*"}, "sns:Publish", topic) | elements
        return document({name: value for name, value in statement.items() if value is not None})

    return policy


@cites("SetTopicAttributes", "Indicates that a request parameter does not comply with the associated constraints.")
@pytest.mark.parametrize(
    "policy",
    [
        lambda _: "{",
        lambda _: "[]",
        lambda _: '{"Version": "2012-10-17", "Statement": []}',
        changed(Effect="Maybe"),
        changed(Principal=None),
        changed(Principle={"AWS": "*"}),
        changed(Action=None),
        changed(Resource=None),
    ],
    ids=["no JSON", "no object", "no statement", "effect", "no principal", "element", "no action", "no resource"],
)
def test_a_malformed_topic_policy_is_refused(world: World, policy: Callable[[str], str]) -> None:
    topic, sns = Mailbox(world).topic, world.client("sns")
    request = {"AttributeName": "Policy", "AttributeValue": policy(topic)}
    assert world.refused(sns.set_topic_attributes, TopicArn=topic, **request) == "InvalidParameter"
    attributes = {"Policy": policy(topic)}
    assert world.refused(sns.create_topic, Name=world.name("topic"), Attributes=attributes) == "InvalidParameter"
