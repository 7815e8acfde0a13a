"""The deployer's policy as a document: what it allows, how wide, in which size, and what the command refuses."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from klaviyo_access.cli.deployer.actions import ACTIONS, EMPTY, PROGRAM, REPLICATE
from klaviyo_access.cli.deployer.command import attach_commands, deployers
from klaviyo_access.cli.deployer.documents import statements as statements_of
from klaviyo_access.cli.deployer.policy_documents import POLICY_LIMIT, fit, to_json
from klaviyo_access.cli.deployer.rules import RULES
from klaviyo_access.cli.deployer.stack import Stack
from klaviyo_access.cli.errors import UsageError
from klaviyo_access.isolation.evaluator import Principal, Request, decide
from sandbox.provider.resources import TABLE
from tests.cli.cli_fakes import Command
from tests.cli.rendered_stacks import ROOT, as_preview, rendering
from tests.end_to_end.shown_commands import aws_problems

DEV = "111111111111"
EVERY_ACTION = {action for one in (*ACTIONS.values(), PROGRAM, REPLICATE, EMPTY) for action in one.all}


@pytest.fixture
def policy(command: Command, tmp_path: Path) -> Any:
    """Runs the command on a rendering of this checkout's stack, and returns its JSON."""

    def write(text: str, *options: str, stack: str = "dev") -> dict[str, Any]:
        file = tmp_path / "rendered.json"
        file.write_text(text)
        given = ("--stack", stack, "--project", str(ROOT), "--rendered", str(file), "--json", *options)
        result = command("deployer-policy", *given)
        assert result.code == 0, result.err
        answer: dict[str, Any] = json.loads(result.out)
        return answer

    return write


