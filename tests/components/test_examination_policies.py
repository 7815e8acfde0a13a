"""What an examination may look at: it describes what this environment has, and nothing of others."""

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
POLICY = examine(Examined.of(PROD, None), encryption_key_arn=KEY)
TRAIL = "arn:aws:cloudtrail:eu-west-1:333333333333:trail/everything"

LOOKS = [
    ("secretsmanager:ListSecrets", "*"),
    ("kms:DescribeKey", KEY),
    ("lambda:GetFunctionConfiguration", f"arn:aws:lambda:{HERE}:function:klaviyo-prod-viewer-rotator"),
    ("lambda:GetFunctionConcurrency", f"arn:aws:lambda:{HERE}:function:klaviyo-prod-viewer-rotator"),
    ("events:DescribeRule", f"arn:aws:events:{HERE}:rule/klaviyo-prod-rotation-failed"),
    ("events:ListTargetsByRule", f"arn:aws:events:{HERE}:rule/klaviyo-prod-rotation-failed"),
    ("sns:ListSubscriptionsByTopic", f"arn:aws:sns:{HERE}:klaviyo-prod-alerts"),
    ("cloudtrail:GetTrailStatus", f"arn:aws:cloudtrail:{HERE}:trail/klaviyo-prod-audit"),
    ("cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:{HERE}:alarm:klaviyo-prod-suspicious-entries"),
    ("logs:DescribeLogGroups", f"arn:aws:logs:{HERE}:log-group::log-stream:"),
    ("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/klaviyo/prod/klaviyo-prod-app-api"),
    ("iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/klaviyo-prod-app-api"),
]
ELSEWHERE = [
    ("kms:DescribeKey", f"arn:aws:kms:{HERE}:key/2"),
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


def allows(action: str, resource: str, policy: Document = POLICY) -> bool:
    arn = PROD.operator_role_arn
    request = Request(principal=Principal(arn=arn, session_arn=arn), action=action, resource=resource, context={})
    return decide(request, identity_policies={"examine": policy}, resource_policy=None).allowed


@pytest.mark.parametrize(("action", "resource"), LOOKS)
def test_an_examination_describes_what_the_environment_has(action: str, resource: str) -> None:
    assert allows(action, resource)


@pytest.mark.parametrize(("action", "resource"), ELSEWHERE)
def test_an_examination_sees_nothing_else_and_no_value(action: str, resource: str) -> None:
    assert not allows(action, resource)


def test_an_examination_only_lists_and_describes() -> None:
    verbs = {action.partition(":")[2] for statement in POLICY["Statement"] for action in statement["Action"]}
    assert {verb for verb in verbs if not verb.startswith(("Describe", "List", "Get"))} == set()
    assert verbs & {"GetSecretValue", "GetFunction", "GetObject", "GetParameter"} == set()


def test_the_accounts_own_trail_is_looked_at_where_that_is_relied_on() -> None:
    policy = examine(Examined.of(PROD, TRAIL), encryption_key_arn=KEY)
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
