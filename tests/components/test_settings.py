"""Settings of a stack: what is refused, and how it is said."""

import re
from dataclasses import replace
from typing import Any

import pytest

from components.principals import Principals
from components.settings import parse_settings, unknown_settings
from components.target import is_same_principal, refuse_wrong_target
from klaviyo_access.access_model.environment import Environment, EnvironmentSettingsError, stacks_in
from tests.components.recording import PROJECT_DIR, load_stack

ROLE = "arn:aws:iam::111111111111:role/ci/deployer"
GOOD: dict[str, Any] = {"owner": "platform", "deployers": [ROLE], "operators": ["arn:aws:iam::111111111111:role/p/op"]}

BAD_SETTINGS = {
    "no owner": ({"owner": None}, "owner"),
    "no deployers": ({"deployers": []}, "deployers.*at least 1 item"),
    "a session as deployer": ({"deployers": ["arn:aws:sts::111111111111:assumed-role/ci/me"]}, "deployers.0.*pattern"),
    "a wildcard as deployer": ({"deployers": ["arn:aws:iam::111111111111:role/*"]}, "deployers.0.*pattern"),
    "an operator who deploys": ({"operators": [ROLE]}, "operators and deployers must be different"),
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


def test_a_misspelt_setting_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(EnvironmentSettingsError, match="rotatEvery is no setting; did you mean rotateEvery"):
        unknown_settings("dev", {"klaviyo-access:rotatEvery": "month", "aws:region": "eu-west-1"})


BAD_ENVIRONMENTS = {
    "no region": ({"aws:region": None}, "aws:region.*nothing"),
    "a short account number": ({"klaviyo-access:accountId": "1234"}, "accountId.*'1234'"),
    "a prefix with capitals": ({"klaviyo-access:prefix": "Klaviyo"}, "prefix.*'Klaviyo'"),
    "Klaviyo over plain http": ({"klaviyo-access:klaviyoUrl": "http://a.klaviyo.com"}, "klaviyoUrl.*must be https"),
    "a Klaviyo account that is a key": ({"klaviyo-access:klaviyoAccountId": "too-long"}, "klaviyoAccountId"),
}


@pytest.mark.parametrize(("change", "message"), BAD_ENVIRONMENTS.values(), ids=BAD_ENVIRONMENTS)
def test_a_fact_of_an_environment_against_its_rule_is_named(change: dict[str, Any], message: str) -> None:
    config = {"aws:region": "eu-west-1", "klaviyo-access:accountId": "111111111111"} | change
    with pytest.raises(EnvironmentSettingsError, match=message):
        Environment.of_config("dev", config, {})


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


SESSION = "arn:aws:sts::111111111111:assumed-role/{}/session"
LOOPBACK = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}

TARGETS = {
    "a deployer in the right account": ("dev", "111111111111", SESSION.format("klaviyo-deployer"), {}, None),
    "break-glass": ("dev", "111111111111", SESSION.format("break-glass"), {}, None),
    "the account's root": ("dev", "111111111111", "arn:aws:iam::111111111111:root", {}, None),
    "another account": ("dev", "999999999999", SESSION.format("klaviyo-deployer"), {}, "belongs to account 1111"),
    "somebody else": ("dev", "111111111111", SESSION.format("developer"), {}, "the caller is .*developer"),
    "local without the sandbox": ("local", "000000000000", "arn:aws:iam::000000000000:root", {}, "it is not set"),
    "local against AWS": (
        "local",
        "000000000000",
        "arn:aws:iam::000000000000:root",
        {"AWS_ENDPOINT_URL": "https://secretsmanager.us-east-1.amazonaws.com"},
        "must be a loopback address",
    ),
    "local on the sandbox": ("local", "000000000000", "arn:aws:iam::000000000000:root", LOOPBACK, None),
}


@pytest.mark.parametrize(("stack", "account", "caller", "environ", "refusal"), TARGETS.values(), ids=TARGETS)
def test_the_program_builds_only_in_its_own_place_as_a_deployer(
    stack: str, account: str, caller: str, environ: dict[str, str], refusal: str | None
) -> None:
    facts = load_stack(stack)

    def check() -> None:
        refuse_wrong_target(facts.environment, facts.settings, account_id=account, caller_arn=caller, environ=environ)

    if refusal is None:
        check()
    else:
        with pytest.raises(EnvironmentSettingsError, match=refusal):
            check()


@pytest.mark.parametrize(
    ("caller", "principal", "same"),
    [
        ("arn:aws:sts::111111111111:assumed-role/deployer/s", "arn:aws:iam::111111111111:role/ci/deployer", True),
        ("arn:aws:sts::111111111111:assumed-role/deployer/s", "arn:aws:iam::111111111111:role/deployer", True),
        ("arn:aws:sts::222222222222:assumed-role/deployer/s", "arn:aws:iam::111111111111:role/ci/deployer", False),
        ("arn:aws:sts::111111111111:assumed-role/ci/deployer", "arn:aws:iam::111111111111:role/ci/deployer", False),
        ("arn:aws:iam::111111111111:user/ci/deployer", "arn:aws:iam::111111111111:role/ci/deployer", False),
        ("arn:aws:iam::111111111111:user/ann", "arn:aws:iam::111111111111:user/ann", True),
    ],
)
def test_a_session_is_its_role(caller: str, principal: str, same: bool) -> None:
    assert is_same_principal(caller, principal) is same


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