def statements(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [statement for document in answer["documents"].values() for statement in document["Statement"]]


def allows(answer: dict[str, Any], action: str, resource: str, **context: str) -> bool:
    deployer = f"arn:aws:iam::{DEV}:role/ci/klaviyo-deployer"
    asked = {key.replace("__", ":", 1).replace("__", "/"): value for key, value in context.items()}
    request = Request(
        principal=Principal(arn=deployer, session_arn=deployer), action=action, resource=resource, context=asked
    )
    return decide(request, identity_policies=answer["documents"], resource_policy=None).allowed


def test_every_type_that_the_provider_knows_has_its_actions() -> None:
    assert ACTIONS.keys() == TABLE.keys()


def test_every_action_has_a_rule_that_takes_it() -> None:
    homeless = {action for action in EVERY_ACTION if not any(rule.fits(action) for rule in RULES)}
    assert homeless == set()


def test_a_quota_may_be_asked_for_as_the_provider_does_its_default_first(policy: Any) -> None:
    answer = policy(rendering("dev"))
    for action in ("servicequotas:GetAWSDefaultServiceQuota", "servicequotas:GetServiceQuota"):
        assert allows(answer, action, f"arn:aws:servicequotas:eu-west-1:{DEV}:lambda/L-B99A9384")


def test_no_action_reads_or_writes_a_value() -> None:
    values = {"GetSecretValue", "BatchGetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"}
    assert {action for action in EVERY_ACTION if action.partition(":")[2] in values or "*" in action} == set()


def test_each_document_fits_into_a_managed_policy(policy: Any) -> None:
    answer = policy(rendering("dev"))
    sizes = [len(to_json(document)) for document in answer["documents"].values()]
    assert len(sizes) > 1
    assert max(sizes) <= POLICY_LIMIT


def test_a_statement_that_is_too_large_is_split_by_its_resources() -> None:
    arns = [f"arn:aws:iam::{DEV}:role/some/path/of/a/role-{number:04}" for number in range(400)]
    documents = fit([{"Sid": "Roles", "Effect": "Allow", "Action": ["iam:GetRole"], "Resource": arns}])
    assert max(len(to_json(document)) for document in documents) <= POLICY_LIMIT
    parts = [statement for document in documents for statement in document["Statement"]]
    assert [arn for part in parts for arn in part["Resource"]] == arns
    assert len({part["Sid"] for part in parts}) == len(parts)


def test_whatever_is_wider_than_the_stacks_names_has_a_reason(policy: Any) -> None:
    answer = policy(rendering("dev"))
    marks = ("klaviyo/dev/", "klaviyo-dev-", "role/ci/klaviyo-deployer", "cluster/analytics")
    wide = {
        one["Sid"] for one in statements(answer) for arn in one["Resource"] if not any(mark in arn for mark in marks)
    }
    assert wide == answer["reasons"].keys()


def test_the_page_says_of_every_wide_statement_why() -> None:
    page = (ROOT / "docs" / "deployer.md").read_text()
    assert [rule.sid for rule in RULES if rule.reason and f"`{rule.sid}`" not in page] == []


def test_a_preview_of_the_real_cli_gives_the_same_policy_as_a_rendering(policy: Any) -> None:
    assert policy(as_preview(rendering("dev")))["documents"] == policy(rendering("dev"))["documents"]


KEY = f"arn:aws:secretsmanager:eu-west-1:{DEV}:secret:klaviyo/dev/viewer/key-AbCdEf"
ROTATOR = f"arn:aws:lambda:eu-west-1:{DEV}:function:klaviyo-dev-viewer-rotator"
ROTATORS_ROLE = f"arn:aws:iam::{DEV}:role/klaviyo/dev/klaviyo-dev-viewer-rotator"
KMS_KEY = f"arn:aws:kms:eu-west-1:{DEV}:key/1234"
TAGGED = {"aws__ResourceTag__environment": "dev", "aws__ResourceTag__managed-by": "klaviyo-access"}
OTHERS = {"aws__ResourceTag__environment": "prod", "aws__ResourceTag__managed-by": "klaviyo-access"}
BORN = {"aws__RequestTag__environment": "dev", "aws__RequestTag__managed-by": "klaviyo-access"}
VIA = {"kms__ViaService": "secretsmanager.eu-west-1.amazonaws.com"}


@pytest.mark.parametrize(
    ("allowed", "action", "resource", "context"),
    [
        (True, "secretsmanager:CreateSecret", KEY, {}),
        (False, "secretsmanager:CreateSecret", KEY.replace("/dev/", "/prod/"), {}),
        (False, "secretsmanager:GetSecretValue", KEY, {}),
        (True, "secretsmanager:RotateSecret", KEY, {"secretsmanager__RotationLambdaARN": ROTATOR}),
        (False, "secretsmanager:RotateSecret", KEY, {"secretsmanager__RotationLambdaARN": f"{ROTATOR}s"}),
        (False, "secretsmanager:RotateSecret", KEY, {}),
        (True, "secretsmanager:PutResourcePolicy", KEY, {"secretsmanager__BlockPublicPolicy": "true"}),
        (False, "secretsmanager:PutResourcePolicy", KEY, {}),
        (True, "secretsmanager:DeleteSecret", KEY, {"secretsmanager__RecoveryWindowInDays": "7"}),
        (False, "secretsmanager:DeleteSecret", KEY, {"secretsmanager__ForceDeleteWithoutRecovery": "true"}),
        (True, "iam:PassRole", ROTATORS_ROLE, {"iam__PassedToService": "lambda.amazonaws.com"}),
        (False, "iam:PassRole", ROTATORS_ROLE, {"iam__PassedToService": "ec2.amazonaws.com"}),
        (False, "iam:PassRole", ROTATORS_ROLE, {}),
        (True, "iam:AttachRolePolicy", ROTATORS_ROLE, {
            "iam__PolicyARN": "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"}),
        (False, "iam:AttachRolePolicy", ROTATORS_ROLE, {"iam__PolicyARN": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
        (True, "kms:CreateKey", "*", BORN),
        (False, "kms:CreateKey", "*", {}),
        (True, "kms:ScheduleKeyDeletion", KMS_KEY, TAGGED),
        (False, "kms:ScheduleKeyDeletion", KMS_KEY, OTHERS),
        (False, "kms:ScheduleKeyDeletion", KMS_KEY, {}),
        (True, "kms:Decrypt", KMS_KEY, {**TAGGED, **VIA}),
        (False, "kms:Decrypt", KMS_KEY, TAGGED),
        (False, "kms:Decrypt", KMS_KEY, {**OTHERS, **VIA}),
        (False, "sts:AssumeRole", ROTATORS_ROLE, {}),
        (True, "iam:GetRole", f"arn:aws:iam::{DEV}:role/emergency/break-glass", {}),
        (True, "iam:GetRole", f"arn:aws:iam::{DEV}:role/another/path/platform-engineer", {}),
        (False, "iam:GetRole", f"arn:aws:iam::{DEV}:role/people/somebody-else", {}),
    ],
)  # fmt: skip
def test_the_policy_allows_what_a_deployment_asks_for_and_no_more(
    policy: Any, allowed: bool, action: str, resource: str, context: dict[str, str]
) -> None:
    assert allows(policy(rendering("dev")), action, resource, **context) is allowed


def test_by_prefix_covers_roles_that_access_yaml_gains_later_and_no_other_environment(policy: Any) -> None:
    exact, wide = policy(rendering("dev")), policy(rendering("dev"), "--by-prefix")
    later = KEY.replace("viewer", "auditor")
    assert not allows(exact, "secretsmanager:CreateSecret", later)
    assert allows(wide, "secretsmanager:CreateSecret", later)
    assert not allows(wide, "secretsmanager:CreateSecret", later.replace("/dev/", "/prod/"))
    assert len(wide["documents"]) < len(exact["documents"])


def test_a_stack_that_may_delete_secrets_for_good_may_do_so(policy: Any) -> None:
    rendered = json.loads(rendering("dev"))
    for one in rendered["deployment"]["resources"]:
        one.get("inputs", {}).update({"recoveryWindowInDays": 0} if one["type"].endswith(":Secret") else {})
    assert allows(
        policy(json.dumps(rendered)),
        "secretsmanager:DeleteSecret",
        KEY,
        secretsmanager__ForceDeleteWithoutRecovery="true",
    )


def test_replicas_and_buckets_that_are_emptied_bring_actions_of_their_own(policy: Any) -> None:
    rendered = json.loads(rendering("dev"))
    for one in rendered["deployment"]["resources"]:
        if one["type"] == "aws:s3/bucket:Bucket":
            one["inputs"]["forceDestroy"] = True
        if one["type"] == "aws:secretsmanager/secret:Secret":
            one["inputs"]["replicas"] = [{"region": "eu-central-1"}]
    before, after = policy(rendering("dev")), policy(json.dumps(rendered))
    bucket = f"arn:aws:s3:::klaviyo-dev-audit-{DEV}-eu-west-1"
    for action, resource in [
        ("s3:DeleteObjectVersion", f"{bucket}/a"),
        ("secretsmanager:ReplicateSecretToRegions", KEY),
    ]:
        assert (allows(before, action, resource), allows(after, action, resource)) == (False, True)


def varied(variant: str) -> str:
    rendered = json.loads(rendering("dev"))
    resources = rendered["deployment"]["resources"]
    urn = resources[-1]["urn"]
    if variant == "replicas":
        key = next(one for one in resources if one["type"] == "aws:kms/key:Key")
        resources.append({**key, "inputs": {**key["inputs"], "region": "eu-central-1"}})
        secret = next(one for one in resources if one["type"] == "aws:secretsmanager/secret:Secret")
        secret["inputs"]["replicas"] = [{"region": "eu-central-1"}]
        passing = {"rule": "klaviyo-dev-reads", "roleArn": ROTATORS_ROLE}
        resources.append({"type": "aws:cloudwatch/eventTarget:EventTarget", "urn": urn, "inputs": passing})
    elif variant == "existing role":
        given = {"role": "api", "name": "read-klaviyo-key"}
        resources.append({"type": "aws:iam/rolePolicy:RolePolicy", "urn": urn, "inputs": given})
    else:
        trail = {"type": "aws:cloudtrail/trail:Trail", "urn": urn, "id": TRAIL, "external": True, "inputs": {}}
        resources.append(trail)
    return json.dumps(rendered)


TRAIL = f"arn:aws:cloudtrail:us-east-1:{DEV}:trail/organization"
GIVEN_ROLE = f"arn:aws:iam::{DEV}:role/apps/web/api"
REPLICA_KEY = KMS_KEY.replace("eu-west-1", "eu-central-1")
REPLICA_VIA = {"kms__ViaService": "secretsmanager.eu-central-1.amazonaws.com"}


@pytest.mark.parametrize(
    ("variant", "action", "resource", "context"),
    [
        ("replicas", "kms:PutKeyPolicy", REPLICA_KEY, TAGGED),
        ("replicas", "kms:Encrypt", REPLICA_KEY, {**TAGGED, **REPLICA_VIA}),
        ("replicas", "iam:PassRole", ROTATORS_ROLE, {"iam__PassedToService": "events.amazonaws.com"}),
        ("existing role", "iam:PutRolePolicy", GIVEN_ROLE, {}),
        ("existing trail", "cloudtrail:GetTrailStatus", TRAIL, {}),
        ("existing trail", "cloudtrail:GetEventSelectors", TRAIL, {}),
        ("existing trail", "cloudtrail:ListTags", TRAIL, {}),
    ],
)
def test_each_variant_of_a_stack_brings_what_it_asks_for_and_only_then(
    policy: Any, variant: str, action: str, resource: str, context: dict[str, str]
) -> None:
    assert allows(policy(varied(variant)), action, resource, **context)
    assert not allows(policy(rendering("dev")), action, resource, **context)


@pytest.mark.parametrize(
    ("variant", "action", "resource"),
    [
        ("existing role", "iam:UpdateAssumeRolePolicy", GIVEN_ROLE),
        ("existing role", "iam:DeleteRole", GIVEN_ROLE),
        ("existing trail", "cloudtrail:DeleteTrail", TRAIL),
        ("existing trail", "cloudtrail:UpdateTrail", TRAIL),
    ],
)
def test_what_the_stack_does_not_make_it_does_not_remove(policy: Any, variant: str, action: str, resource: str) -> None:
    assert not allows(policy(varied(variant)), action, resource)


@pytest.mark.parametrize("folder", ["policies", "the policies"])
def test_the_documents_are_written_with_the_commands_that_attach_them(
    command: Command, tmp_path: Path, folder: str
) -> None:
    (tmp_path / "rendered.json").write_text(rendering("dev"))
    given = ("--stack", "dev", "--project", str(ROOT), "--rendered", "rendered.json", "--out", folder)
    result = command("deployer-policy", *given)
    written = sorted((tmp_path / folder).iterdir())
    assert [file.name for file in written] == [f"klaviyo-dev-deployer-{number}.json" for number in (1, 2, 3, 4, 5)]
    assert result.out.splitlines() == [f"{folder}/{file.name}" for file in written]
    assert "aws iam attach-role-policy --role-name klaviyo-deployer --policy-arn arn:aws:iam::" in result.err
    named = re.findall(r"--policy-document (?:'file://(.+)'|file://(\S+))\n", result.err)
    assert [tmp_path / (quoted or plain) for quoted, plain in named] == written
    assert json.loads(written[0].read_text())["Version"] == "2012-10-17"


def test_the_output_says_that_tags_take_time_and_how_much_of_a_roles_room_is_taken(policy: Any) -> None:
    exact, wide = policy(rendering("dev"))["remarks"], policy(rendering("dev"), "--by-prefix")["remarks"]
    assert [said for said in exact if "KMS may take five minutes to see the tags of a new key" in said]
    assert "5 of the 10 managed policies that a role or a user takes are for this stack." in exact
    assert "5 of the 10 managed policies that a role or a user takes are for this stack." not in wide
    assert "five minutes" in (ROOT / "docs" / "deployer.md").read_text()


def test_each_deployer_gets_the_documents_a_user_as_well_as_a_role() -> None:
    deployed_by = (f"arn:aws:iam::{DEV}:role/ci/klaviyo-deployer", f"arn:aws:iam::{DEV}:user/people/ann")
    stack = Stack(resources=(), partition="aws", region="eu-west-1", account=DEV, deployers=deployed_by)
    commands = attach_commands(stack, ["first", "second"], Path("there"))
    assert [command.rpartition(" --policy-arn ")[0] for command in commands[2:]] == [
        *["aws iam attach-role-policy --role-name klaviyo-deployer"] * 2,
        *["aws iam attach-user-policy --user-name ann"] * 2,
    ]
    assert [problem for command in commands for problem in aws_problems(command)] == []


def test_a_user_that_the_settings_name_is_asked_for_and_none_of_another_account() -> None:
    named = [f"arn:aws:iam::{account}:user/people/ann" for account in (DEV, "999999999999")]
    stack = Stack(resources=(), partition="aws", region="eu-west-1", account=DEV, deployers=(), principals=named)
    (known,) = (one for one in statements_of(stack) if one["Action"] == ["iam:GetUser"])
    assert known["Resource"] == [f"arn:aws:iam::{DEV}:user/ann", f"arn:aws:iam::{DEV}:user/*/ann"]


def test_the_program_is_rendered_where_no_file_is_given() -> None:
    command = [sys.executable, "-m", "klaviyo_access", "deployer-policy", "--stack", "prod", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"})
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["stack"] == "prod"


def edited(change: str) -> str:
    document = json.loads(rendering("dev"))
    resources = document["deployment"]["resources"]
    if change == "unknown type":
        resources.append({"type": "aws:sqs/queue:Queue", "urn": resources[-1]["urn"], "inputs": {}})
    elif change == "no tags":
        next(one for one in resources if one["type"] == "aws:kms/key:Key")["inputs"].pop("tags")
    elif change == "many roles":
        role = next(one for one in resources if one["type"] == "aws:iam/role:Role")
        for number in range(900):
            name = f"klaviyo-dev-{number:04}"
            resources.append({**role, "urn": f"{role['urn']}{number}", "inputs": {**role["inputs"], "name": name}})
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no resources of AWS in any of the forms"),
        ("[]", "holds no resources of AWS in any of the forms"),
        ("3", "holds no resources of AWS in any of the forms"),
        ('{"steps": [1]}', "holds no resources of AWS in any of the forms"),
        ('{"deployment": {"resources": []}}', "holds no resources of AWS in any of the forms"),
        ("rendering of prod", "is of the stack prod; --stack says dev"),
        ("unknown type", "it has no row for aws:sqs/queue:Queue"),
        ("no tags", "tells this stack's KMS keys from others by their tags environment and managed-by"),
        ("many roles", "at most 10 managed policies"),
    ],
)
def test_a_rendering_that_gives_no_policy_is_refused_with_the_reason(
    command: Command, tmp_path: Path, text: str, said: str
) -> None:
    made = {"rendering of prod": lambda: rendering("prod")}
    edits = ("unknown type", "no tags", "many roles")
    (tmp_path / "rendered.json").write_text(edited(text) if text in edits else made.get(text, lambda: text)())
    result = command("deployer-policy", "--stack", "dev", "--project", str(ROOT), "--rendered", "rendered.json")
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    assert "fix: " in result.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--rendered", "nowhere.json"), "nowhere.json cannot be read"),
        ((), "has no folder 'sandbox'"),
        (("--stack", "nosuch"), "'nosuch' has none in"),
    ],
)
def test_what_the_command_cannot_use_is_named(command: Command, options: tuple[str, ...], said: str) -> None:
    result = command("deployer-policy", *(options if "--stack" in options else ("--stack", "dev", *options)))
    assert (result.code, result.out) == (2, "")
    assert said in result.err


@pytest.mark.parametrize("setting", ["", "klaviyo-access:deployers: []", "klaviyo-access:deployers: ci"])
def test_a_stack_without_deployers_is_refused(tmp_path: Path, setting: str) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(f"config:\n  aws:region: eu-west-1\n  {setting}\n")
    with pytest.raises(UsageError, match="A deployer is one of klaviyo-access:deployers"):
        deployers(tmp_path, "dev")
