"""Principals that IAM does not have as the settings name them: which a preview refuses, and when it goes on unasked."""

from types import SimpleNamespace
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components.platforms import ExistingRole, ForeignRole
from components.preview.existing_principals import refuse_misnamed_principals
from components.preview.target import check_target
from klaviyo_access.access_model.environment import EnvironmentSettingsError
from tests.components.recording import load_stack

DEV = load_stack("dev")
ACCOUNT = f"arn:aws:iam::{DEV.environment.account_id}"
ROLE, USER = f"{ACCOUNT}:role", f"{ACCOUNT}:user"
SETTINGS = DEV.settings.model_copy(
    update={
        "deployers": (f"{ROLE}/ci/deployer",),
        "break_glass": (f"{USER}/emergency/ann",),
        "operators": (f"{ROLE}/people/engineer",),
        "services": {
            "app-api": ExistingRole(platform="existing", roleArn=f"{ROLE}/apps/api"),
            "reporting": ForeignRole(platform="foreign", roleArn="arn:aws:iam::999999999999:role/apps/reporting"),
        },
    }
)
THERE = {
    ("role", "deployer"): f"{ROLE}/ci/deployer",
    ("user", "ann"): f"{USER}/emergency/ann",
    ("role", "engineer"): f"{ROLE}/people/engineer",
    ("role", "api"): f"{ROLE}/apps/api",
}
NO_ENTITY = "reading IAM Role: NoSuchEntity: The role cannot be found."
GONE = "{}: {} does not exist: .*MalformedPolicyDocument.*Make it first, or name the one"
MOVED = "{}: {} is {} in IAM, and policies compare the whole ARN.*Name it so"


class Iam:
    """IAM with these principals, as Pulumi's functions ask it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, there: dict[tuple[str, str], str], *, said: str) -> None:
        self.there, self.said = there, said
        monkeypatch.setattr(aws.iam, "get_role", lambda name: self.find("role", name))
        monkeypatch.setattr(aws.iam, "get_user", lambda user_name: self.find("user", user_name))

    def find(self, kind: str, name: str) -> Any:
        if (kind, name) not in self.there:
            raise Exception(self.said)  # noqa: TRY002 - as Pulumi raises
        return SimpleNamespace(arn=self.there[kind, name])


REFUSED = {
    "a deployer": (("role", "deployer"), None, GONE.format("deployers", f"{ROLE}/ci/deployer")),
    "a user as break-glass": (("user", "ann"), None, GONE.format("breakGlass", f"{USER}/emergency/ann")),
    "an operator": (("role", "engineer"), None, GONE.format("operators", f"{ROLE}/people/engineer")),
    "a service's role": (("role", "api"), None, GONE.format("services.app-api.roleArn", f"{ROLE}/apps/api")),
    "another path": (
        ("role", "engineer"),
        f"{ROLE}/staff/engineer",
        MOVED.format("operators", f"{ROLE}/people/engineer", f"{ROLE}/staff/engineer"),
    ),
}


@pytest.mark.parametrize("said", [NO_ENTITY, "reading IAM Role (x): couldn't find resource"])
@pytest.mark.parametrize(("who", "instead", "refusal"), REFUSED.values(), ids=REFUSED)
def test_a_principal_that_the_account_does_not_have_is_refused(
    monkeypatch: pytest.MonkeyPatch, who: tuple[str, str], instead: str | None, refusal: str, said: str
) -> None:
    there = {name: arn for name, arn in THERE.items() if name != who} | ({who: instead} if instead else {})
    Iam(monkeypatch, there, said=said)
    with pytest.raises(EnvironmentSettingsError, match=refusal):
        refuse_misnamed_principals(DEV.environment, SETTINGS)


def test_all_that_do_not_exist_are_named_at_once_and_other_accounts_are_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Iam(monkeypatch, {}, said=NO_ENTITY)
    with pytest.raises(EnvironmentSettingsError) as refused:
        refuse_misnamed_principals(DEV.environment, SETTINGS)
    assert str(refused.value).count("does not exist") == 4
    Iam(monkeypatch, THERE, said=NO_ENTITY)
    refuse_misnamed_principals(DEV.environment, SETTINGS)


@pytest.mark.parametrize(("said", "goes_on"), [(NO_ENTITY, False), ("AccessDenied: iam:GetUser", True)])
def test_a_preview_refuses_them_and_goes_on_where_it_may_not_ask(
    monkeypatch: pytest.MonkeyPatch, said: str, goes_on: bool
) -> None:
    there = {name: arn for name, arn in THERE.items() if name != ("user", "ann")}
    Iam(monkeypatch, there, said=said)
    warned: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warned.append)
    caller = SimpleNamespace(account_id=DEV.environment.account_id, arn=f"{ROLE}/ci/deployer")
    monkeypatch.setattr(aws, "get_caller_identity", lambda: caller)
    monkeypatch.setattr(aws.iam, "get_session_context", lambda arn: SimpleNamespace(issuer_arn=arn))
    monkeypatch.setattr(aws.servicequotas, "get_service_quota", lambda **_: SimpleNamespace(value=0))
    monkeypatch.setattr(aws.secretsmanager, "get_secrets", lambda **_: SimpleNamespace(names=[]))
    refused = "needs a quota" if goes_on else "ann does not exist"
    with pytest.raises(EnvironmentSettingsError, match=refused):
        check_target(DEV.environment, SETTINGS, DEV.access.in_environment("dev"), environ={})
    assert warned == (["Whether the principals exist could not be asked: AccessDenied: iam:GetUser"] if goes_on else [])
