"""Settings of a stack: what is refused, and how it is said."""

import re
from dataclasses import replace
from typing import Any

import pytest

from components.preview.target import refuse_wrong_target
from components.principals import Principals
from components.settings import parse_settings, unknown_settings
from klaviyo_access.access_model.environment import _RULES, Environment, EnvironmentSettingsError, stacks_in
from tests.components.recording import PROJECT_DIR, load_stack

ROLE = "arn:aws:iam::111111111111:role/ci/deployer"
GOOD: dict[str, Any] = {"owner": "platform", "deployers": [ROLE], "operators": ["arn:aws:iam::111111111111:role/p/op"]}

BAD_SETTINGS = {
    "no owner": ({"owner": None}, "owner"),
    "no deployers": ({"deployers": []}, "deployers.*at least 1 item"),
    "a session as deployer": ({"deployers": ["arn:aws:sts::111111111111:assumed-role/ci/me"]}, "deployers.0.*pattern"),
    "a wildcard as deployer": ({"deployers": ["arn:aws:iam::111111111111:role/*"]}, "deployers.0.*pattern"),
    "an operator who deploys": ({"operators": [ROLE]}, "operators must be other principals than deployers"),
    "an operator who is break-glass": (
        {"operators": ["arn:aws:iam::111111111111:role/x"], "breakGlass": ["arn:aws:iam::111111111111:role/x"]},
        "operators must be other principals than deployers",
    ),
    "a regime that no tag takes": ({"compliance": ["iso-27001 (2022)"]}, "compliance.0.*pattern"),
    "an unknown rhythm": ({"rotateEvery": "week"}, "rotateEvery.*'month' or 'quarter'"),
    "too short a window": ({"recoveryWindowDays": 1}, "recoveryWindowDays.*greater than or equal to 7"),
    "a retention that logs do not know": ({"auditRetentionDays": 401}, "auditRetentionDays"),
    "no e-mail address": ({"alertEmails": ["nobody"]}, "alertEmails.0"),
    "an unknown platform": ({"services": {"app-api": {"platform": "heroku"}}}, "services.app-api.*heroku"),
    "a platform without its facts": (
        {"services": {"app-api": {"platform": "eks-irsa", "namespace": "a"}}},
        "services.app-api.eks-irsa.oidcProviderArn",
    ),
    "a fact of another platform": (
        {"services": {"app-api": {"platform": "ecs-task", "cluster": "a"}}},
        "services.app-api.ecs-task.cluster",
    ),
}


@pytest.mark.parametrize(("change", "message"), BAD_SETTINGS.values(), ids=BAD_SETTINGS)
def test_a_setting_against_its_rule_is_named(change: dict[str, Any], message: str) -> None:
    values = {name: value for name, value in (GOOD | change).items() if value is not None}
    with pytest.raises(EnvironmentSettingsError, match=message) as refusal:
        parse_settings("dev", values)
    assert str(refusal.value).startswith("Pulumi.dev.yaml:")


def test_every_bad_setting_is_named_at_once() -> None:
    with pytest.raises(EnvironmentSettingsError) as refusal:
        parse_settings("dev", GOOD | {"rotateEvery": "week", "recoveryWindowDays": 99})
    assert {"rotateEvery", "recoveryWindowDays"} <= set(re.findall(r"klaviyo-access:(\w+)", str(refusal.value)))


SENTENCES = {
    "text for a list": (
        {"deployers": ROLE},
        (
            f"deployers: must be a list, also where it has one item, because the program reads nothing else there; "
            f"given: '{ROLE}'. Fix: write [{ROLE}]."
        ),
    ),
    "an empty list": (
        {"operators": []},
        (
            "operators: must have at least 1 item, because nobody could stage a key; given: []. Fix: name one in "
            "`operators:`."
        ),
    ),
    "a pattern": (
        {"alertEmails": ["nobody"]},
        (
            "alertEmails.0: must be one e-mail address (pattern ^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$), because AWS sends its "
            "message for confirmation there; given: 'nobody'. Fix: write it like oncall@example.com."
        ),
    ),
    "a choice": (
        {"rotateEvery": "week"},
        (
            "rotateEvery: must be 'month' or 'quarter', because the program knows no other; given: 'week'. Fix: "
            "write one of them."
        ),
    ),
    "a rule across settings": (
        {"operators": [ROLE]},
        (
            "settings: operators must be other principals than deployers and breakGlass, because whoever stages "
            f"keys must not be able to change who reads them; in both: {ROLE}. Fix: name another there."
        ),
    ),
}


