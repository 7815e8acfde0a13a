"""Readers of another account and in another region, decided as AWS decides on what is deployed for them."""

import json
from typing import Any

import pytest

from components.plans.plan import Plan
from components.plans.record import far_watches
from components.policies.secrets import in_region
from components.principals import Principals
from klaviyo_access.isolation.evaluator import Principal, Request, decide
from sandbox.provider.schema import undeclared
from tests.components.recording import FOREIGN, PROJECT_DIR, REPLICA_REGION, Recorder, load_stack

HERE = load_stack("prod").environment
HOME, THERE = HERE.region, REPLICA_REGION
READ, DESCRIBE = "secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"
STRANGER = FOREIGN.replace("reporting", "billing")
ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
OWN = f"arn:aws:iam::{HERE.account_id}:role/klaviyo/prod/klaviyo-prod-profile-sync"
SECRETS = "aws:secretsmanager/secret:Secret"
POLICIES = "aws:secretsmanager/secretPolicy:SecretPolicy"


def arn(role: str, kind: str = "key", region: str = HOME) -> str:
    return f"arn:aws:secretsmanager:{region}:{HERE.account_id}:secret:klaviyo/prod/{role}/{kind}-AbCdEf"


def real(document: str) -> dict[str, Any]:
    """A recorded document with the ARNs that AWS would give, instead of the recorder's."""
    for role in ("reporting", "profile-sync", "viewer"):
        for kind in ("key", "reserve"):
            recorded = f"arn:aws:test:eu-west-1:111111111111:klaviyo/prod/{role}/{kind}"
            document = document.replace(f'"{recorded}"', f'"{arn(role, kind)}"')
            document = document.replace(f'"{in_region(recorded, THERE)}"', f'"{arn(role, kind, THERE)}"')
    parsed: dict[str, Any] = json.loads(document)
    return parsed


def theirs(far_prod: Recorder) -> dict[str, Any]:
    """What the owner of the foreign role attaches: the program's output."""
    return real(far_prod.foreign_policies["reporting"])


def secret_policy(far_prod: Recorder, role: str, kind: str = "key") -> dict[str, Any]:
    return real(far_prod.of_type(POLICIES)[f"klaviyo/prod/{role}/{kind}-policy"].inputs["policy"])


@pytest.mark.parametrize("region", [HOME, THERE])
@pytest.mark.parametrize(
    ("who", "secret", "action", "expected"),
    [
        (FOREIGN, ("reporting", "key"), READ, True),
        (FOREIGN, ("reporting", "key"), DESCRIBE, True),
        (FOREIGN, ("reporting", "key"), "secretsmanager:PutSecretValue", False),
        (FOREIGN, ("reporting", "reserve"), READ, False),
        (FOREIGN, ("viewer", "key"), READ, False),
        (STRANGER, ("reporting", "key"), READ, False),
        (STRANGER, ("reporting", "key"), DESCRIBE, False),
    ],
)
def test_a_role_of_another_account_reads_its_key_and_nothing_else_however_much_its_owner_allows(
    far_prod: Recorder, region: str, who: str, secret: tuple[str, str], action: str, expected: bool
) -> None:
    request = Request(
        principal=Principal(arn=who), action=action, resource=arn(*secret, region), context={"aws:PrincipalArn": who}
    )
    for identity in (ANYTHING, theirs(far_prod)):
        decision = decide(
            request, identity_policies={"theirs": identity}, resource_policy=secret_policy(far_prod, *secret)
        )
        assert decision.allowed is expected


def test_without_the_identity_policy_on_their_side_nothing_is_read(far_prod: Recorder) -> None:
    request = Request(
        principal=Principal(arn=FOREIGN), action=READ, resource=arn("reporting"), context={"aws:PrincipalArn": FOREIGN}
    )
    decision = decide(request, identity_policies={}, resource_policy=secret_policy(far_prod, "reporting"))
    assert (decision.allowed, decision.policy_kind) == (False, "identity-based")


KMS_CASES: dict[str, tuple[str, str, dict[str, str], bool]] = {
    "its key": (FOREIGN, "reporting", {}, True),
    "another role's key": (FOREIGN, "viewer", {}, False),
    "another role of its account": (STRANGER, "reporting", {}, False),
    "another service": (FOREIGN, "reporting", {"kms:ViaService": "ssm.eu-west-1.amazonaws.com"}, False),
    "no service": (FOREIGN, "reporting", {"kms:ViaService": ""}, False),
}


