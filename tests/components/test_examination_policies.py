"""What an examination may look at: it describes what this environment has, and nothing of others."""

from collections.abc import Mapping

import pytest

from components.policies.examination import Examined, examine
from components.policies.statements import Document
from klaviyo_access.access_model.environment import Environment
from klaviyo_access.isolation.evaluator import Principal, Request, decide

ACCOUNT = "333333333333"
HERE = f"eu-west-1:{ACCOUNT}"
KEY = f"arn:aws:kms:{HERE}:key/1"
BUCKET = f"arn:aws:s3:::klaviyo-prod-audit-{ACCOUNT}-eu-west-1"
PROD = Environment(name="prod", region="eu-west-1", account_id=ACCOUNT)
POLICY = examine(Examined.of(PROD, None))
TRAIL = "arn:aws:cloudtrail:eu-west-1:333333333333:trail/everything"

LOOKS = [
    ("secretsmanager:ListSecrets", "*"),
    ("kms:DescribeKey", KEY),
    ("kms:GetKeyPolicy", KEY),
    ("lambda:GetFunctionConfiguration", f"arn:aws:lambda:{HERE}:function:klaviyo-prod-viewer-rotator"),
    ("lambda:GetFunctionConcurrency", f"arn:aws:lambda:{HERE}:function:klaviyo-prod-viewer-rotator"),
    ("lambda:GetPolicy", f"arn:aws:lambda:{HERE}:function:klaviyo-prod-viewer-rotator"),
    ("scheduler:GetSchedule", f"arn:aws:scheduler:{HERE}:schedule/default/klaviyo-prod-key-audit"),
    ("events:DescribeRule", f"arn:aws:events:{HERE}:rule/klaviyo-prod-rotation-failed"),
    ("events:ListTargetsByRule", f"arn:aws:events:{HERE}:rule/klaviyo-prod-rotation-failed"),
    ("sns:ListSubscriptionsByTopic", f"arn:aws:sns:{HERE}:klaviyo-prod-alerts"),
    ("sns:GetTopicAttributes", f"arn:aws:sns:{HERE}:klaviyo-prod-alerts"),
    ("cloudtrail:GetTrailStatus", f"arn:aws:cloudtrail:{HERE}:trail/klaviyo-prod-audit"),
    ("cloudtrail:GetTrail", f"arn:aws:cloudtrail:{HERE}:trail/klaviyo-prod-audit"),
    ("cloudtrail:GetEventSelectors", f"arn:aws:cloudtrail:{HERE}:trail/klaviyo-prod-audit"),
    ("s3:GetBucketPolicy", BUCKET),
    ("s3:GetBucketPublicAccessBlock", BUCKET),
    ("s3:GetBucketVersioning", BUCKET),
    ("s3:GetLifecycleConfiguration", BUCKET),
    ("logs:DescribeMetricFilters", f"arn:aws:logs:{HERE}:log-group:/klaviyo/prod/application-audit"),
    ("cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:{HERE}:alarm:klaviyo-prod-suspicious-entries"),
    ("logs:DescribeLogGroups", f"arn:aws:logs:{HERE}:log-group::log-stream:"),
    ("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/klaviyo/prod/klaviyo-prod-app-api"),
    ("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/klaviyo-prod-app-api"),
    ("iam:ListRolePolicies", f"arn:aws:iam::{ACCOUNT}:role/klaviyo/prod/klaviyo-prod-app-api"),
    ("iam:GetRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/klaviyo/prod/klaviyo-prod-app-api"),
    ("iam:ListAttachedRolePolicies", f"arn:aws:iam::{ACCOUNT}:role/klaviyo/prod/klaviyo-prod-app-api"),
    ("iam:GetInstanceProfile", f"arn:aws:iam::{ACCOUNT}:instance-profile/klaviyo/prod/klaviyo-prod-reporting"),
]
ELSEWHERE = [
    ("kms:Decrypt", KEY),
    ("kms:DescribeKey", f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1"),
    ("scheduler:GetSchedule", f"arn:aws:scheduler:{HERE}:schedule/default/klaviyo-prod-other"),
    ("logs:DescribeMetricFilters", f"arn:aws:logs:{HERE}:log-group:/klaviyo/staging/application-audit"),
    ("iam:GetInstanceProfile", f"arn:aws:iam::{ACCOUNT}:instance-profile/other"),
    ("iam:GetRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/administrator"),
    ("lambda:GetFunctionConfiguration", f"arn:aws:lambda:{HERE}:function:klaviyo-staging-viewer-rotator"),
    ("events:DescribeRule", f"arn:aws:events:{HERE}:rule/other"),
    ("sns:ListSubscriptionsByTopic", f"arn:aws:sns:{HERE}:other"),
    ("cloudtrail:GetTrailStatus", f"arn:aws:cloudtrail:{HERE}:trail/other"),
    ("s3:GetBucketPolicy", "arn:aws:s3:::other"),
    ("s3:GetObject", f"{BUCKET}/AWSLogs/{ACCOUNT}/CloudTrail/file"),
    ("s3:ListBucket", BUCKET),
    ("cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:{HERE}:alarm:other"),
    ("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/klaviyo/staging/klaviyo-staging-app-api"),
    ("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/administrator"),
    ("lambda:GetFunction", f"arn:aws:lambda:{HERE}:function:klaviyo-prod-viewer-rotator"),
    ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{HERE}:secret:klaviyo/prod/viewer/key-AbCdEf"),
]


OURS = {"aws:ResourceTag/environment": "prod", "aws:ResourceTag/managed-by": "klaviyo-access"}


def allows(action: str, resource: str, policy: Document = POLICY, tags: Mapping[str, str] = OURS) -> bool:
    arn = PROD.operator_role_arn
    context = tags if ":kms:" in resource else {}
    request = Request(principal=Principal(arn=arn, session_arn=arn), action=action, resource=resource, context=context)
    return decide(request, identity_policies={"examine": policy}, resource_policy=None).allowed


@pytest.mark.parametrize(("action", "resource"), LOOKS)
def test_an_examination_describes_what_the_environment_has(action: str, resource: str) -> None:
    assert allows(action, resource)


OTHERS = [
    ("arn:aws:", "arn:aws-cn:"),
    ("eu-west-1", "eu-central-1"),
    (ACCOUNT, "999999999999"),
    ("klaviyo", "other"),
    ("prod", "dev"),
]


@pytest.mark.parametrize(("ours", "theirs"), OTHERS)
@pytest.mark.parametrize(("action", "resource"), LOOKS)
def test_an_examination_sees_nothing_of_others(action: str, resource: str, ours: str, theirs: str) -> None:
    other = resource.replace(ours, theirs)
    assert other == resource or not allows(action, other)


@pytest.mark.parametrize(("action", "resource"), ELSEWHERE)
def test_an_examination_sees_nothing_else_and_no_value(action: str, resource: str) -> None:
    assert not allows(action, resource)


@pytest.mark.parametrize("tags", [{}, *({**OURS, tag: "other"} for tag in OURS)], ids=["none", *OURS])
def test_an_examination_sees_no_kms_key_that_is_not_tagged_as_the_environments(tags: Mapping[str, str]) -> None:
    assert not allows("kms:DescribeKey", KEY, tags=tags)
    assert not allows("kms:GetKeyPolicy", KEY, tags=tags)


def test_an_examination_only_lists_and_describes() -> None:
    verbs = {action.partition(":")[2] for statement in POLICY["Statement"] for action in statement["Action"]}
    assert {verb for verb in verbs if not verb.startswith(("Describe", "List", "Get"))} == set()
    assert verbs & {"GetSecretValue", "GetFunction", "GetObject", "GetParameter"} == set()


def test_the_accounts_own_trail_is_looked_at_where_that_is_relied_on() -> None:
    policy = examine(Examined.of(PROD, TRAIL))
    assert allows("cloudtrail:GetTrailStatus", TRAIL, policy)
    assert not allows("cloudtrail:GetTrailStatus", f"arn:aws:cloudtrail:{HERE}:trail/klaviyo-prod-audit", policy)
    assert not allows("s3:GetBucketPolicy", BUCKET, policy)
