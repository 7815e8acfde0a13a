"""Policies as tables of request and decision."""

from collections.abc import Mapping
from typing import Any

import pytest

from klaviyo_access.isolation.evaluator import Decision, Principal, Request, UnsupportedPolicyError, decide

ACCOUNT = "111122223333"
OTHER = "444455556666"
SECRET = f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:klaviyo/dev/viewer/key-AbCdEf"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/services/reporting"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/reporting/task"
GET = "secretsmanager:GetSecretValue"
ME = Principal(arn=ROLE, session_arn=SESSION)
LAMBDA = Principal(arn="lambda.amazonaws.com")

Json = dict[str, Any]


def statement(effect: str = "Allow", **elements: Any) -> Json:
    if not {"Action", "NotAction"} & elements.keys():
        elements["Action"] = GET
    if not {"Resource", "NotResource"} & elements.keys():
        elements["Resource"] = "*"
    return {"Effect": effect, **elements}


def policy(*statements: Json) -> Json:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def ask(
    identity: Json | None = None,
    resource: Json | None = None,
    *,
    principal: Principal = ME,
    action: str = GET,
    on: str = SECRET,
    context: Mapping[str, Any] | None = None,
    rules: bool = False,
) -> Decision:
    return decide(
        Request(principal=principal, action=action, resource=on, context=context or {}),
        identity_policies={} if identity is None else {"mine": policy(identity)},
        resource_policy=None if resource is None else policy(resource),
        resource_policy_rules=rules,
    )


def aws(*arns: str) -> Json:
    return {"AWS": list(arns)}


ROOT = aws(f"arn:aws:iam::{ACCOUNT}:root")
MINE = statement()
FOREIGN = Principal(arn=f"arn:aws:iam::{OTHER}:role/x", session_arn=f"arn:aws:sts::{OTHER}:assumed-role/x/s")


@pytest.mark.parametrize(
    ("why", "identity", "resource", "allowed"),
    [
        ("nothing allows", None, None, False),
        ("an identity policy suffices", MINE, None, True),
        ("a resource policy that names the role suffices", None, statement(Principal=aws(ROLE)), True),
        ("or that names the session", None, statement(Principal=aws(SESSION)), True),
        ("or everybody", None, statement(Principal="*"), True),
        ("or everybody of AWS", None, statement(Principal=aws("*")), True),
        ("naming the account leaves it to identity policies", None, statement(Principal=ROOT), False),
        ("the account's number is the account", None, statement(Principal=aws(ACCOUNT)), False),
        ("another role is not meant", None, statement(Principal=aws(ROLE + "2")), False),
        ("a service is not meant", None, statement(Principal={"Service": "lambda.amazonaws.com"}), False),
        ("a federated user is not meant", None, statement(Principal={"Federated": "accounts.google.com"}), False),
        ("a deny in the identity policy wins", statement("Deny"), statement(Principal=aws(ROLE)), False),
        ("a deny in the resource policy wins", MINE, statement("Deny", Principal="*"), False),
        ("a deny of the whole account meets its roles", MINE, statement("Deny", Principal=ROOT), False),
        ("a deny of somebody else does not", MINE, statement("Deny", Principal=aws(ROLE + "2")), True),
        (
            "NotPrincipal spares whom it lists whole",
            MINE,
            statement("Deny", NotPrincipal=aws(ROLE, SESSION, ACCOUNT)),
            True,
        ),
        ("and nobody whom it lists by the role alone", MINE, statement("Deny", NotPrincipal=aws(ROLE)), False),
    ],
)
def test_identity_and_resource_policies_of_one_account_add_up(
    why: str, identity: Json | None, resource: Json | None, *, allowed: bool
) -> None:
    assert ask(identity, resource).allowed is allowed, why


@pytest.mark.parametrize(
    ("identity", "resource", "allowed"),
    [
        (MINE, None, False),
        (None, statement(Principal=aws(FOREIGN.arn)), False),
        (MINE, statement(Principal=aws(FOREIGN.arn)), True),
        (MINE, statement(Principal=aws(OTHER)), True),
        (MINE, statement(Principal="*"), True),
    ],
)
def test_another_account_needs_both(identity: Json | None, resource: Json | None, *, allowed: bool) -> None:
    assert ask(identity, resource, principal=FOREIGN).allowed is allowed


