"""What an examination may look at: it describes what this environment has, and nothing of others."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from components.bundle import bundle_files, rotator_code
from components.examination_policies import Examined, examine
from components.policies import Document
from klaviyo_access.access_model.environment import Environment
from klaviyo_access.isolation.evaluator import Principal, Request, decide
from tests.components.recording import Build, whole

ACCOUNT = "333333333333"
HERE = f"eu-west-1:{ACCOUNT}"
KEY = f"arn:aws:kms:{HERE}:key/1"
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
    ("cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:{HERE}:alarm:other"),
    ("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/klaviyo/staging/klaviyo-staging-app-api"),
    ("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/administrator"),
    ("lambda:GetFunction", f"arn:aws:lambda:{HERE}:function:klaviyo-prod-viewer-rotator"),
    ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{HERE}:secret:klaviyo/prod/viewer/key-AbCdEf"),
]


OURS = {"aws:ResourceTag/environment": "prod", "aws:ResourceTag/managed-by": "klaviyo-access"}


def allows(action: str, resource: str, policy: Document = POLICY, tags: Mapping[str, str] = OURS) -> bool:
    arn = PROD.operator_role_arn
    context = tags if resource == KEY else {}
    request = Request(principal=Principal(arn=arn, session_arn=arn), action=action, resource=resource, context=context)
    return decide(request, identity_policies={"examine": policy}, resource_policy=None).allowed


@pytest.mark.parametrize(("action", "resource"), LOOKS)
def test_an_examination_describes_what_the_environment_has(action: str, resource: str) -> None:
    assert allows(action, resource)


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


def test_what_the_operators_role_has_fits_what_iam_takes(build: Build) -> None:
    recorder = build(lambda: whole("prod") and None)
    of_operators = [
        resource.inputs["policy"]
        for resource in recorder.of_type("aws:iam/rolePolicy:RolePolicy").values()
        if "operator" in resource.inputs["role"]
    ]
    assert len(of_operators) >= 3
    assert sum(map(len, of_operators)) <= 10_240


def test_the_codes_version_follows_each_file_of_the_bundle(tmp_path: Path) -> None:
    for path in bundle_files(Path.cwd()):
        copy = tmp_path / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(Path(path).read_bytes())
    version = rotator_code(tmp_path).version
    assert version == rotator_code(Path.cwd()).version
    (tmp_path / "rotation" / "healing.py").write_text("# other\n")
    assert rotator_code(tmp_path).version != version


def test_a_rotator_names_the_version_of_its_code(build: Build) -> None:
    recorder = build(lambda: whole("dev") and None)
    version = rotator_code(Path.cwd()).version
    functions = recorder.of_type("aws:lambda/function:Function").values()
    rotators = [function for function in functions if function.inputs["handler"] == "rotation.rotator.handler"]
    assert {function.inputs["description"].rpartition("; code ")[2] for function in rotators} == {version}
