"""What ``doctor`` makes of answers that AWS gives and a sandbox does not: each has its cause and its cure."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError

from klaviyo_access.cli.doctor import alerts, kms_keys, record, rotators, secrets
from klaviyo_access.cli.doctor.command import verdict
from klaviyo_access.cli.doctor.findings import Check, Trouble, examine
from klaviyo_access.cli.doctor.sight import Sight, same_document
from klaviyo_access.cli.errors import ExitCode
from klaviyo_access.cli.rendering import Resource
from klaviyo_access.cli.workspace import open_workspace
from tests.cli.cli_fakes import ACCOUNT

HERE = f"eu-west-1:{ACCOUNT}"
TOPIC = f"arn:aws:sns:{HERE}:alerts"
KEY = "klaviyo/dev/viewer/key"
EMAIL = "on@call.example"
TRAIL_TYPE = "aws:cloudtrail/trail:Trail"
UP = "pulumi up --refresh --stack dev"

Look = Callable[[Sight], Any]


def resource(kind: str, **inputs: Any) -> Resource:
    return Resource(type=kind, urn=f"urn:pulumi:dev::p::{kind}::{inputs.get('name', 'one')}", inputs=inputs)


TOPIC_DECLARED = resource("aws:sns/topic:Topic", name="alerts")
TOLD = resource("aws:sns/topicSubscription:TopicSubscription", endpoint=EMAIL)
TRAIL = resource(TRAIL_TYPE, name="audit")
ALARM = resource("aws:cloudwatch/metricAlarm:MetricAlarm", name="alarm")
LOG_GROUP = resource("aws:cloudwatch/logGroup:LogGroup", name="/klaviyo/dev/audit", retentionInDays=400)
SECRET = resource("aws:secretsmanager/secret:Secret", name=KEY, replicas=[{"region": "us-east-1"}])
FUNCTIONS = [resource("aws:lambda/function:Function", name=name, description="; code 1") for name in ("a", "b", "c")]


class Pages:
    """A paginator of one page."""

    def __init__(self, page: Mapping[str, Any]) -> None:
        self._page = page

    def paginate(self, **_: Any) -> list[Mapping[str, Any]]:
        return [self._page]


def absent(code: str) -> Callable[..., Any]:
    def ask(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": code, "Message": "none"}}, "Ask")

    return ask


def subscriptions(*found: Mapping[str, str]) -> Any:
    return SimpleNamespace(get_paginator=lambda _: Pages({"Subscriptions": found}))


def trail(**status: Any) -> Any:
    return SimpleNamespace(get_trail_status=lambda **_: {"IsLogging": True} | status)


def functions(**states: dict[str, str]) -> Any:
    return SimpleNamespace(
        get_function_configuration=lambda **asked: {"Description": "; code 1"} | states[asked["FunctionName"]]
    )


def secret(**described: Any) -> Any:
    listed = {"SecretList": [{"Name": KEY, "ARN": f"arn:aws:secretsmanager:{HERE}:secret:{KEY}-AbCdEf"}]}
    return SimpleNamespace(get_paginator=lambda _: Pages(listed), describe_secret=lambda **_: described)


def logs(*names: str) -> Any:
    groups = [{"logGroupName": name, "retentionInDays": 400} for name in names]
    return SimpleNamespace(get_paginator=lambda _: Pages({"logGroups": groups}))


SAME = {"CodeSha256": "x"}
ANSWERS: list[tuple[str, Look, list[Resource], tuple[str, Any], tuple[str, str, str]]] = [
    (
        "an address that did not confirm",
        alerts.subscribers,
        [TOPIC_DECLARED, TOLD],
        ("sns", subscriptions({"Endpoint": EMAIL, "SubscriptionArn": "PendingConfirmation"})),
        (EMAIL, "did not confirm", "Follow the link"),
    ),
    (
        "nobody told",
        alerts.subscribers,
        [TOPIC_DECLARED],
        ("sns", subscriptions()),
        (TOPIC, "no subscriber", "alertEmails"),
    ),
    (
        "no topic",
        alerts.subscribers,
        [TOPIC_DECLARED],
        ("sns", SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=absent("NotFound")))),
        (TOPIC, "is not deployed", UP),
    ),
    (
        "a trail that was deleted",
        record.trail,
        [TRAIL],
        ("cloudtrail", SimpleNamespace(get_trail_status=absent("TrailNotFoundException"))),
        (f"arn:aws:cloudtrail:{HERE}:trail/audit", "somebody deleted it", "DeleteTrail"),
    ),
    (
        "a trail that cannot deliver",
        record.trail,
        [TRAIL],
        ("cloudtrail", trail(LatestDeliveryError="NoSuchBucket")),
        (f"arn:aws:cloudtrail:{HERE}:trail/audit", "cannot deliver its files or events: NoSuchBucket", "the bucket"),
    ),
    (
        "an alarm that was deleted",
        alerts.alarms,
        [ALARM],
        ("cloudwatch", SimpleNamespace(describe_alarms=lambda **_: {"MetricAlarms": []})),
        ("alarm", "somebody deleted it", "DeleteAlarms"),
    ),
    (
        "a log group that was deleted",
        record.log_groups,
        [LOG_GROUP],
        ("logs", logs("/klaviyo/dev/audit-2")),
        ("/klaviyo/dev/audit", "what it held is lost", "DeleteLogGroup"),
    ),
    (
        "a replica that is stuck",
        secrets.replicas,
        [SECRET],
        (
            "secretsmanager",
            secret(
                ReplicationStatus=[{"Region": "us-east-1", "Status": "InProgress"}],
                LastChangedDate=datetime(2026, 1, 1, tzinfo=UTC),
            ),
        ),
        (KEY, "is being replicated to us-east-1 for over an hour", "AWS Health"),
    ),
    ("no replica", secrets.replicas, [SECRET], ("secretsmanager", secret()), (KEY, "has no replica in us-east-1", UP)),
    (
        "a replica that failed",
        secrets.replicas,
        [SECRET],
        (
            "secretsmanager",
            secret(ReplicationStatus=[{"Region": "us-east-1", "Status": "Failed", "StatusMessage": "name in use"}]),
        ),
        (KEY, "is not replicated to us-east-1: name in use", UP),
    ),
    (
        "an alias that was deleted",
        kms_keys.states,
        [resource("aws:kms/alias:Alias", name="alias/klaviyo/dev/keys")],
        ("kms", SimpleNamespace(describe_key=absent("NotFoundException"))),
        ("alias/klaviyo/dev/keys", "is not deployed", UP),
    ),
    (
        "a rotator that cannot run",
        rotators.deployed,
        FUNCTIONS,
        ("lambda", functions(a=SAME, b=SAME | {"State": "Failed", "StateReason": "key disabled"}, c=SAME)),
        ("b", "cannot run: key disabled", UP),
    ),
    (
        "a rotator whose code was replaced",
        rotators.code,
        FUNCTIONS,
        ("lambda", functions(a=SAME, b={"CodeSha256": "y"}, c=SAME)),
        ("b", "other code than the other rotators", "UpdateFunctionCode"),
    ),
]


def sight(declared: list[Resource], clients: Mapping[str, Any]) -> Sight:
    session = SimpleNamespace(client=lambda name, **_: clients[name])
    return Sight(
        workspace=open_workspace(None, "dev"),
        declared=declared,
        session=cast("boto3.Session", session),
        now=datetime.now(UTC),
    )


@pytest.mark.usefixtures("project", "shell")
@pytest.mark.parametrize(
    ("look", "declared", "answering", "expected"),
    [answer[1:] for answer in ANSWERS],
    ids=[answer[0] for answer in ANSWERS],
)
def test_an_answer_of_awss_has_its_cause_and_its_cure(
    look: Look, declared: list[Resource], answering: tuple[str, Any], expected: tuple[str, str, str]
) -> None:
    (found,) = look(sight(declared, dict([answering])))
    on, cause, cure = expected
    assert found.on == on
    assert cause in found.cause
    assert cure in found.cure


@pytest.mark.usefixtures("shell")
def test_the_accounts_own_trail_is_looked_at_where_the_settings_rely_on_it(project: Path) -> None:
    own = f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/organization"
    settings = project / "Pulumi.dev.yaml"
    settings.write_text(f"{settings.read_text()}  klaviyo-access:audit: {{trail: existing, trailArn: '{own}'}}\n")
    (found,) = record.trail(sight([], {"cloudtrail": trail(IsLogging=False)}))
    assert found.on == own


def test_troubles_with_cause_and_cure_in_common_are_one_finding() -> None:
    troubles = [Trouble(on=name, cause="is gone", cure="make it") for name in ("a", "b")]
    other = Trouble(on="c", cause="is late", cure="wait")
    found = examine(Check(name="things", fine="all there", look=lambda _: [*troubles, other]), None, cure_of_refusal="")
    assert [(one.on, one.detail, one.cure) for one in found] == [
        (("a", "b"), "is gone", "make it"),
        (("c",), "is late", "wait"),
    ]


def test_a_check_that_aws_refuses_is_no_success_and_says_what_to_do() -> None:
    check: Check[None] = Check(name="things", fine="all there", look=lambda _: absent("AccessDenied")())
    (found,) = examine(check, None, cure_of_refusal="ask for it")
    assert (found.result, found.detail, found.cure) == ("skipped", "AWS refused Ask: none", "ask for it")
    assert verdict([found]) == ExitCode.FAILED


SAMES = [
    ({"a": ["x"]}, {"a": "x"}, True),
    ({"a": ["x", "y"]}, {"a": ["y", "x"]}, True),
    ({"a": ["x", "y"]}, {"a": ["x"]}, False),
    ({"a": [{"b": ["x"]}]}, {"a": [{"b": "x"}]}, True),
    ({"a": "x"}, {"a": "x", "b": "y"}, False),
]


@pytest.mark.parametrize(("one", "other", "same"), SAMES)
def test_documents_are_compared_by_what_they_say(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    assert same_document(json.dumps(one), other) is same
    assert same_document(json.dumps(other, indent=2), json.dumps(one)) is same