@pytest.mark.parametrize(("change", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_a_refused_setting_says_rule_reason_value_and_fix(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(EnvironmentSettingsError) as refusal:
        parse_settings("dev", GOOD | change)
    assert str(refusal.value) == f"Pulumi.dev.yaml:\n  klaviyo-access:{sentence}"


WRONG: list[dict[str, Any]] = [
    {"owner": None},
    {"owner": 3},
    {"services": "all"},
    {"services": {"app-api": {}}},
    {"services": {"app-api": {"platform": "heroku"}}},
    {"services": {"app-api": {"platform": "lambda", "cluster": "a"}}},
    {"services": {"app-api": {"platform": "ecs-injected", "redeploy": {"cluster": "a/b", "service": "c"}}}},
    {"audit": "own"},
    {"audit": {"trail": "existing"}},
    {"compliance": ["soc2"] * 11},
    {"forceDestroy": "perhaps"},
    {"recoveryWindowDays": "seven"},
    {"recoveryWindowDays": 7.5},
    {"recoveryWindowDays": 31},
    {"auditRetentionDays": 401},
    {"oauthApp": {"accounts": ["AbC123", "AbC123"]}},
    {"webhooks": {"Orders": {"webhookId": "a", "role": "b", "receivers": ["c"]}}},
    {"webhooks": {"o" * 33: {"webhookId": "a", "role": "b", "receivers": ["c"]}}},
]


@pytest.mark.parametrize("change", WRONG, ids=str)
def test_no_refusal_leaves_why_and_fix_to_the_reader(change: dict[str, Any]) -> None:
    with pytest.raises(EnvironmentSettingsError) as refusal:
        parse_settings("dev", {name: value for name, value in (GOOD | change).items() if value is not None})
    for line in str(refusal.value).splitlines()[1:]:
        assert "because" in line
        assert "Fix: " in line
        assert not re.search("Input should|String should|Tuple should|Value error|is against its rule", line)


def test_a_list_whose_only_item_is_wrong_is_not_called_too_short_as_well() -> None:
    with pytest.raises(EnvironmentSettingsError) as refusal:
        parse_settings("dev", GOOD | {"deployers": ["me"]})
    assert re.findall(r"klaviyo-access:[\w.]+", str(refusal.value)) == ["klaviyo-access:deployers.0"]


def test_a_misspelt_setting_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(EnvironmentSettingsError, match="rotatEvery is no setting; did you mean rotateEvery"):
        unknown_settings("dev", {"klaviyo-access:rotatEvery": "month", "aws:region": "eu-west-1"})


_NAME = "1 to 20 lower-case letters and digits that begin with a letter"
_NAMED = "it is part of every name in AWS, where hyphens part the names"
_ACCOUNT = "the program refuses to touch any other account, and YAML drops zeros of a number"
_KLAVIYO = "the 6 letters and digits of a Klaviyo account's id"
_PUBLIC = "the id that Klaviyo also calls site id or public API key, or leave the setting out"
_URL = "https://HOST, or http:// on a loopback address, without path, query or credentials"
ENVIRONMENT_SENTENCES: list[tuple[str, Any, str, str, str, str]] = [
    (
        *("aws:region", None),
        *("the name of an AWS region", "everything is deployed there"),
        *("nothing", "one like eu-west-1"),
    ),
    (
        *("klaviyo-access:accountId", 111111111111),
        *("the 12 digits of an AWS account, as text", _ACCOUNT),
        *("111111111111", 'it in quotes, like "111111111111"'),
    ),
    (
        *("klaviyo-access:partition", "aws-cn"),
        *("aws or aws-us-gov", "the program was written for these two"),
        *("'aws-cn'", "one of them"),
    ),
    ("klaviyo-access:prefix", "klaviyo-eu", _NAME, _NAMED, "'klaviyo-eu'", "one like klaviyo"),
    (
        *("klaviyo-access:klaviyoUrl", "http://a.klaviyo.com"),
        *(_URL, "the key travels in a header"),
        *("'http://a.klaviyo.com'", "https://a.klaviyo.com"),
    ),
    (
        *("klaviyo-access:klaviyoAccountId", "too-long"),
        *(_KLAVIYO, "a key of another account is refused by it"),
        *("'too-long'", _PUBLIC),
    ),
    (
        *("klaviyo-access:klaviyoAccountId", "pk_" + "ab" * 17),
        *(_KLAVIYO, "a key of another account is refused by it"),
        *("a private key, which belongs in no file", _PUBLIC),
    ),
]


@pytest.mark.parametrize(("setting", "value", "must", "why", "given", "fix"), ENVIRONMENT_SENTENCES)
def test_a_refused_fact_of_an_environment_says_rule_reason_value_and_fix(
    setting: str, value: Any, must: str, why: str, given: str, fix: str
) -> None:
    config = {"aws:region": "eu-west-1", "klaviyo-access:accountId": "111111111111"}
    with pytest.raises(EnvironmentSettingsError) as refusal:
        Environment.of_config("dev", config | {setting: value}, {})
    sentence = f"{setting}: must be {must}, because {why}; given: {given}. Fix: write {fix}."
    assert str(refusal.value) == f"Pulumi.dev.yaml:\n  {sentence}"


@pytest.mark.parametrize(
    ("setting", "value"),
    [("accountId", "1234"), ("prefix", "Klaviyo"), ("klaviyoUrl", "https://a.klaviyo.com/api")],
)
def test_a_fact_of_an_environment_against_its_rule_is_refused(setting: str, value: str) -> None:
    config = {"aws:region": "eu-west-1", "klaviyo-access:accountId": "111111111111"}
    with pytest.raises(EnvironmentSettingsError, match=f"klaviyo-access:{setting}: must be .*; given: '{value}'"):
        Environment.of_config("dev", config | {f"klaviyo-access:{setting}": value}, {})


def test_a_stack_whose_name_no_name_in_aws_can_hold_is_refused() -> None:
    config = {"aws:region": "eu-west-1", "klaviyo-access:accountId": "111111111111"}
    with pytest.raises(EnvironmentSettingsError) as refusal:
        Environment.of_config("my-stack", config, {})
    assert str(refusal.value) == (
        "Pulumi.my-stack.yaml:\n  the stack: must be named by 1 to 20 lower-case letters and digits that begin with a "
        "letter, because it is part of every name in AWS, where hyphens part the names; given: 'my-stack'. Fix: write "
        "another name, in the file's and in access.yaml."
    )


def test_each_fact_of_an_environment_has_a_rule_in_our_words() -> None:
    assert set(_RULES) == set(Environment.model_fields)


def test_an_unknown_stack_names_those_that_exist() -> None:
    with pytest.raises(EnvironmentSettingsError, match="there: dev, local, prod, staging"):
        Environment.of_stack(PROJECT_DIR, "production")


def test_only_local_takes_klaviyos_address_from_the_process() -> None:
    config = {"aws:region": "eu-west-1", "klaviyo-access:accountId": "111111111111"}
    elsewhere = {"KLAVIYO_URL": "http://127.0.0.1:4567"}
    assert Environment.of_config("local", config, elsewhere).klaviyo_url == "http://127.0.0.1:4567"
    assert Environment.of_config("prod", config, elsewhere).klaviyo_url == "https://a.klaviyo.com"


@pytest.mark.parametrize("stack", stacks_in(PROJECT_DIR))
def test_the_settings_that_ship_are_valid(stack: str) -> None:
    facts = load_stack(stack)
    assert set(facts.settings.services) == set(facts.access.in_environment(stack).services)


ROOT = "arn:aws:iam::{}:root"
DEPLOYER = "arn:aws:iam::111111111111:role/ci/klaviyo-deployer"
LOOPBACK = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}

TARGETS = {
    "a deployer in the right account": ("dev", "111111111111", DEPLOYER, {}, None),
    "break-glass": ("dev", "111111111111", "arn:aws:iam::111111111111:role/emergency/break-glass", {}, None),
    "the account's root": ("dev", "111111111111", ROOT.format("111111111111"), {}, None),
    "another account": ("dev", "999999999999", DEPLOYER, {}, "belongs to account 1111"),
    "somebody else": ("dev", "111111111111", "arn:aws:iam::111111111111:role/dev", {}, "the caller is .*role/dev,"),
    "a deployer's name on another path": (
        "dev",
        "111111111111",
        DEPLOYER.replace("/ci/", "/aws-reserved/sso.amazonaws.com/"),
        {},
        "by ARN with its path",
    ),
    "local without the sandbox": ("local", "000000000000", ROOT.format("000000000000"), {}, "it is not set"),
    "local against AWS": (
        "local",
        "000000000000",
        ROOT.format("000000000000"),
        {"AWS_ENDPOINT_URL": "https://secretsmanager.us-east-1.amazonaws.com"},
        "must be a loopback address",
    ),
    "local on the sandbox": ("local", "000000000000", ROOT.format("000000000000"), LOOPBACK, None),
}


@pytest.mark.parametrize(("stack", "account", "principal", "environ", "refusal"), TARGETS.values(), ids=TARGETS)
def test_the_program_builds_only_in_its_own_place_as_a_deployer(
    stack: str, account: str, principal: str, environ: dict[str, str], refusal: str | None
) -> None:
    facts = load_stack(stack)

    def check() -> None:
        refuse_wrong_target(
            facts.environment, facts.settings, account_id=account, principal_arn=principal, environ=environ
        )

    if refusal is None:
        check()
    else:
        with pytest.raises(EnvironmentSettingsError, match=refusal):
            check()


READERS = {
    "of another account": ("arn:aws:iam::999999999999:role/app", "is not of account 111111111111"),
    "that deploys": (DEPLOYER, "the IAM role of somebody who deploys or operates"),
    "of the operators": (
        "arn:aws:iam::111111111111:role/klaviyo/dev/klaviyo-dev-key-operator",
        "the IAM role of the operators",
    ),
    "of the auditor": (
        "arn:aws:iam::111111111111:role/klaviyo/dev/klaviyo-dev-key-auditor",
        "the IAM role of the auditor",
    ),
}


@pytest.mark.parametrize(("role_arn", "refusal"), READERS.values(), ids=READERS)
def test_an_existing_role_is_refused_as_a_reader(role_arn: str, refusal: str) -> None:
    facts = load_stack("dev")
    services = {"app-api": {"platform": "existing", "roleArn": role_arn}}
    settings = parse_settings("dev", GOOD | {"deployers": [DEPLOYER], "services": services})
    with pytest.raises(EnvironmentSettingsError, match=refusal):
        Principals.of(facts.environment, settings, facts.access.in_environment("dev"))


def test_a_service_that_access_yaml_does_not_know_is_refused_with_the_nearest() -> None:
    facts = load_stack("dev")
    services = {"event-traker": {"platform": "lambda"}}
    settings = parse_settings("dev", GOOD | {"services": services})
    with pytest.raises(EnvironmentSettingsError, match=r"event-traker: .* did you mean event-tracker\?"):
        Principals.of(facts.environment, settings, facts.access.in_environment("dev"))


def test_a_service_with_the_name_of_another_principal_is_refused() -> None:
    facts = load_stack("dev")
    access = facts.access.in_environment("dev")
    clash = replace(access.services["app-api"], name="viewer-rotator")
    access = replace(access, services={**access.services, "viewer-rotator": clash})
    settings = parse_settings("dev", GOOD | {"services": {"viewer-rotator": {"platform": "lambda"}}})
    with pytest.raises(EnvironmentSettingsError, match="'viewer-rotator' would get the IAM role of the rotator of vie"):
        Principals.of(facts.environment, settings, access)
