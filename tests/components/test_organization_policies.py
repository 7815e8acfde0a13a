"""docs/policies/: what an organization's policies stop, decided for the stack `prod` as it is shipped."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from components.principals import Principals
from klaviyo_access.isolation.evaluator import Decision, Principal, Request, decide
from tests.components.recording import Stack, load_stack

POLICIES = Path(__file__).parents[2] / "docs/policies"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
ORGANIZATION = "o-exampleorgid"
READ, ASSUME = "secretsmanager:GetSecretValue", "sts:AssumeRole"


def policy(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((POLICIES / f"{name}.json").read_text("utf-8"))
    return document


@pytest.fixture(scope="module")
def prod() -> Stack:
    return load_stack("prod")


@pytest.fixture(scope="module")
def principals(prod: Stack) -> Principals:
    return Principals.of(prod.environment, prod.settings, prod.access.in_environment("prod"))


def secret_arn(prod: Stack, role: str) -> str:
    place = prod.environment
    return f"arn:aws:secretsmanager:{place.region}:{place.account_id}:secret:{place.secret_name(role, 'key')}-AbCdEf"


def asked(who: str, action: str, resource: str, *, scp: dict[str, Any] | None = None) -> Decision:
    """What AWS decides under the control policy, where no resource policy stands in the way any more."""
    request = Request(principal=Principal(arn=who), action=action, resource=resource, context={"aws:PrincipalArn": who})
    control = policy("service-control-policy") if scp is None else scp
    return decide(request, identity_policies={"control": control, "own": EVERYTHING})


def without(statement: str) -> dict[str, Any]:
    document = copy.deepcopy(policy("service-control-policy"))
    document["Statement"] = [each for each in document["Statement"] if each["Sid"] != statement]
    return document


def test_whoever_manages_a_secret_cannot_grant_himself_the_read(prod: Stack, principals: Principals) -> None:
    stranger = f"arn:aws:iam::{prod.environment.account_id}:role/admins/owner"
    for who in (*principals.managers, principals.managers[0].replace("ci/", ""), stranger):
        assert asked(who, READ, secret_arn(prod, "admin"), scp=EVERYTHING).allowed
        assert asked(who, READ, secret_arn(prod, "admin")).explicit_deny
        assert asked(who, READ, secret_arn(prod, "admin"), scp=without("ReadKeysAsAServiceAlone")).allowed


def test_nobody_but_operators_takes_a_role_of_the_environment(prod: Stack, principals: Principals) -> None:
    roles = [*principals.services.values(), *principals.rotators.values(), principals.operator]
    for role in roles:
        for who in principals.managers:
            assert asked(who, ASSUME, role).explicit_deny
            assert asked(who, ASSUME, role, scp=without("BecomeAServiceNever")).allowed
    assert all(asked(who, ASSUME, principals.operator).allowed for who in prod.settings.operators)


def test_services_and_rotators_go_on_reading(prod: Stack, principals: Principals) -> None:
    for role in prod.access.roles:
        arn = secret_arn(prod, role)
        for who in (*principals.readers[role], principals.rotators[role]):
            assert asked(who, READ, arn).allowed


def test_a_policy_that_lets_another_organization_read_is_of_no_use() -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:333333333333:secret:klaviyo/prod/admin/key-AbCdEf"
    thief = Principal(arn="arn:aws:iam::999999999999:role/thief")
    opened = {"Sid": "Open", "Effect": "Allow", "Principal": {"AWS": thief.arn}, "Action": READ, "Resource": "*"}

    def decided(organization: str, statements: list[dict[str, Any]]) -> Decision:
        context = {
            "aws:PrincipalArn": thief.arn,
            "aws:PrincipalOrgID": organization,
            "aws:PrincipalIsAWSService": "false",
        }
        request = Request(principal=thief, action=READ, resource=arn, context=context)
        resource = {"Version": "2012-10-17", "Statement": statements}
        return decide(request, identity_policies={"own": EVERYTHING}, resource_policy=resource)

    control = policy("resource-control-policy")["Statement"]
    assert decided("o-another", [opened]).allowed
    assert decided("o-another", [opened, *control]).explicit_deny
    assert decided(ORGANIZATION, [opened, *control]).allowed
