"""Who is who in an environment: the ARNs that policies name, from access and settings."""

from pathlib import Path

import pytest

from components.policies.secrets import SecretPrincipals
from components.principals import Principals
from components.settings import parse_settings
from klaviyo_access.access_model import AccessModel
from klaviyo_access.access_model.environment import Environment, EnvironmentSettingsError

ACCOUNT = "333333333333"
OURS = f"arn:aws:iam::{ACCOUNT}:role/klaviyo/prod/klaviyo-prod"
EXISTING, FOREIGN = f"arn:aws:iam::{ACCOUNT}:role/apps/app", "arn:aws:iam::999999999999:role/apps/reporting"
DEPLOYER, BREAK_GLASS = f"arn:aws:iam::{ACCOUNT}:role/ci/deployer", f"arn:aws:iam::{ACCOUNT}:role/ops/break-glass"
ROOT, OPERATOR = f"arn:aws:iam::{ACCOUNT}:root", f"{OURS}-key-operator"
MANAGERS = (DEPLOYER, BREAK_GLASS, ROOT)
AUDITOR = f"{OURS}-key-auditor"
HOOK = f"{OURS}-orders-webhook"
ENVIRONMENT = Environment(name="prod", region="eu-west-1", account_id=ACCOUNT)
ACCESS = AccessModel.load(Path(__file__).parents[2] / "access.yaml").in_environment("prod")
SETTINGS = parse_settings(
    "prod",
    {
        "owner": "platform",
        "deployers": [DEPLOYER],
        "breakGlass": [BREAK_GLASS],
        "operators": [f"arn:aws:iam::{ACCOUNT}:role/people/engineer"],
        "services": {
            "profile-sync": {"platform": "ecs-task"},
            "app-api": {"platform": "existing", "roleArn": EXISTING},
            "reporting": {"platform": "foreign", "roleArn": FOREIGN},
        },
        "webhooks": {"orders": {"webhookId": "01K", "role": "developer", "receivers": ["app-api"]}},
    },
)
PRINCIPALS = Principals.of(ENVIRONMENT, SETTINGS, ACCESS)


def rotator(role: str) -> str:
    return f"{OURS}-{role}-rotator"


@pytest.mark.parametrize(
    ("role", "readers"),
    [
        ("profile-sync", (f"{OURS}-profile-sync",)),
        ("viewer", (EXISTING,)),
        ("developer", (EXISTING, HOOK)),
        ("reporting", (FOREIGN,)),
        ("event-tracker", ()),
        ("custodian", (AUDITOR,)),
    ],
)
def test_a_key_is_read_by_the_services_that_run_here_and_its_rotator(role: str, readers: tuple[str, ...]) -> None:
    assert PRINCIPALS.of_key(role) == SecretPrincipals(
        readers=(*readers, rotator(role)),
        writers=(rotator(role),),
        labellers=(rotator(role),),
        managers=MANAGERS,
        may_rotate=(OPERATOR, AUDITOR),
        foreign_readers=tuple(reader for reader in readers if reader == FOREIGN),
    )


def test_a_reserve_is_read_by_its_rotator_alone_and_filled_by_operators() -> None:
    assert PRINCIPALS.of_reserve("viewer") == SecretPrincipals(
        readers=(rotator("viewer"),),
        writers=(rotator("viewer"), OPERATOR),
        labellers=(rotator("viewer"),),
        managers=MANAGERS,
        may_rotate=(),
    )


def test_a_webhooks_secret_is_read_by_its_receivers_and_changed_by_its_rotator_alone() -> None:
    assert PRINCIPALS.of_webhook("orders", ["app-api"]) == SecretPrincipals(
        readers=(EXISTING, HOOK),
        writers=(HOOK,),
        labellers=(HOOK,),
        managers=MANAGERS,
        may_rotate=(OPERATOR,),
    )


def test_nobody_is_named_in_settings_that_would_lock_somebody_out() -> None:
    unsafe = SETTINGS.model_copy(update={"deployers": (f"arn:aws:iam::{ACCOUNT}:role/deployer",)})
    with pytest.raises(EnvironmentSettingsError, match="has no path"):
        Principals.of(ENVIRONMENT, unsafe, ACCESS)