@pytest.mark.parametrize(
    ("identity", "resource", "allowed"),
    [
        (MINE, None, False),
        (MINE, statement(Principal=aws(ROLE + "2")), False),
        (MINE, statement(Principal=ROOT), True),
        (None, statement(Principal=ROOT), False),
        (None, statement(Principal=aws(ROLE)), True),
        (statement("Deny"), statement(Principal=aws(ROLE)), False),
    ],
)
def test_a_key_is_open_to_nobody_whom_its_own_policy_leaves_out(
    identity: Json | None, resource: Json | None, *, allowed: bool
) -> None:
    assert ask(identity, resource, rules=True).allowed is allowed


@pytest.mark.parametrize(
    ("resource", "context", "allowed"),
    [
        (statement(Principal={"Service": "lambda.amazonaws.com"}), {}, True),
        (statement(Principal={"Service": "ec2.amazonaws.com"}), {}, False),
        (
            statement(
                Principal={"Service": "lambda.amazonaws.com"},
                Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}},
            ),
            {"aws:SourceAccount": ACCOUNT},
            True,
        ),
        (
            statement(
                Principal={"Service": "lambda.amazonaws.com"},
                Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}},
            ),
            {"aws:SourceAccount": OTHER},
            False,
        ),
        (statement("Deny", Principal="*", Condition={"StringNotEquals": {"aws:PrincipalArn": [ROLE]}}), {}, False),
        (None, {}, False),
    ],
)
def test_a_service_goes_by_the_resource_policy_alone(resource: Json | None, context: Json, *, allowed: bool) -> None:
    assert ask(None, resource, principal=LAMBDA, context=context).allowed is allowed


