"""The component `OAuthApp`: off until the settings name accounts, and then each secret has one writer."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.settings import reset_options

from components.klaviyo_access import KlaviyoAccess, KlaviyoAccessArgs
from components.names import oauth_arn_pattern
from components.policies.oauth_apps import client_principals, keep_oauth_tokens, stage_oauth_client, tokens_principals
from components.policies.secrets import MANAGE_SECRET, operate_keys, read_keys, secret_resource_policy
from components.policies.statements import Encryption
from components.principals import Principals
from components.settings import Settings, parse_settings
from klaviyo_access.access_model.environment import EnvironmentSettingsError
from klaviyo_access.isolation.evaluator import Principal, Request, decide
from sandbox.provider.schema import undeclared
from sandbox.render import render
from tests.components.recording import PROJECT_DIR, Recorder, load_stack, record

ACCOUNTS = ["AbC123", "XyZ789"]
SECRET = "aws:secretsmanager/secret:Secret"
OF_APP = re.compile(r"klaviyo-oauth|klaviyo/\w+/oauth/")


def with_app(stack: str, **changes: Any) -> Settings:
    values = load_stack(stack).settings.model_dump(by_alias=True, exclude_none=True)
    return parse_settings(stack, values | {"oauthApp": {"accounts": ACCOUNTS}} | changes)


@pytest.fixture(scope="module")
def prod() -> Recorder:
    facts = load_stack("prod")

    def program() -> None:
        args = KlaviyoAccessArgs(
            environment=facts.environment,
            access=facts.access.in_environment("prod"),
            settings=with_app("prod"),
            project=PROJECT_DIR,
        )
        whole = KlaviyoAccess("klaviyo", args)
        assert whole.oauth_app is not None
        assert 'KLAVIYO_OAUTH_SCOPES="accounts:read events:write profiles:read"' in whole.oauth_app

    recorder = record(program)
    reset_options()  # of Pulumi, so that a stack can be rendered afterwards
    return recorder


def of_app(recorder: Recorder, type_token: str) -> Mapping[str, Mapping[str, Any]]:
    return {name: it.inputs for name, it in recorder.of_type(type_token).items() if OF_APP.match(name)}


def test_no_stack_that_ships_has_the_apps_secrets() -> None:
    for stack in ("local", "dev", "staging", "prod"):
        assert load_stack(stack).settings.oauth_app is None


def test_the_app_has_a_client_secret_and_a_secret_for_each_accounts_tokens(prod: Recorder) -> None:
    secrets = of_app(prod, SECRET)
    assert {name: secret["name"] for name, secret in secrets.items()} == {
        "klaviyo/prod/oauth/client": "klaviyo/prod/oauth/client",
        "klaviyo/prod/oauth/AbC123/tokens": "klaviyo/prod/oauth/AbC123/tokens",
        "klaviyo/prod/oauth/XyZ789/tokens": "klaviyo/prod/oauth/XyZ789/tokens",
    }
    assert {secret["kmsKeyId"].rpartition(":")[2] for secret in secrets.values()} == {"klaviyo/prod/keys"}
    assert {secret["tags"]["service"] for secret in secrets.values()} == {"app-api"}


def test_every_secret_of_the_app_has_a_policy_that_blocks_public_access(prod: Recorder) -> None:
    policies = of_app(prod, "aws:secretsmanager/secretPolicy:SecretPolicy")
    assert set(policies) == {f"{name}-policy" for name in of_app(prod, SECRET)}
    assert all(policy["blockPublicPolicy"] is True for policy in policies.values())


def test_the_grants_go_to_the_service_and_to_the_operators(prod: Recorder) -> None:
    grants = of_app(prod, "aws:iam/rolePolicy:RolePolicy")
    assert {(grant["name"], grant["role"].rpartition(":")[2]) for grant in grants.values()} == {
        ("keep-oauth-tokens", "klaviyo-app-api-access-role"),
        ("stage-oauth-client", "klaviyo-operators-role"),
    }


def test_no_value_and_no_rotation_is_the_programs(prod: Recorder) -> None:
    assert not [it for it in prod.resources if "SecretVersion" in it.type]
    assert not [name for name in prod.of_type("aws:secretsmanager/secretRotation:SecretRotation") if "oauth" in name]


def test_a_strangers_read_of_any_of_its_secrets_is_detected(prod: Recorder) -> None:
    rule = prod.of_type("aws:cloudwatch/eventRule:EventRule")["klaviyo-audit-alerts-oauth-stranger"].inputs
    detail = json.loads(rule["eventPattern"])["detail"]
    prefixes = [{"prefix": "klaviyo/prod/oauth/"}, {"prefix": f"{SECRETS.partition('klaviyo')[0]}klaviyo/prod/oauth/"}]
    assert detail["requestParameters"]["$or"][0] == {"secretId": prefixes}
    assert detail["userIdentity"]["$or"][0]["sessionContext"]["sessionIssuer"]["arn"] == [{"anything-but": [SERVICE]}]


HERE = load_stack("prod").environment
REGION, AWS = HERE.region, HERE.account_id
SECRETS = f"arn:aws:secretsmanager:{REGION}:{AWS}:secret:klaviyo/prod"
CLIENT, TOKENS, OTHER_TOKENS, KEY = (
    f"{SECRETS}/{name}"
    for name in ("oauth/client-AbCdEf", "oauth/AbC123/tokens-GhIjKl", "oauth/XyZ789/tokens-MnOpQr", "viewer/key-StUvWx")
)
CMK = f"arn:aws:kms:{REGION}:{AWS}:key/0a1b"
ENCRYPTION = Encryption(key_arn=CMK, region=REGION)


def role(name: str, path: str = "klaviyo/prod") -> str:
    return f"arn:aws:iam::{AWS}:role/{path}/{name}"


SERVICE, OTHER, OPERATOR = (
    role("klaviyo-prod-app-api"),
    role("klaviyo-prod-reporting"),
    role("klaviyo-prod-key-operator"),
)
DEPLOYER, STRANGER = role("klaviyo-deployer", "ci"), role("admin", "people")
MANAGERS = (DEPLOYER, f"arn:aws:iam::{AWS}:root")
PATTERNS = {"client": oauth_arn_pattern(HERE), "tokens": oauth_arn_pattern(HERE, "*")}
ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
IDENTITIES: Mapping[str, Mapping[str, Any]] = {
    SERVICE: {"keys": read_keys([KEY], ENCRYPTION), "app": keep_oauth_tokens(**PATTERNS, encryption=ENCRYPTION)},
    OTHER: {"keys": read_keys([KEY], ENCRYPTION)},
    OPERATOR: {
        "keys": operate_keys(
            keys=f"{SECRETS}/*/key-??????",
            reserves=f"{SECRETS}/*/reserve-??????",
            rotators="arn:aws:lambda:*:*:function:klaviyo-prod-*",
            logs="arn:aws:logs:*:*:log-group:/aws/lambda/klaviyo-prod-*",
            encryption=ENCRYPTION,
        ),
        "app": stage_oauth_client(client=PATTERNS["client"], encryption=ENCRYPTION),
    },
    DEPLOYER: {"any": ANYTHING},
    STRANGER: {"any": ANYTHING},
}
OF_TOKENS = secret_resource_policy(tokens_principals(service=SERVICE, managers=MANAGERS))
RESOURCE_POLICIES = {
    CLIENT: secret_resource_policy(client_principals(service=SERVICE, operator=OPERATOR, managers=MANAGERS)),
    TOKENS: OF_TOKENS,
    OTHER_TOKENS: OF_TOKENS,
}
READ, DESCRIBE, PUT, LABEL = (
    f"secretsmanager:{name}"
    for name in ("GetSecretValue", "DescribeSecret", "PutSecretValue", "UpdateSecretVersionStage")
)
EVERYBODY_WHO_SEES = {SERVICE, OPERATOR, DEPLOYER, STRANGER}
MAY: Mapping[tuple[str, str], set[str]] = {
    (CLIENT, READ): {SERVICE},
    (CLIENT, PUT): {OPERATOR},
    (CLIENT, LABEL): set(),
    (CLIENT, DESCRIBE): EVERYBODY_WHO_SEES,
    **{(tokens, action): {SERVICE} for tokens in (TOKENS, OTHER_TOKENS) for action in (READ, PUT)},
    **{(tokens, LABEL): set() for tokens in (TOKENS, OTHER_TOKENS)},
    (TOKENS, DESCRIBE): EVERYBODY_WHO_SEES - {OPERATOR},
    **{(secret, action): {DEPLOYER} for secret in RESOURCE_POLICIES for action in MANAGE_SECRET},
    **{(secret, "secretsmanager:RotateSecret"): {DEPLOYER} for secret in RESOURCE_POLICIES},
}


def allowed(who: str, action: str, resource: str, **context: str) -> bool:
    request = Request(
        principal=Principal(arn=who), action=action, resource=resource, context={"aws:PrincipalArn": who} | context
    )
    policy = RESOURCE_POLICIES.get(resource)
    return decide(request, identity_policies=IDENTITIES[who], resource_policy=policy).allowed


@pytest.mark.parametrize("who", IDENTITIES, ids=lambda arn: arn.rpartition("/")[2])
@pytest.mark.parametrize(("secret", "action"), MAY, ids=lambda value: value.rpartition(":")[2])
def test_each_principal_may_do_with_the_apps_secrets_what_the_table_says(who: str, secret: str, action: str) -> None:
    assert allowed(who, action, secret) is (who in MAY[secret, action])


BY_RESOURCE_POLICY: Mapping[tuple[str, str], set[str]] = {
    (CLIENT, READ): {SERVICE},
    (CLIENT, PUT): {OPERATOR},
    (CLIENT, LABEL): {OPERATOR},
    **{(tokens, action): {SERVICE} for tokens in (TOKENS, OTHER_TOKENS) for action in (READ, PUT, LABEL)},
}


@pytest.mark.parametrize("who", IDENTITIES, ids=lambda arn: arn.rpartition("/")[2])
@pytest.mark.parametrize(("secret", "action"), BY_RESOURCE_POLICY, ids=lambda value: value.rpartition(":")[2])
def test_who_is_granted_all_of_secrets_manager_is_denied_by_the_secrets_own_policy(
    who: str, secret: str, action: str
) -> None:
    granted = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}],
    }
    context = {"aws:PrincipalArn": who}
    request = Request(principal=Principal(arn=who), action=action, resource=secret, context=context)
    decision = decide(request, identity_policies={"all": granted}, resource_policy=RESOURCE_POLICIES[secret])
    assert decision.allowed is (who in BY_RESOURCE_POLICY[secret, action])


def test_each_secret_has_one_writer() -> None:
    writers = {secret: {who for who in IDENTITIES if allowed(who, PUT, secret)} for secret in RESOURCE_POLICIES}
    assert writers == {CLIENT: {OPERATOR}, TOKENS: {SERVICE}, OTHER_TOKENS: {SERVICE}}


@pytest.mark.parametrize(
    ("who", "action", "secret", "expected"),
    [
        (SERVICE, "kms:Decrypt", CLIENT, True),
        (SERVICE, "kms:GenerateDataKey", CLIENT, False),
        (SERVICE, "kms:Decrypt", TOKENS, True),
        (SERVICE, "kms:GenerateDataKey", TOKENS, True),
        (OTHER, "kms:Decrypt", TOKENS, False),
        (OPERATOR, "kms:GenerateDataKey", CLIENT, True),
        (OPERATOR, "kms:Decrypt", TOKENS, False),
    ],
)
def test_the_kms_key_serves_each_for_its_own_secrets_alone(who: str, action: str, secret: str, expected: bool) -> None:
    through = {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com", "kms:EncryptionContext:SecretARN": secret}
    assert allowed(who, action, CMK, **through) is expected
    assert not allowed(who, action, CMK, **{"kms:EncryptionContext:SecretARN": secret})


def test_the_policies_that_are_deployed_are_those_of_the_table(prod: Recorder) -> None:
    policies = of_app(prod, "aws:secretsmanager/secretPolicy:SecretPolicy")
    managers = Principals.of(HERE, with_app("prod"), load_stack("prod").access.in_environment("prod")).managers
    tokens = secret_resource_policy(tokens_principals(service=SERVICE, managers=managers))
    client = secret_resource_policy(client_principals(service=SERVICE, operator=OPERATOR, managers=managers))
    assert json.loads(policies["klaviyo/prod/oauth/AbC123/tokens-policy"]["policy"]) == tokens
    assert json.loads(policies["klaviyo/prod/oauth/client-policy"]["policy"]) == client


BAD_SETTINGS = {
    "no accounts": ({"accounts": []}, r"oauthApp\.accounts.*at least 1 item"),
    "an account that is none": ({"accounts": ["AbC-23"]}, r"oauthApp\.accounts\.0.*pattern"),
    "an account twice": ({"accounts": ["AbC123", "AbC123"]}, "named twice: AbC123"),
    "a client secret": ({"accounts": ["AbC123"], "clientSecret": "x"}, r"oauthApp\.clientSecret"),
}


@pytest.mark.parametrize(("app", "message"), BAD_SETTINGS.values(), ids=BAD_SETTINGS)
def test_a_setting_of_the_app_against_its_rule_is_named(app: dict[str, Any], message: str) -> None:
    with pytest.raises(EnvironmentSettingsError, match=message):
        with_app("dev", oauthApp=app)


def test_an_app_whose_service_does_not_run_here_is_refused() -> None:
    facts = load_stack("dev")
    services = {"reporting": {"platform": "lambda"}}
    with pytest.raises(EnvironmentSettingsError, match="'app-api' does not run here"):
        Principals.of(facts.environment, with_app("dev", services=services), facts.access.in_environment("dev"))


def test_an_app_that_access_yaml_does_not_know_is_refused() -> None:
    facts = load_stack("dev")
    services = {name: service.model_copy(update={"oauth": ()}) for name, service in facts.access.services.items()}
    access = facts.access.model_copy(update={"services": services}).in_environment("dev")
    with pytest.raises(EnvironmentSettingsError, match=r"no service of access\.yaml has `oauth:`"):
        Principals.of(facts.environment, with_app("dev"), access)


def test_a_stack_with_the_app_renders_with_properties_that_pulumi_aws_declares(tmp_path: Path) -> None:
    for path in PROJECT_DIR.iterdir():
        if path.name != "Pulumi.dev.yaml":
            (tmp_path / path.name).symlink_to(path)
    settings = (PROJECT_DIR / "Pulumi.dev.yaml").read_text("utf-8")
    (tmp_path / "Pulumi.dev.yaml").write_text(f"{settings}  klaviyo-access:oauthApp: {{accounts: [AbC123]}}\n", "utf-8")
    resources = render("dev", project_dir=tmp_path)["deployment"]["resources"]
    ours = [it for it in resources if OF_APP.match(it["urn"].rpartition("::")[2])]
    assert {it["type"].rpartition(":")[2] for it in ours} == {"OAuthApp", "Secret", "SecretPolicy", "RolePolicy"}
    assert [path for it in ours if it["type"].startswith("aws:") for path in undeclared(it["type"], it["inputs"])] == []
    (app,) = (it for it in ours if it["type"] == "klaviyo-access:index:OAuthApp")
    assert set(app["outputs"]["token_arns"]) == {"AbC123"}
    (stack,) = (it for it in resources if it["type"] == "pulumi:pulumi:Stack")
    assert 'KLAVIYO_OAUTH_SCOPES="accounts:read profiles:read"' in stack["outputs"]["oauthApp"]