@pytest.mark.parametrize("region", [HOME, THERE])
@pytest.mark.parametrize(("who", "role", "change", "expected"), KMS_CASES.values(), ids=KMS_CASES)
def test_the_kms_key_of_each_region_serves_a_role_of_another_account_for_its_key_alone(
    far_prod: Recorder, region: str, who: str, role: str, change: dict[str, str], expected: bool
) -> None:
    name = "klaviyo/prod/keys" if region == HOME else f"klaviyo/prod/keys/{region}"
    key = far_prod.of_type("aws:kms/key:Key")[name].inputs
    context = {
        "aws:PrincipalArn": who,
        "kms:CallerAccount": who.split(":")[4],
        "kms:ViaService": f"secretsmanager.{region}.amazonaws.com",
        "kms:EncryptionContext:SecretARN": arn(role, region=region),
    }
    request = Request(
        principal=Principal(arn=who),
        action="kms:Decrypt",
        resource=f"arn:aws:test:eu-west-1:111111111111:{name}",
        resource_account=HERE.account_id,
        context=context | change,
    )
    for identity in (ANYTHING, theirs(far_prod)):
        decision = decide(
            request,
            identity_policies={"theirs": identity},
            resource_policy=json.loads(key["policy"]),
            resource_policy_rules=True,
        )
        assert decision.allowed is expected


def test_nothing_of_the_other_account_is_built_here(far_prod: Recorder) -> None:
    grants = far_prod.of_type("aws:iam/rolePolicy:RolePolicy").values()
    assert not [grant for grant in grants if "reporting" in grant.inputs["role"] and "rotation" not in grant.name]
    assert "klaviyo-prod-reporting" not in {it.inputs["name"] for it in far_prod.of_type("aws:iam/role:Role").values()}


def test_keys_are_replicated_with_a_kms_key_of_the_region_and_reserves_are_not(far_prod: Recorder) -> None:
    key = "arn:aws:test:eu-west-1:111111111111:klaviyo/prod/keys/us-east-1"
    replicas = {name: it.inputs.get("replicas") for name, it in far_prod.of_type(SECRETS).items()}
    assert len(replicas) == 18
    for name, found in replicas.items():
        assert found == ([{"region": THERE, "kmsKeyId": key}] if name.endswith("/key") else None)
    assert far_prod.of_type("aws:kms/key:Key")["klaviyo/prod/keys/us-east-1"].inputs["region"] == THERE


@pytest.mark.parametrize("context_region", [HOME, THERE])
def test_a_service_reads_and_decrypts_the_replica_and_no_other(far_prod: Recorder, context_region: str) -> None:
    grant = real(
        far_prod.of_type("aws:iam/rolePolicy:RolePolicy")["klaviyo-profile-sync-access-policy"].inputs["policy"]
    )
    kms = "arn:aws:test:eu-west-1:111111111111:klaviyo/prod/keys/us-east-1"
    policy = json.loads(far_prod.of_type("aws:kms/key:Key")["klaviyo/prod/keys/us-east-1"].inputs["policy"])
    for role, expected in (("profile-sync", True), ("viewer", False)):
        read = Request(
            principal=Principal(arn=OWN),
            action=READ,
            resource=arn(role, region=THERE),
            context={"aws:PrincipalArn": OWN},
        )
        decrypt = Request(
            principal=Principal(arn=OWN),
            action="kms:Decrypt",
            resource=kms,
            resource_account=HERE.account_id,
            context={
                "aws:PrincipalArn": OWN,
                "kms:CallerAccount": HERE.account_id,
                "kms:ViaService": f"secretsmanager.{THERE}.amazonaws.com",
                "kms:EncryptionContext:SecretARN": arn(role, region=context_region),
            },
        )
        assert (
            decide(read, identity_policies={"own": grant}, resource_policy=secret_policy(far_prod, role)).allowed
            is expected
        )
        assert (
            decide(
                decrypt, identity_policies={"own": grant}, resource_policy=policy, resource_policy_rules=True
            ).allowed
            is expected
        )


def test_the_rotator_may_have_its_key_encrypted_for_the_replica(far_prod: Recorder) -> None:
    grant = real(far_prod.of_type("aws:iam/rolePolicy:RolePolicy")["klaviyo-viewer-rotation-policy"].inputs["policy"])
    (statement,) = [each for each in grant["Statement"] if each["Sid"] == "EncryptKeyInUsEast1"]
    assert statement["Action"] == ["kms:Encrypt", "kms:GenerateDataKey"]
    assert statement["Condition"]["StringEquals"] == {
        "kms:EncryptionContext:SecretARN": [arn("viewer"), arn("viewer", region=THERE)],
        "kms:ViaService": [f"secretsmanager.{THERE}.amazonaws.com", f"secretsmanager.{HOME}.amazonaws.com"],
    }


