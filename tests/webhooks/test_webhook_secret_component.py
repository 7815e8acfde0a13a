"""The component `WebhookSecret`: off until the settings name a webhook, and then one writer and known readers."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.settings import reset_options

from components.klaviyo_access import KlaviyoAccess, KlaviyoAccessArgs
from components.policies.secrets import MANAGE_SECRET, read_keys, secret_resource_policy
from components.policies.statements import Encryption
from components.policies.webhook_secrets import (
    change_webhook_secret,
    receive_webhook,
    rotate_webhook_secret,
    webhook_principals,
)
from components.principals import Principals
from components.settings import Settings, parse_settings
from klaviyo_access.access_model.environment import EnvironmentSettingsError
from klaviyo_access.isolation.evaluator import Principal, Request, decide
from rotation.events import Unstick
from rotation.webhooks.rotator import read_webhook_event
from sandbox.provider.schema import undeclared
from sandbox.render import render
from tests.components.recording import PROJECT_DIR, Recorder, load_stack, record

SECRET = "aws:secretsmanager/secret:Secret"
NAME = "klaviyo/prod/orders/webhook"
ORDERS = {"webhookId": "01KWEBHOOK", "role": "developer", "receivers": ["app-api"]}


def with_webhook(stack: str, orders: Mapping[str, Any] = ORDERS, name: str = "orders") -> Settings:
    values = load_stack(stack).settings.model_dump(by_alias=True, exclude_none=True)
    return parse_settings(stack, values | {"webhooks": {name: orders}})


@pytest.fixture(scope="module")
def prod() -> Recorder:
    facts = load_stack("prod")

    def program() -> None:
        args = KlaviyoAccessArgs(
            environment=facts.environment,
            access=facts.access.in_environment("prod"),
            settings=with_webhook("prod"),
            project=PROJECT_DIR,
        )
        KlaviyoAccess("klaviyo", args)

    recorder = record(program)
    reset_options()  # of Pulumi, so that a stack can be rendered afterwards
    return recorder


def only(recorder: Recorder, type_token: str, name: str) -> Mapping[str, Any]:
    return recorder.of_type(type_token)[name if "/" in name else f"klaviyo-orders-webhook-{name}"].inputs


def test_no_stack_that_ships_has_a_webhook() -> None:
    for stack in ("local", "dev", "staging", "prod"):
        assert load_stack(stack).settings.webhooks == {}


def test_the_secret_is_named_encrypted_and_closed_to_the_public(prod: Recorder) -> None:
    secret = only(prod, SECRET, NAME)
    assert secret["name"] == NAME
    assert secret["kmsKeyId"].endswith(":klaviyo/prod/keys")
    assert secret["tags"]["webhook"] == "orders"
    assert only(prod, "aws:secretsmanager/secretPolicy:SecretPolicy", f"{NAME}-policy")["blockPublicPolicy"] is True


def test_the_rotator_runs_one_at_a_time_and_knows_its_webhook_and_the_roles_key(prod: Recorder) -> None:
    function = only(prod, "aws:lambda/function:Function", "rotation-function")
    variables = function["environment"]["variables"]
    assert (function["handler"], function["reservedConcurrentExecutions"]) == ("rotation.webhooks.rotator.handler", 1)
    assert (variables["WEBHOOK"], variables["WEBHOOK_ID"]) == ("orders", "01KWEBHOOK")
    assert variables["WEBHOOK_SECRET_ARN"].endswith(":klaviyo/prod/orders/webhook")
    assert variables["KEY_SECRET_ARN"].endswith(":klaviyo/prod/developer/key")


def test_the_rotator_hears_of_failed_rotations_of_its_secret_alone_and_is_told_one_thing(prod: Recorder) -> None:
    rule = only(prod, "aws:cloudwatch/eventRule:EventRule", "unstick")
    detail = json.loads(rule["eventPattern"])["detail"]
    secret_arn = only(prod, "aws:secretsmanager/secretRotation:SecretRotation", "rotation-schedule")["secretId"]
    assert detail["eventName"] == ["RotationFailed", "RotationAbandoned"]
    assert detail["additionalEventData"] == {"SecretId": [{"prefix": secret_arn}]}
    target = only(prod, "aws:cloudwatch/eventTarget:EventTarget", "unstick-target")
    assert target["arn"].endswith(":klaviyo-orders-webhook-rotation-function")
    assert read_webhook_event(json.loads(target["input"]), secret_arn=secret_arn) == Unstick()
    permission = only(prod, "aws:lambda/permission:Permission", "unstick-permission")
    assert (permission["principal"], permission["function"]) == ("events.amazonaws.com", target["arn"])
    assert permission["sourceArn"].endswith(":klaviyo-orders-webhook-unstick")


def test_the_secret_rotates_on_a_schedule_and_never_at_once(prod: Recorder) -> None:
    rotation = only(prod, "aws:secretsmanager/secretRotation:SecretRotation", "rotation-schedule")
    assert rotation["rotateImmediately"] is False
    assert rotation["rotationRules"]["scheduleExpression"].startswith("cron(0 ")
    assert rotation["secretId"].endswith(":klaviyo/prod/orders/webhook")


def test_the_grants_go_to_receivers_operators_and_rotator(prod: Recorder) -> None:
    grants = {
        name: (it.inputs["name"], it.inputs["role"].rpartition(":")[2])
        for name, it in prod.of_type("aws:iam/rolePolicy:RolePolicy").items()
        if "orders-webhook" in name
    }
    assert grants == {
        "klaviyo-orders-webhook-to-app-api": ("receive-webhook-orders", "klaviyo-app-api-access-role"),
        "klaviyo-orders-webhook-to-operators": ("rotate-webhook-orders", "klaviyo-operators-role"),
        "klaviyo-orders-webhook-rotation-policy": ("change-webhook-secret", "klaviyo-prod-orders-webhook"),
    }


def test_the_policy_of_the_roles_key_lets_the_webhooks_rotator_read_it(prod: Recorder) -> None:
    policies = prod.of_type("aws:secretsmanager/secretPolicy:SecretPolicy")

    def readers(role: str) -> list[str]:
        read, *_ = json.loads(policies[f"klaviyo/prod/{role}/key-policy"].inputs["policy"])["Statement"]
        names: list[str] = read["Condition"]["StringNotEquals"]["aws:PrincipalArn"]
        return [name.rpartition("/")[2] for name in names]

    assert readers("developer").count("klaviyo-prod-orders-webhook") == 1
    assert [role for role in ("admin", "viewer", "custodian") if "klaviyo-prod-orders-webhook" in readers(role)] == []


def test_a_strangers_read_of_the_webhooks_secret_is_detected(prod: Recorder) -> None:
    rule = prod.of_type("aws:cloudwatch/eventRule:EventRule")["klaviyo-audit-alerts-orders-webhook-stranger"].inputs
    detail = json.loads(rule["eventPattern"])["detail"]
    assert "klaviyo/prod/orders/webhook" in detail["requestParameters"]["$or"][0]["secretId"]
    assert detail["userIdentity"]["$or"][0]["sessionContext"]["sessionIssuer"]["arn"] == [
        {"anything-but": sorted([RECEIVER, ROTATOR])}
    ]


HERE = load_stack("prod").environment
REGION, AWS = HERE.region, HERE.account_id
WEBHOOK, KEY = (
    f"arn:aws:secretsmanager:{REGION}:{AWS}:secret:klaviyo/prod/{name}"
    for name in ("orders/webhook-AbCdEf", "developer/key-GhIjKl")
)
CMK = f"arn:aws:kms:{REGION}:{AWS}:key/0a1b"
LOG = f"arn:aws:logs:{REGION}:{AWS}:log-group:/aws/lambda/klaviyo-prod-orders-webhook"
ENCRYPTION = Encryption(key_arn=CMK, region=REGION)


def role(name: str, path: str = "klaviyo/prod") -> str:
    return f"arn:aws:iam::{AWS}:role/{path}/{name}"


RECEIVER, OTHER, ROTATOR, OPERATOR = (
    role(f"klaviyo-prod-{name}") for name in ("app-api", "reporting", "orders-webhook", "key-operator")
)
DEPLOYER, STRANGER = role("klaviyo-deployer", "ci"), role("admin", "people")
MANAGERS = (DEPLOYER, f"arn:aws:iam::{AWS}:root")
ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
IDENTITIES: Mapping[str, Any] = {
    RECEIVER: receive_webhook(WEBHOOK, ENCRYPTION),
    OTHER: read_keys([KEY], ENCRYPTION),
    ROTATOR: change_webhook_secret(secret_arn=WEBHOOK, key_arn=KEY, log_group_arn=LOG, encryption=ENCRYPTION),
    OPERATOR: rotate_webhook_secret(WEBHOOK),
    DEPLOYER: ANYTHING,
    STRANGER: ANYTHING,
}
POLICY = secret_resource_policy(
    webhook_principals(receivers=[RECEIVER], rotator=ROTATOR, operator=OPERATOR, managers=MANAGERS)
)
MAY: Mapping[str, set[str]] = {
    "GetSecretValue": {RECEIVER, ROTATOR},
    "DescribeSecret": {RECEIVER, ROTATOR, OPERATOR, DEPLOYER, STRANGER},
    "PutSecretValue": {ROTATOR},
    "UpdateSecretVersionStage": {ROTATOR},
    "RotateSecret": {OPERATOR, DEPLOYER},
    **{action.partition(":")[2]: {DEPLOYER} for action in MANAGE_SECRET},
}


def allowed(who: str, action: str, resource: str, **context: str) -> bool:
    request = Request(
        principal=Principal(arn=who), action=action, resource=resource, context={"aws:PrincipalArn": who} | context
    )
    policy = POLICY if resource == WEBHOOK else None
    return decide(request, identity_policies={"own": IDENTITIES[who]}, resource_policy=policy).allowed


@pytest.mark.parametrize("who", IDENTITIES, ids=lambda arn: arn.rpartition("/")[2])
@pytest.mark.parametrize("action", MAY)
def test_each_principal_may_do_with_the_webhooks_secret_what_the_table_says(who: str, action: str) -> None:
    # AWS's own actions have no wildcard; the table's with one stand for any of them.
    asked = f"secretsmanager:{action.replace('*', 'X')}"
    assert allowed(who, asked, WEBHOOK) is (who in MAY[action])


@pytest.mark.parametrize("change", ["secretsmanager:RotationLambdaARN", "secretsmanager:ModifyRotationRules"])
def test_an_operator_never_chooses_the_function_or_the_schedule(change: str) -> None:
    value = "true" if change.endswith("Rules") else "arn:aws:lambda:eu-west-1:111111111111:function:own"
    assert not allowed(OPERATOR, "secretsmanager:RotateSecret", WEBHOOK, **{change: value})


def test_the_rotator_reads_the_roles_key_and_changes_nothing_of_it() -> None:
    may = [
        allowed(ROTATOR, f"secretsmanager:{action}", KEY)
        for action in ("GetSecretValue", "DescribeSecret", "PutSecretValue", "UpdateSecretVersionStage")
    ]
    assert may == [True, True, False, False]


@pytest.mark.parametrize(
    ("who", "action", "secret", "expected"),
    [
        (RECEIVER, "kms:Decrypt", WEBHOOK, True),
        (RECEIVER, "kms:Decrypt", KEY, False),
        (RECEIVER, "kms:GenerateDataKey", WEBHOOK, False),
        (ROTATOR, "kms:Decrypt", WEBHOOK, True),
        (ROTATOR, "kms:Decrypt", KEY, True),
        (ROTATOR, "kms:GenerateDataKey", WEBHOOK, True),
        (ROTATOR, "kms:GenerateDataKey", KEY, False),
        (OPERATOR, "kms:Decrypt", WEBHOOK, False),
    ],
)
def test_the_kms_key_serves_each_for_what_is_his_alone(who: str, action: str, secret: str, expected: bool) -> None:
    through = {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com", "kms:EncryptionContext:SecretARN": secret}
    assert allowed(who, action, CMK, **through) is expected


BAD_SETTINGS = {
    "no role": ({**ORDERS, "role": None}, r"webhooks\.orders\.role"),
    "no receiver": ({**ORDERS, "receivers": []}, r"webhooks\.orders\.receivers.*at least 1 item"),
    "an id that is a path": ({**ORDERS, "webhookId": "../accounts"}, r"webhooks\.orders\.webhookId.*pattern"),
    "a secret": ({**ORDERS, "secret": "x"}, r"webhooks\.orders\.secret"),
}


@pytest.mark.parametrize(("orders", "message"), BAD_SETTINGS.values(), ids=BAD_SETTINGS)
def test_a_setting_of_a_webhook_against_its_rule_is_named(orders: dict[str, Any], message: str) -> None:
    with pytest.raises(EnvironmentSettingsError, match=message):
        with_webhook("prod", orders)


@pytest.mark.parametrize("name", ["Orders", "orders_", "-orders", "o" * 33])
def test_a_webhooks_name_becomes_part_of_names_in_aws(name: str) -> None:
    with pytest.raises(EnvironmentSettingsError, match="webhooks"):
        with_webhook("prod", name=name)


@pytest.mark.parametrize(
    ("stack", "change", "message"),
    [
        (
            "prod",
            {"role": "viewer"},
            r"webhooks\.orders\.role: 'viewer' lacks webhooks:write here; with it: .*developer",
        ),
        ("prod", {"role": "nobody"}, r"'nobody' lacks webhooks:write"),
        ("prod", {"receivers": ["billing"]}, r"receivers: the service 'billing' is not in klaviyo-access:services"),
        ("dev", {}, r"'developer' lacks webhooks:write here; with it: none"),
    ],
)
def test_a_webhook_that_could_not_rotate_is_refused(stack: str, change: dict[str, Any], message: str) -> None:
    facts = load_stack(stack)
    settings = with_webhook(stack, {**ORDERS, **change})
    with pytest.raises(EnvironmentSettingsError, match=message):
        Principals.of(facts.environment, settings, facts.access.in_environment(stack))


def test_a_stack_with_a_webhook_renders_with_properties_that_pulumi_aws_declares(tmp_path: Path) -> None:
    for path in PROJECT_DIR.iterdir():
        if path.name != "Pulumi.prod.yaml":
            (tmp_path / path.name).symlink_to(path)
    text = (PROJECT_DIR / "Pulumi.prod.yaml").read_text("utf-8")
    webhooks = "  klaviyo-access:webhooks:\n    orders: {webhookId: 01KW, role: developer, receivers: [app-api]}\n"
    (tmp_path / "Pulumi.prod.yaml").write_text(text.replace("config:\n", f"config:\n{webhooks}", 1), "utf-8")
    resources = render("prod", project_dir=tmp_path)["deployment"]["resources"]
    ours = [it for it in resources if "::klaviyo-orders-webhook" in it["urn"] or f"::{NAME}" in it["urn"]]
    assert len(ours) == 14
    assert [path for it in ours if it["type"].startswith("aws:") for path in undeclared(it["type"], it["inputs"])] == []
    assert [it["type"] for it in ours if it.get("protect")] == [SECRET]
    (rotation,) = (it for it in ours if it["type"].endswith(":SecretRotation"))
    needed = {dependency.rpartition("::")[2] for dependency in rotation["dependencies"]}
    role = "klaviyo/prod/developer/key-policy"
    assert {f"{NAME}-policy", "klaviyo-orders-webhook-rotation-permission", role} <= needed
    (stack,) = (it for it in resources if it["type"] == "pulumi:pulumi:Stack")
    assert set(stack["outputs"]["webhookSecretArns"]) == {"orders"}
