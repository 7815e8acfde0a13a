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


def restrictions() -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = policy("resource-control-policy")["Statement"]
    return statements


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

    control = restrictions()
    assert decided("o-another", [opened]).allowed
    assert decided("o-another", [opened, *control]).explicit_deny
    assert decided(ORGANIZATION, [opened, *control]).allowed


SERVICE_ROLE = "arn:aws:iam::333333333333:role/klaviyo/prod/klaviyo-prod-app-api"
THIEF = "arn:aws:iam::999999999999:role/thief"
WEB, SAML = "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"
CLUSTER = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE:sub"
OUTSIDE = {"aws:PrincipalOrgID": "o-another", "aws:PrincipalIsAWSService": "false"}
INSIDE = {"aws:PrincipalOrgID": ORGANIZATION, "aws:PrincipalIsAWSService": "false"}

# who takes a role whose trust was opened: by what, with which context, and the statement that denies it
TAKEN: dict[str, tuple[str, str, dict[str, str], str | None]] = {
    "another organization": (THIEF, ASSUME, OUTSIDE, "BecomeAServiceFromTheOrganizationAlone"),
    "an account without an organization": (
        THIEF,
        ASSUME,
        {"aws:PrincipalIsAWSService": "false"},
        "BecomeAServiceFromTheOrganizationAlone",
    ),
    "an account of the organization": (THIEF, ASSUME, INSIDE, None),
    "a service of AWS": ("lambda.amazonaws.com", ASSUME, {"aws:PrincipalIsAWSService": "true"}, None),
    "a token of the cluster": ("web", WEB, {CLUSTER: "system:serviceaccount:shop:app-api"}, None),
    "a token of another cluster": (
        "web",
        WEB,
        {CLUSTER.replace("EXAMPLED", "ANOTHER"): "system:serviceaccount:shop:app-api"},
        "BecomeAServiceByOwnClustersAlone",
    ),
    "a token of Google": ("web", WEB, {"accounts.google.com:sub": "1"}, "BecomeAServiceByOwnClustersAlone"),
    "a SAML assertion": ("saml", SAML, {"saml:iss": "https://idp.example.com"}, "BecomeAServiceBySamlNever"),
}


@pytest.mark.parametrize(("who", "action", "context", "denied_by"), TAKEN.values(), ids=TAKEN)
def test_a_role_whose_trust_was_opened_is_taken_from_the_organization_alone(
    who: str, action: str, context: dict[str, str], denied_by: str | None
) -> None:
    request = Request(principal=Principal(arn=who), action=action, resource=SERVICE_ROLE, context=context)

    def decided(statements: list[dict[str, Any]]) -> Decision:
        opened = {"Sid": "Open", "Effect": "Allow", "Principal": "*", "Action": action}
        trust = {"Version": "2012-10-17", "Statement": [opened, *statements]}
        return decide(request, identity_policies={"own": EVERYTHING}, resource_policy=trust)

    assert decided([]).allowed
    assert decided(restrictions()).explicit_deny == (denied_by is not None)
    assert decided([each for each in restrictions() if each["Sid"] != denied_by]).allowed


def test_roles_elsewhere_are_none_of_the_control_policys_business() -> None:
    elsewhere = {each["Resource"] for each in restrictions() if each["Action"] != READ}
    assert elsewhere == {"arn:aws:iam::*:role/klaviyo/*"}


def test_a_session_counts_as_the_organization_of_the_role_that_it_has() -> None:
    """What the document says of its limit: the control policy sees who calls now, not who took the role before."""
    arn = "arn:aws:secretsmanager:eu-west-1:333333333333:secret:klaviyo/prod/admin/key-AbCdEf"
    request = Request(principal=Principal(arn=SERVICE_ROLE), action=READ, resource=arn, context=INSIDE)
    assert decide(
        request,
        identity_policies={"own": EVERYTHING},
        resource_policy={"Version": "2012-10-17", "Statement": restrictions()},
    ).allowed
