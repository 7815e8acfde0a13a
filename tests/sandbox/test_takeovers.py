"""The rule on takeovers hears of what others than deployers change, by CloudTrail's records of what real boto3 did."""

import io
import uuid
import zipfile
from contextlib import suppress
from typing import Any

import pytest

from components.alerts.takeover import roles_taken_over, takeover
from sandbox.aws.identity.bootstrap import bootstrap_arn
from tests.sandbox.running_sandbox import ACCOUNT, Sandbox, document
from tests.sandbox.test_trail import Listener

TRUST = document({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
EVERYTHING = document({"Effect": "Allow", "Action": "*", "Resource": "*"})


def code() -> bytes:
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("code.py", "def handler(event, context): pass\n")
    return bundle.getvalue()


class Target:
    """A function with its role, and a KMS key, as a deployer made them, and who takes them over."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.prefix = f"k{uuid.uuid4().hex[:8]}-prod-"
        self.name = f"{self.prefix}viewer-rotator"
        role = sandbox.client("iam").create_role(RoleName=self.name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        sandbox.client("lambda").create_function(
            FunctionName=self.name, Role=role, Runtime="python3.13", Handler="code.handler", Code={"ZipFile": code()}
        )
        self.key = sandbox.client("kms").create_key()["KeyMetadata"]["Arn"]

    def is_taken_over(self, client: Any) -> None:
        """Change all of it; ``client`` gives a client of a service."""
        for name in (self.name, f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{self.name}"):
            client("lambda").update_function_code(FunctionName=name, ZipFile=code())
        client("lambda").update_function_configuration(FunctionName=self.name, Timeout=9)
        client("iam").put_role_policy(RoleName=self.name, PolicyName="more", PolicyDocument=EVERYTHING)
        client("iam").update_assume_role_policy(RoleName=self.name, PolicyDocument=TRUST)
        for key in (self.key, self.key.rpartition("/")[2]):
            client("kms").disable_key(KeyId=key)

    def pattern(self, *deployers: str) -> dict[str, Any]:
        return takeover(name_prefix=self.prefix, encryption_key_arn=self.key, deployers=deployers)


OF_ROLES = ["PutRolePolicy", "UpdateAssumeRolePolicy"]
ALL = [
    *["UpdateFunctionCode20150331v2"] * 2,
    "UpdateFunctionConfiguration20150331v2",
    *OF_ROLES,
    *["DisableKey"] * 2,
]


def names(listener: Listener) -> list[str]:
    return [event["detail"]["eventName"] for event in listener.heard()]


@pytest.mark.parametrize(("deployer", "heard"), [("deployer", ALL), ("intruder", [])])
def test_a_change_by_a_role_that_does_not_deploy_is_heard_and_by_one_that_does_is_not(
    sandbox: Sandbox, deployer: str, heard: list[str]
) -> None:
    target, changing = Target(sandbox), sandbox.sign_in("intruder")
    listener = Listener(sandbox, target.pattern(bootstrap_arn(deployer)), "ENABLED")
    target.is_taken_over(lambda service: sandbox.client_of(changing, service))
    assert names(listener) == heard


@pytest.mark.parametrize("deploys", [False, True])
def test_a_change_by_a_user_is_heard_unless_he_deploys(sandbox: Sandbox, deploys: bool) -> None:
    target, iam, name = Target(sandbox), sandbox.client("iam"), f"ada-{uuid.uuid4().hex[:8]}"
    user = iam.create_user(UserName=name, Path="/people/")["User"]["Arn"]
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=EVERYTHING)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    listener = Listener(sandbox, target.pattern(bootstrap_arn("deployer"), *[user] * deploys), "ENABLED")
    target.is_taken_over(lambda service: sandbox.client_of_user(key, service))
    assert names(listener) == ([] if deploys else ALL)


def test_what_belongs_to_another_environment_is_not_heard(sandbox: Sandbox) -> None:
    target, other, intruder = Target(sandbox), Target(sandbox), sandbox.sign_in("intruder")
    listener = Listener(sandbox, target.pattern(bootstrap_arn("deployer")), "ENABLED")
    other.is_taken_over(lambda service: sandbox.client_of(intruder, service))
    assert names(listener) == []


def test_changes_of_roles_alone_are_passed_on_from_where_iam_is(sandbox: Sandbox) -> None:
    target, intruder = Target(sandbox), sandbox.sign_in("intruder")
    pattern = roles_taken_over(name_prefix=target.prefix, deployers=[bootstrap_arn("deployer")])
    listener = Listener(sandbox, pattern, "ENABLED")
    target.is_taken_over(lambda service: sandbox.client_of(intruder, service))
    assert names(listener) == OF_ROLES


def test_a_role_is_recognised_in_any_case_of_letters(sandbox: Sandbox) -> None:
    target, intruder = Target(sandbox), sandbox.sign_in("intruder")
    listener = Listener(sandbox, target.pattern(bootstrap_arn("deployer")), "ENABLED")
    iam = sandbox.client_of(intruder, "iam")
    with suppress(iam.exceptions.NoSuchEntityException):
        iam.delete_role_policy(RoleName=target.name.upper(), PolicyName="more")
    assert names(listener) == ["DeleteRolePolicy"]
