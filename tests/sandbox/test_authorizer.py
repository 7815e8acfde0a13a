"""What real boto3 may and may not do: identity policies, trust policies, key policies, functions' policies."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from components.policies.trust import trust_pods
from sandbox.aws.calls import AwsError
from tests.sandbox.running_sandbox import ACCOUNT, Sandbox, document

EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def refused(call: Any, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def secret(sandbox: Sandbox, **parameters: Any) -> str:
    name = f"tests/{uuid.uuid4().hex[:12]}"
    return str(sandbox.client("secretsmanager").create_secret(Name=name, SecretString="s", **parameters)["ARN"])


def key(sandbox: Sandbox, *statements: dict[str, Any]) -> str:
    """A key whose policy has these statements beside the account's own right to manage it."""
    manage = {
        "Effect": "Allow",
        "Principal": root(),
        "Action": ["kms:Describe*", "kms:Get*", "kms:Put*"],
        "Resource": "*",
    }
    policy = document(manage, *statements) if statements else None
    made = sandbox.client("kms").create_key(**({"Policy": policy} if policy else {}))
    return str(made["KeyMetadata"]["Arn"])


def root() -> dict[str, str]:
    return {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


def test_a_role_reads_the_secret_of_its_policy_and_no_other(sandbox: Sandbox) -> None:
    mine, other = secret(sandbox), secret(sandbox)
    role = sandbox.role({"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": mine})
    client = sandbox.client("secretsmanager", role)
    assert client.get_secret_value(SecretId=mine)["SecretString"] == "s"
    code, message = refused(client.get_secret_value, SecretId=other)
    name = role.rpartition("/")[2]
    assert code == "AccessDeniedException"
    assert message == (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{name} is not authorized to perform: "
        f"secretsmanager:GetSecretValue on resource: {other} because no identity-based policy allows the "
        "secretsmanager:GetSecretValue action"
    )


def test_a_secrets_own_policy_keeps_out_an_administrator(sandbox: Sandbox) -> None:
    arn, reader = secret(sandbox), sandbox.role(EVERYTHING)
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:PrincipalArn": [reader]}},
    }
    sandbox.client("secretsmanager").put_resource_policy(SecretId=arn, ResourcePolicy=document(deny))
    assert sandbox.client("secretsmanager", reader).get_secret_value(SecretId=arn)["SecretString"] == "s"
    intruder = sandbox.client_of(sandbox.sign_in("intruder"), "secretsmanager")
    code, message = refused(intruder.get_secret_value, SecretId=arn)
    assert code == "AccessDeniedException"
    assert message.endswith("with an explicit deny in a resource-based policy")


def test_a_policy_that_changes_counts_at_once(sandbox: Sandbox) -> None:
    arn, role = secret(sandbox), sandbox.role()
    client = sandbox.client("secretsmanager", role)
    assert refused(client.get_secret_value, SecretId=arn)[0] == "AccessDeniedException"
    iam, name = sandbox.client("iam"), role.rpartition("/")[2]
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=document(EVERYTHING))
    assert client.get_secret_value(SecretId=arn)["SecretString"] == "s"
    iam.delete_role_policy(RoleName=name, PolicyName="all")
    managed = iam.create_policy(PolicyName=f"p-{name}", PolicyDocument=document(EVERYTHING))["Policy"]["Arn"]
    assert refused(client.get_secret_value, SecretId=arn)[0] == "AccessDeniedException"
    iam.attach_role_policy(RoleName=name, PolicyArn=managed)
    assert client.get_secret_value(SecretId=arn)["SecretString"] == "s"


def test_tags_of_a_role_fill_in_its_policies(sandbox: Sandbox) -> None:
    arn = secret(sandbox)
    pattern = f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:${{aws:PrincipalTag/reads}}-*"
    role = sandbox.role({"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": pattern})
    client = sandbox.client("secretsmanager", role)
    assert refused(client.get_secret_value, SecretId=arn)[0] == "AccessDeniedException"
    name = arn.split(":secret:")[1][:-7]
    sandbox.client("iam").tag_role(RoleName=role.rpartition("/")[2], Tags=[{"Key": "reads", "Value": name}])
    assert client.get_secret_value(SecretId=arn)["SecretString"] == "s"


def test_a_policy_that_is_not_understood_is_refused_by_name(sandbox: Sandbox) -> None:
    odd = {**EVERYTHING, "Condition": {"BinaryEquals": {"aws:PrincipalArn": "eA=="}}}
    client = sandbox.client("kms", sandbox.role(odd))
    code, message = refused(client.list_keys)
    assert (code, "BinaryEquals" in message) == ("NotImplemented", True)