def test_reads_and_changes_in_another_region_are_passed_on_to_the_alerts_at_home(far_prod: Recorder) -> None:
    rule = far_prod.of_type("aws:cloudwatch/eventRule:EventRule")["klaviyo-watch-us-east-1-rule"].inputs
    target = far_prod.of_type("aws:cloudwatch/eventTarget:EventTarget")["klaviyo-watch-us-east-1-target"].inputs
    home = f"arn:aws:events:{HOME}:{HERE.account_id}:event-bus/default"
    assert (rule["region"], target["region"], target["arn"]) == (THERE, THERE, home)
    assert rule["state"] == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    there = f"arn:aws:secretsmanager:{THERE}:{HERE.account_id}:secret:klaviyo/prod/"
    heard = json.loads(rule["eventPattern"])["detail"]
    assert {"secretId": ["klaviyo/prod/", there]} in [
        {name: [each["prefix"] for each in prefixes] for name, prefixes in one.items() if name == "secretId"}
        for one in heard["requestParameters"]["$or"]
    ]
    at_home = far_prod.of_type("aws:cloudwatch/eventRule:EventRule")["klaviyo-audit-alerts-secrets-touched"].inputs
    touched = json.loads(at_home["eventPattern"])["detail"]
    assert {"GetSecretValue", "StopReplicationToReplica", *touched["eventName"]} <= {*heard["eventName"]}
    assert {"prefix": there} in touched["requestParameters"]["secretId"]
    grant = json.loads(
        far_prod.of_type("aws:iam/rolePolicy:RolePolicy")["klaviyo-watch-us-east-1-policy"].inputs["policy"]
    )
    assert [(each["Action"], each["Resource"]) for each in grant["Statement"]] == [(["events:PutEvents"], [home])]


def test_changes_of_roles_are_passed_on_from_where_iam_is_with_a_role_of_its_own(prod: Recorder) -> None:
    rule = prod.of_type("aws:cloudwatch/eventRule:EventRule")["klaviyo-watch-roles-rule"].inputs
    target = prod.of_type("aws:cloudwatch/eventTarget:EventTarget")["klaviyo-watch-roles-target"].inputs
    home = f"arn:aws:events:{HOME}:{HERE.account_id}:event-bus/default"
    assert (rule["region"], target["region"], target["arn"]) == ("us-east-1", "us-east-1", home)
    role = prod.of_type("aws:iam/role:Role")["klaviyo-watch-roles-role"].inputs["name"]
    assert (rule["name"], role) == ("klaviyo-prod-role-events", "klaviyo-prod-role-events")
    passed = json.loads(rule["eventPattern"])["detail"]
    at_home = prod.of_type("aws:cloudwatch/eventRule:EventRule")["klaviyo-audit-alerts-takeover"].inputs
    heard = json.loads(at_home["eventPattern"])["detail"]
    assert passed["userIdentity"] == heard["userIdentity"]
    assert {name: passed[name] for name in ("eventName", "requestParameters")} in heard["$or"]


@pytest.mark.parametrize(
    ("region", "partition", "watched"),
    [
        ("eu-west-1", "aws", [("us-east-1", "klaviyo-prod-role-events")]),
        ("us-east-1", "aws", []),
        ("us-gov-west-1", "aws-us-gov", []),
        ("us-gov-east-1", "aws-us-gov", []),
    ],
)
def test_roles_are_watched_elsewhere_unless_iams_events_come_up_at_home_or_cannot_be_passed_on(
    region: str, partition: str, watched: list[tuple[str, str]]
) -> None:
    stack = load_stack("prod")
    access = stack.access.in_environment("prod")
    plan = Plan(
        environment=HERE.model_copy(update={"region": region, "partition": partition}),
        access=access,
        settings=stack.settings,
        project=PROJECT_DIR,
        principals=Principals.of(HERE, stack.settings, access),
    )
    assert [(watch.region, watch.events.rule_name) for watch in far_watches(plan).values()] == watched


def test_only_properties_that_pulumi_aws_declares_are_used(far_prod: Recorder) -> None:
    used = [it for it in far_prod.resources if it.type.startswith("aws:")]
    assert [path for it in used for path in undeclared(it.type, dict(it.inputs))] == []
