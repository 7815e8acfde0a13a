"""A service's IAM role on each platform: who may take it, and what the platform needs beside it."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from components.platforms import Platform
from components.service_access import ServiceAccess, ServiceAccessArgs
from tests.components.recording import Build, Recorder

ACCOUNT = "111111111111"
OIDC = f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC"
POD = {"cluster": "shop", "namespace": "web", "serviceAccount": "api"}
FROM_HERE = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
POD_ALONE = {
    "StringEquals": {
        "aws:RequestTag/eks-cluster-arn": f"arn:aws:eks:eu-west-1:{ACCOUNT}:cluster/shop",
        "aws:RequestTag/kubernetes-namespace": "web",
        "aws:RequestTag/kubernetes-service-account": "api",
    }
}
POD_ACTIONS = ["sts:AssumeRole", "sts:TagSession"]

# platform: who takes the role, with which actions, under which condition, and the other resources' types
PLATFORMS: dict[str, tuple[dict[str, str], dict[str, str], list[str], Any, set[str]]] = {
    "ecs-task": ({}, {"Service": "ecs-tasks.amazonaws.com"}, ["sts:AssumeRole"], FROM_HERE, set()),
    "ecs-injected": (
        {},
        {"Service": "ecs-tasks.amazonaws.com"},
        ["sts:AssumeRole"],
        FROM_HERE,
        {"aws:iam/rolePolicyAttachment:RolePolicyAttachment"},
    ),
    "eks-irsa": (
        {"oidcProviderArn": OIDC, "namespace": "web", "serviceAccount": "api"},
        {"Federated": OIDC},
        ["sts:AssumeRoleWithWebIdentity"],
        {
            "StringEquals": {
                "oidc.eks.eu-west-1.amazonaws.com/id/ABC:aud": "sts.amazonaws.com",
                "oidc.eks.eu-west-1.amazonaws.com/id/ABC:sub": "system:serviceaccount:web:api",
            }
        },
        set(),
    ),
    "eks-pod-identity": (
        POD,
        {"Service": "pods.eks.amazonaws.com"},
        POD_ACTIONS,
        POD_ALONE,
        {"aws:eks/podIdentityAssociation:PodIdentityAssociation"},
    ),
    "lambda": ({}, {"Service": "lambda.amazonaws.com"}, ["sts:AssumeRole"], None, set()),
    "ec2": (
        {},
        {"Service": "ec2.amazonaws.com"},
        ["sts:AssumeRole"],
        None,
        {"aws:iam/instanceProfile:InstanceProfile"},
    ),
}


def build_service(build: Build, platform: dict[str, str]) -> Recorder:
    args = ServiceAccessArgs(
        service="api",
        platform=TypeAdapter(Platform).validate_python(platform),
        role_name="klaviyo-prod-api",
        iam_path="/klaviyo/prod/",
        key_arns=["arn:aws:secretsmanager:eu-west-1:111111111111:secret:klaviyo/prod/viewer/key-AbCdEf"],
        encryption_key_arn="arn:aws:kms:eu-west-1:111111111111:key/k",
        replica_keys={},
        partition="aws",
        account_id=ACCOUNT,
        region="eu-west-1",
        tags={"owner": "platform"},
    )
    return build(lambda: ServiceAccess("api", args) and None)


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_platform_alone_takes_the_role_and_gets_what_it_needs(build: Build, name: str) -> None:
    facts, principal, actions, condition, more = PLATFORMS[name]
    recorder = build_service(build, {"platform": name} | facts)
    (role,) = recorder.of_type("aws:iam/role:Role").values()
    (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Allow", principal)
    assert (statement["Action"], statement.get("Condition")) == (actions, condition)
    own = {"klaviyo-access:index:ServiceAccess", "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"}
    assert {resource.type for resource in recorder.resources} == own | more


def test_an_injected_service_may_start_tasks_and_a_pod_is_bound_to_its_service_account(build: Build) -> None:
    (execution,) = (
        build_service(build, {"platform": "ecs-injected"})
        .of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
        .values()
    )
    assert execution.inputs["policyArn"] == "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    (pod,) = (
        build_service(build, {"platform": "eks-pod-identity"} | POD)
        .of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
        .values()
    )
    assert {name: pod.inputs[name] for name in ("clusterName", "namespace", "serviceAccount")} == {
        "clusterName": "shop",
        "namespace": "web",
        "serviceAccount": "api",
    }


def test_an_existing_role_gets_the_grant_alone(build: Build) -> None:
    existing = {"platform": "existing", "roleArn": f"arn:aws:iam::{ACCOUNT}:role/apps/web/api"}
    recorder = build_service(build, existing)
    (grant,) = recorder.of_type("aws:iam/rolePolicy:RolePolicy").values()
    assert grant.inputs["role"] == "api"
    assert not recorder.of_type("aws:iam/role:Role")


@pytest.mark.parametrize("name", PLATFORMS)
def test_every_platforms_role_reads_the_key_and_nothing_else(build: Build, name: str) -> None:
    recorder = build_service(build, {"platform": name} | PLATFORMS[name][0])
    (grant,) = recorder.of_type("aws:iam/rolePolicy:RolePolicy").values()
    read, decrypt = json.loads(grant.inputs["policy"])["Statement"]
    key = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:klaviyo/prod/viewer/key-AbCdEf"
    assert read["Resource"] == [key]
    assert set(read["Action"]) == {"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"}
    assert decrypt["Action"] == ["kms:Decrypt"]
    assert decrypt["Condition"]["StringEquals"]["kms:EncryptionContext:SecretARN"] == [key]