def test_a_condition_key_that_the_sandbox_does_not_set_is_refused_by_name(sandbox: Sandbox) -> None:
    odd = {**EVERYTHING, "Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/x"}}}
    client = sandbox.client("kms", sandbox.role(odd))
    code, message = refused(client.describe_key, KeyId=key(sandbox))
    assert (code, "kms:ResourceAliases" in message) == ("NotImplemented", True)


def test_a_boundary_is_refused_by_name(sandbox: Sandbox) -> None:
    iam, role = sandbox.client("iam"), sandbox.role(EVERYTHING)
    boundary = iam.create_policy(PolicyName=f"b-{uuid.uuid4().hex[:8]}", PolicyDocument=document(EVERYTHING))
    iam.put_role_permissions_boundary(RoleName=role.rpartition("/")[2], PermissionsBoundary=boundary["Policy"]["Arn"])
    code, message = refused(sandbox.client("kms", role).list_keys)
    assert (code, "boundary" in message) == ("NotImplemented", True)


def test_a_user_goes_by_his_own_policies_and_a_group_is_refused_by_name(sandbox: Sandbox) -> None:
    iam, name = sandbox.client("iam"), f"user-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    secret_access_key = iam.create_access_key(UserName=name)["AccessKey"]
    kms = sandbox.client_of_user(secret_access_key, "kms")
    assert refused(kms.list_keys)[0] == "AccessDeniedException"
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=document(EVERYTHING))
    assert "Keys" in kms.list_keys()
    iam.create_group(GroupName=name)
    iam.add_user_to_group(GroupName=name, UserName=name)
    code, message = refused(kms.list_keys)
    assert (code, "groups" in message) == ("NotImplemented", True)