@pytest.mark.parametrize(
    ("elements", "applies"),
    [
        ({"Action": GET}, True),
        ({"Action": "SecretsManager:getsecretvalue"}, True),
        ({"Action": "secretsmanager:Get*"}, True),
        ({"Action": "secretsmanager:Get?ecretValue"}, True),
        ({"Action": "*"}, True),
        ({"Action": ["kms:Decrypt", "secretsmanager:PutSecretValue"]}, False),
        ({"NotAction": "secretsmanager:Put*"}, True),
        ({"NotAction": ["secretsmanager:*"]}, False),
        ({"Resource": SECRET}, True),
        ({"Resource": SECRET.lower()}, False),
        ({"Resource": SECRET[:-6] + "??????"}, True),
        ({"Resource": SECRET[:-6] + "?"}, False),
        ({"Resource": f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:klaviyo/*/viewer/*"}, True),
        ({"NotResource": SECRET}, False),
        ({"NotResource": "arn:aws:s3:::bucket"}, True),
        ({"Resource": "arn:aws:secretsmanager:eu-central-1:${aws:PrincipalAccount}:secret:klaviyo/*"}, True),
        ({"Resource": "arn:aws:secretsmanager:*:*:secret:klaviyo/dev/${aws:PrincipalTag/role}/key-*"}, True),
        ({"Resource": "arn:aws:secretsmanager:*:*:secret:klaviyo/dev/${aws:PrincipalTag/none}/key-*"}, False),
        ({"Resource": "arn:aws:secretsmanager:*:*:secret:klaviyo/dev/${aws:PrincipalTag/none, 'viewer'}/key-*"}, True),
        ({"Resource": "arn:aws:secretsmanager:*:*:secret:klaviyo/dev/${aws:PrincipalTag/star}/key-*"}, False),
        ({"Resource": "arn:aws:secretsmanager:*:*:secret:klaviyo/dev/${*}/key-*"}, False),
    ],
)
def test_a_statement_applies_to_the_actions_and_resources_it_describes(elements: Json, *, applies: bool) -> None:
    context = {"aws:PrincipalAccount": ACCOUNT, "aws:PrincipalTag/role": "viewer", "aws:PrincipalTag/star": "*"}
    assert ask(statement(**elements), context=context).allowed is applies


CONTEXT: Json = {
    "aws:PrincipalArn": ROLE,
    "aws:PrincipalTag/team": "growth",
    "aws:SourceIp": "10.1.2.3",
    "aws:SecureTransport": "true",
    "aws:CurrentTime": "2026-11-22T12:00:00+00:00",
    "aws:EpochTime": "1795348800",
    "secretsmanager:VersionStage": "AWSCURRENT",
    "aws:TagKeys": ["owner", "role"],
    "aws:Nothing": [],
}


@pytest.mark.parametrize(
    ("operator", "key", "wanted", "holds"),
    [
        ("StringEquals", "secretsmanager:VersionStage", "AWSCURRENT", True),
        ("StringEquals", "SecretsManager:versionstage", ["AWSPENDING", "AWSCURRENT"], True),
        ("StringEquals", "secretsmanager:VersionStage", "awscurrent", False),
        ("StringEquals", "secretsmanager:VersionStage", "AWS*", False),
        ("StringEquals", "secretsmanager:Absent", "x", False),
        ("StringEqualsIfExists", "secretsmanager:Absent", "x", True),
        ("StringEqualsIfExists", "secretsmanager:VersionStage", "x", False),
        ("StringNotEquals", "aws:PrincipalArn", [ROLE, "x"], False),
        ("StringNotEquals", "aws:PrincipalArn", ["y", "x"], True),
        ("StringNotEquals", "aws:Absent", ROLE, True),
        ("StringNotEqualsIfExists", "aws:Absent", ROLE, True),
        ("StringEqualsIgnoreCase", "secretsmanager:VersionStage", "awsCurrent", True),
        ("StringNotEqualsIgnoreCase", "secretsmanager:VersionStage", "awsCurrent", False),
        ("StringLike", "aws:PrincipalArn", "arn:aws:iam::*:role/services/*", True),
        ("StringLike", "aws:PrincipalArn", "*:role/operators/*", False),
        ("StringNotLike", "aws:PrincipalArn", "*:role/services/*", False),
        ("StringNotLike", "aws:Absent", "*", True),
        ("StringEquals", "aws:PrincipalTag/team", "${aws:PrincipalTag/team}", True),
        ("StringEquals", "aws:PrincipalTag/team", "${aws:PrincipalTag/absent}", False),
        ("ArnLike", "aws:PrincipalArn", f"arn:aws:iam::{ACCOUNT}:role/*", True),
        ("ArnEquals", "aws:PrincipalArn", "arn:aws:*:role/services/reporting", False),
        ("ArnNotLike", "aws:PrincipalArn", f"arn:aws:iam::{ACCOUNT}:role/*", False),
        ("ArnNotEquals", "aws:Absent", ROLE, True),
        ("Bool", "aws:SecureTransport", "true", True),
        ("Bool", "aws:SecureTransport", False, False),
        ("Bool", "aws:Absent", "false", False),
        ("BoolIfExists", "aws:Absent", "false", True),
        ("Null", "aws:Absent", "true", True),
        ("Null", "aws:Absent", False, False),
        ("Null", "aws:PrincipalArn", "false", True),
        ("NumericLessThan", "aws:EpochTime", 1795348801, True),
        ("NumericGreaterThanEquals", "aws:EpochTime", "1795348800", True),
        ("NumericNotEquals", "aws:EpochTime", "1795348800", False),
        ("NumericNotEquals", "aws:Absent", "1", True),
        ("DateGreaterThan", "aws:CurrentTime", "2026-11-22T11:59:59Z", True),
        ("DateLessThanEquals", "aws:CurrentTime", "2026-11-22", False),
        ("DateEquals", "aws:EpochTime", "2026-11-22T12:00:00Z", True),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/8", True),
        ("IpAddress", "aws:SourceIp", ["192.168.0.0/16", "10.1.2.3"], True),
        ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8", False),
        ("NotIpAddress", "aws:Absent", "10.0.0.0/8", True),
        ("ForAllValues:StringEquals", "aws:TagKeys", ["owner", "role", "x"], True),
        ("ForAllValues:StringEquals", "aws:TagKeys", ["owner"], False),
        ("ForAllValues:StringEquals", "aws:Absent", ["owner"], True),
        ("ForAllValues:StringEquals", "aws:Nothing", ["owner"], True),
        ("ForAnyValue:StringEquals", "aws:TagKeys", ["owner"], True),
        ("ForAnyValue:StringEquals", "aws:TagKeys", ["x"], False),
        ("ForAnyValue:StringEquals", "aws:Absent", ["owner"], False),
        ("ForAnyValue:StringEquals", "aws:Nothing", ["owner"], False),
        ("ForAnyValue:StringNotEquals", "aws:TagKeys", ["owner"], True),
        ("ForAnyValue:StringNotEquals", "aws:TagKeys", ["owner", "role"], False),
        ("ForAllValues:StringNotEquals", "aws:TagKeys", ["owner"], False),
        ("ForAllValues:StringLike", "aws:TagKeys", ["o*", "r*"], True),
        ("ForAnyValue:StringLike", "secretsmanager:VersionStage", ["AWS*"], True),
        ("ForAnyValue:StringEqualsIfExists", "aws:Absent", ["x"], True),
    ],
)
def test_a_condition_holds_as_aws_documents(operator: str, key: str, wanted: object, *, holds: bool) -> None:
    conditional = statement(Condition={operator: {key: wanted}})
    assert ask(conditional, context=CONTEXT).allowed is holds


def test_every_operator_and_every_key_of_a_condition_must_hold() -> None:
    right = {"aws:SecureTransport": "true"}
    assert ask(
        statement(Condition={"Bool": right, "StringEquals": {"aws:PrincipalArn": ROLE}}), context=CONTEXT
    ).allowed
    assert not ask(
        statement(Condition={"Bool": right, "StringEquals": {"aws:PrincipalArn": "x"}}), context=CONTEXT
    ).allowed
    two = {"aws:PrincipalArn": ROLE, "aws:PrincipalTag/team": "sales"}
    assert not ask(statement(Condition={"StringEquals": two}), context=CONTEXT).allowed


@pytest.mark.parametrize(
    ("identity", "resource"),
    [
        (statement(Condition={"StringMatches": {"aws:PrincipalArn": "x"}}), None),
        (statement(Condition={"ForSomeValues:StringEquals": {"aws:TagKeys": "x"}}), None),
        (statement(Condition={"StringEquals": {"aws:TagKeys": "owner"}}), None),
        (statement(Condition={"StringEquals": {"aws:PrincipalArn": {"not": "text"}}}), None),
        (statement(Condition={"NumericEquals": {"aws:PrincipalArn": "1"}}), None),
        (statement(Condition={"DateEquals": {"aws:CurrentTime": "noon"}}), None),
        (statement(Condition={"IpAddress": {"aws:SourceIp": "everywhere"}}), None),
        (statement(Condition={"StringNotEquals": {"aws:PrincipalArn": "${aws:PrincipalTag/absent}"}}), None),
        (statement(Resource="arn:${aws:TagKeys}"), None),
        (statement(Action="GetSecretValue"), None),
        (statement("Perhaps"), None),
        (statement(Sort="x"), None),
        (statement(Principal="*"), None),
        ({"Effect": "Allow", "Resource": "*"}, None),
        ({"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"}, None),
        (None, statement()),
        (None, statement(Principal=aws("arn:aws:iam::111122223333:role/*"))),
        (None, statement(Principal={"CanonicalUser": "x"})),
        (None, statement(NotPrincipal=aws(ROLE))),
    ],
)
def test_what_is_not_understood_is_never_decided(identity: Json | None, resource: Json | None) -> None:
    with pytest.raises(UnsupportedPolicyError):
        ask(identity, resource, context=CONTEXT)


def test_a_document_with_unknown_elements_or_variables_of_an_old_version_is_not_decided() -> None:
    request = Request(principal=ME, action=GET, resource=SECRET)
    for document in (
        {"Statement": [], "Sort": 1},
        {"Version": "2008-10-17", "Statement": [statement(Resource="${a:b}")]},
    ):
        with pytest.raises(UnsupportedPolicyError):
            decide(request, identity_policies={"mine": document})


def test_a_decision_names_the_statement_that_made_it() -> None:
    allowed = ask(statement(Sid="Read"))
    assert allowed == Decision(allowed=True, reason="allowed by statement 'Read' of identity-based policy 'mine'")
    denied = ask(MINE, statement("Deny", Sid="OnlyReaders", Principal="*"))
    assert denied.reason == "denied by statement 'OnlyReaders' of the resource-based policy"
    assert (denied.explicit_deny, denied.policy_kind) == (True, "resource-based")
    silent = ask()
    assert silent.reason == f"no identity-based policy allows {GET} on {SECRET}"


def test_a_bucket_belongs_to_the_account_that_is_named_for_it() -> None:
    request = Request(principal=FOREIGN, action="s3:GetObject", resource="arn:aws:s3:::b/k", resource_account=ACCOUNT)
    allow = policy(statement(Action="s3:*"))
    assert not decide(request, identity_policies={"mine": allow}).allowed
    bucket = policy(statement(Action="s3:*", Principal=aws(FOREIGN.arn)))
    assert decide(request, identity_policies={"mine": allow}, resource_policy=bucket).allowed