@pytest.mark.parametrize(
    ("trusted", "allowed"),
    [
        ("role/sandbox/engineer", True),
        ("role/sandbox/intruder", False),
        ("root", True),
        ("role/nobody", False),
    ],
)
def test_a_role_is_assumed_by_whom_it_trusts(sandbox: Sandbox, trusted: str, *, allowed: bool) -> None:
    principal = {"AWS": f"arn:aws:iam::{ACCOUNT}:{trusted}"}
    trust = document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})
    name = f"trusting-{uuid.uuid4().hex[:8]}"
    arn = sandbox.client("iam").create_role(RoleName=name, Path="/t/", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    sts = sandbox.client_of(sandbox.sign_in("engineer"), "sts")
    if allowed:
        answer = sts.assume_role(RoleArn=arn, RoleSessionName="me")
        assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/me"
        assert answer["Credentials"]["AccessKeyId"].startswith("ASIA")
    else:
        code, message = refused(sts.assume_role, RoleArn=arn, RoleSessionName="me")
        assert (code, "sts:AssumeRole" in message) == ("AccessDenied", True)


def test_pod_identity_takes_a_role_for_the_service_account_of_its_association_alone(sandbox: Sandbox) -> None:
    cluster, eks, iam = f"c-{uuid.uuid4().hex[:12]}", sandbox.client("eks"), sandbox.client("iam")
    eks.create_cluster(name=cluster, roleArn=sandbox.role(service="eks.amazonaws.com"), resourcesVpcConfig={})
    role = sandbox.role(service="pods.eks.amazonaws.com")
    trust = trust_pods(
        cluster_arn=f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/{cluster}", namespace="shop", service_account="web"
    )
    iam.update_assume_role_policy(RoleName=role.rpartition("/")[2], PolicyDocument=json.dumps(trust))
    for namespace, fine in [("other", False), ("shop", True)]:
        made = eks.create_pod_identity_association(
            clusterName=cluster, namespace=namespace, serviceAccount="web", roleArn=role
        )["association"]
        if fine:
            assert sandbox.client("sts", role).get_caller_identity()["Account"] == ACCOUNT
        else:
            with pytest.raises(AwsError, match="names nobody that the sandbox can be"):
                sandbox.session(role)
        eks.delete_pod_identity_association(clusterName=cluster, associationId=made["associationId"])
    eks.delete_cluster(name=cluster)


def test_a_role_that_is_not_there_is_refused_like_one_that_may_not_be_assumed(sandbox: Sandbox) -> None:
    sts = sandbox.client("sts", sandbox.role())
    code, _ = refused(sts.assume_role, RoleArn=f"arn:aws:iam::{ACCOUNT}:role/no/such", RoleSessionName="me")
    assert code == "AccessDenied"
    wrong_path = f"arn:aws:iam::{ACCOUNT}:role/deployer"
    assert refused(sandbox.client("sts").assume_role, RoleArn=wrong_path, RoleSessionName="me")[0] == "AccessDenied"


ANY_ROLE = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/any", "RoleSessionName": "me"}


@pytest.mark.parametrize(
    ("operation", "parameters", "named"),
    [
        ("get_session_token", {}, "GetSessionToken"),
        ("assume_role_with_web_identity", {**ANY_ROLE, "WebIdentityToken": "tttt"}, "federated"),
        ("assume_role", {**ANY_ROLE, "Policy": "{}"}, "Policy"),
    ],
)
def test_what_sts_does_not_model_is_refused_by_name(
    sandbox: Sandbox, operation: str, parameters: dict[str, str], named: str
) -> None:
    code, message = refused(getattr(sandbox.client("sts"), operation), **parameters)
    assert (code, named in message) == ("NotImplemented", True)


def test_a_keys_policy_decides_before_any_identity_policy(sandbox: Sandbox) -> None:
    reader = sandbox.role(EVERYTHING)
    named = {"Effect": "Allow", "Principal": {"AWS": reader}, "Action": "kms:*", "Resource": "*"}
    arn = key(sandbox, named)
    blob = sandbox.client("kms", reader).encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    assert sandbox.client("kms", reader).decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    code, message = refused(sandbox.client("kms").decrypt, CiphertextBlob=blob)
    assert code == "AccessDeniedException"
    assert message.endswith("because no resource-based policy allows the kms:Decrypt action")


@pytest.mark.parametrize(("context", "allowed"), [({"role": "viewer"}, True), ({"role": "admin"}, False), ({}, False)])
def test_a_key_heeds_the_encryption_context(sandbox: Sandbox, context: dict[str, str], *, allowed: bool) -> None:
    condition = {"StringEquals": {"kms:EncryptionContext:role": "viewer"}}
    role = sandbox.role({"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*", "Condition": condition})
    kms = sandbox.client("kms", role)
    request = {"KeyId": key(sandbox), "Plaintext": b"x", "EncryptionContext": context}
    if allowed:
        kms.encrypt(**request)
    else:
        assert refused(kms.encrypt, **request)[0] == "AccessDeniedException"


def test_a_secret_is_read_through_its_key_by_its_context_alone(sandbox: Sandbox) -> None:
    arn = key(sandbox)
    mine, other = secret(sandbox, KmsKeyId=arn), secret(sandbox, KmsKeyId=arn)
    condition = {
        "StringEquals": {
            "kms:ViaService": "secretsmanager.us-east-1.amazonaws.com",
            "kms:EncryptionContext:SecretARN": mine,
        }
    }
    role = sandbox.role(
        {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"},
        {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": arn, "Condition": condition},
    )
    client = sandbox.client("secretsmanager", role)
    assert client.get_secret_value(SecretId=mine)["SecretString"] == "s"
    assert refused(client.get_secret_value, SecretId=other) == ("AccessDeniedException", "Access to KMS is not allowed")


def test_a_secret_behind_a_disabled_key_is_not_read(sandbox: Sandbox) -> None:
    arn = key(sandbox)
    behind = secret(sandbox, KmsKeyId=arn)
    sandbox.client("kms").disable_key(KeyId=arn)
    assert refused(sandbox.client("secretsmanager").get_secret_value, SecretId=behind)[0] == "DecryptionFailure"


def test_creating_a_function_needs_the_right_to_pass_its_role(sandbox: Sandbox) -> None:
    role = sandbox.role(service="lambda.amazonaws.com")
    creator = sandbox.role({"Effect": "Allow", "Action": "lambda:*", "Resource": "*"})
    code, message = refused(
        sandbox.client("lambda", creator).create_function,
        FunctionName="never",
        Runtime="python3.13",
        Role=role,
        Handler="x.y",
        Code={"ZipFile": b"x"},
    )
    assert (code, "iam:PassRole" in message) == ("AccessDeniedException", True)


def test_unlisted_actions_on_functions_are_refused(sandbox: Sandbox) -> None:
    lambda_ = sandbox.client("lambda", sandbox.role())
    code, message = refused(lambda_.get_function, FunctionName="some")
    assert code == "AccessDeniedException"
    assert f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:some" in message


def test_the_documents_of_policies_reach_iam_as_they_were(sandbox: Sandbox) -> None:
    role = sandbox.role(EVERYTHING)
    found = sandbox.client("iam").get_role_policy(RoleName=role.rpartition("/")[2], PolicyName="tests")
    assert found["PolicyDocument"] == json.loads(document(EVERYTHING))
