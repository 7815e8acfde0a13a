"""Secrets that AWS has already: which deployments a preview refuses for their sake, and when it may go on unasked."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components.preview.existing_secrets import (
    ExistingSecrets,
    condemned_secrets,
    existing_secrets,
    refuse_condemned_secrets,
    refuse_forgotten_secrets,
    refuse_new_prefix,
)
from components.preview.refusals import planned_secrets
from components.preview.target import check_target
from components.settings import parse_settings
from klaviyo_access.access_model.environment import EnvironmentSettingsError
from tests.components.recording import load_stack
from tests.components.test_refusals import OAUTH, WEBHOOK, changed

DEV = load_stack("dev")
ACCESS = DEV.access.in_environment("dev")
PLANNED = planned_secrets(DEV.environment, DEV.settings, ACCESS)
KEY = "klaviyo/dev/viewer/key"
EVERY_KIND = planned_secrets(
    DEV.environment, parse_settings("dev", changed("dev", OAUTH | WEBHOOK)), DEV.access.in_environment("dev")
)
NAMED = [arn for arns in DEV.settings.principals.values() for arn in arns]


def saying(said: str) -> Callable[..., Any]:
    """An invoke that fails as Pulumi has it fail."""

    def ask(**_arguments: object) -> Any:
        raise Exception(said)  # noqa: TRY002 - as Pulumi raises

    return ask


def answering(**found: object) -> Callable[..., Any]:
    return lambda **_arguments: SimpleNamespace(**found)


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account in which a first deployment may begin."""
    deployer = DEV.settings.deployers[0]
    invokes: Mapping[str, Callable[..., Any]] = {
        "get_caller_identity": answering(account_id=DEV.environment.account_id, arn=deployer),
        "iam.get_session_context": answering(issuer_arn=deployer),
        "iam.get_role": lambda name: SimpleNamespace(arn=next(arn for arn in NAMED if arn.endswith(f"/{name}"))),
        "servicequotas.get_service_quota": answering(value=1000),
        "secretsmanager.get_secrets": answering(names=[]),
        "secretsmanager.get_secret_versions": saying("ListSecretVersionIds: ResourceNotFoundException"),
    }
    for name, invoke in invokes.items():
        module, _, function = name.rpartition(".")
        monkeypatch.setattr(getattr(aws, module) if module else aws, function, invoke)


def preview() -> None:
    check_target(DEV.environment, DEV.settings, ACCESS, environ={})


@pytest.mark.usefixtures("sound")
def test_a_preview_that_may_not_ask_which_secrets_there_are_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    preview()
    monkeypatch.setattr(aws.secretsmanager, "get_secrets", saying("AccessDeniedException: no"))
    with pytest.raises(EnvironmentSettingsError, match=r"could not be asked.*deployer-policy --stack dev.*said: Acc"):
        preview()


@pytest.mark.usefixtures("sound")
def test_a_preview_that_would_make_a_secret_scheduled_for_deletion_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws.secretsmanager, "get_secret_versions", answering(versions=[]))
    monkeypatch.setattr(aws.secretsmanager, "get_secret", saying(f"reading Secret ({KEY}): couldn't find resource"))
    with pytest.raises(EnvironmentSettingsError, match=rf"scheduled for deletion.*{KEY}.*restore --stack dev"):
        preview()


NOT_FOUND = saying("reading Secrets Manager Secret: couldn't find resource")
NAMES = {
    "free": (saying("ResourceNotFoundException: no such secret"), NOT_FOUND, False),
    "free, or not to be seen by this deployer": (saying("AccessDeniedException: no policy allows"), NOT_FOUND, False),
    "a secret that waits for its deletion": (answering(versions=[]), NOT_FOUND, True),
    "one that says so itself": (saying("InvalidRequestException: it was marked for deletion."), NOT_FOUND, True),
    "a secret that lists do not show yet": (answering(versions=[]), answering(name=KEY), False),
}


@pytest.mark.parametrize(("versions", "secret", "condemned"), NAMES.values(), ids=NAMES)
def test_a_name_is_taken_by_a_secret_that_waits_for_its_deletion_alone(
    monkeypatch: pytest.MonkeyPatch, versions: Callable[..., Any], secret: Callable[..., Any], condemned: bool
) -> None:
    monkeypatch.setattr(aws.secretsmanager, "get_secret_versions", versions)
    monkeypatch.setattr(aws.secretsmanager, "get_secret", secret)
    assert condemned_secrets([KEY], existing=()) == ([KEY] if condemned else [])
    assert condemned_secrets([KEY], existing=[KEY]) == []


@pytest.mark.parametrize("unanswered", ["get_secret_versions", "get_secret"])
def test_an_answer_that_tells_nothing_is_no_answer(monkeypatch: pytest.MonkeyPatch, unanswered: str) -> None:
    monkeypatch.setattr(aws.secretsmanager, "get_secret_versions", answering(versions=[]))
    monkeypatch.setattr(aws.secretsmanager, unanswered, saying("ThrottlingException: Rate exceeded"))
    with pytest.raises(Exception, match="Throttling"):
        condemned_secrets([KEY], existing=())


def test_nothing_is_refused_where_nothing_waits_for_its_deletion() -> None:
    refuse_condemned_secrets(DEV.environment, [])


def test_secrets_of_the_environment_are_told_from_those_of_its_like_and_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [KEY, "klaviyo/dev2/viewer/key", "kx/dev/viewer/key", "klaviyo/prod/viewer/key", "dev"]
    monkeypatch.setattr(aws.secretsmanager, "get_secrets", answering(names=names))
    found = existing_secrets(DEV.environment)
    assert found == ExistingSecrets(
        own=frozenset({KEY}), elsewhere=frozenset({"kx/dev/viewer/key"}), beside=frozenset(names) - {KEY}
    )


UNTAGGED = {"klaviyo/dev/old/key": True, "klaviyo/dev/legacy": False, "klaviyo/dev/team/legacy": False}


@pytest.mark.parametrize(("name", "ours"), [*UNTAGGED.items(), *((name, True) for name in sorted(EVERY_KIND))])
def test_a_secret_whose_tag_was_overwritten_is_known_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, ours: bool
) -> None:
    def listed(filters: list[Any]) -> Any:
        (only,) = filters
        by = {("tag-value", ("klaviyo-access",)): [], ("name", ("klaviyo/dev/",)): [name]}
        return SimpleNamespace(names=by[only.name, tuple(only.values)])

    monkeypatch.setattr(aws.secretsmanager, "get_secrets", listed)
    assert existing_secrets(DEV.environment).own == (frozenset({name}) if ours else frozenset())


@pytest.mark.usefixtures("sound")
def test_a_new_prefix_is_refused_where_nothing_protects_the_secrets_and_told_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warned.append)
    monkeypatch.setattr(aws.secretsmanager, "get_secrets", answering(names=["kx/dev/viewer/key"]))
    preview()
    assert len(warned) == 1
    assert "bring the old prefix back. Pulumi protects them" in warned[0]
    loose = DEV.settings.model_copy(update={"force_destroy": True})
    with pytest.raises(EnvironmentSettingsError, match=r"there are kx/dev/viewer/key\..*bring the old prefix back"):
        check_target(DEV.environment, loose, ACCESS, environ={})


def test_who_has_secrets_under_the_own_prefix_is_not_asked_about_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.log, "warn", pytest.fail)
    both = ExistingSecrets(own=frozenset({KEY}), elsewhere=frozenset({"kx/dev/viewer/key"}))
    for found in (both, ExistingSecrets(own=frozenset())):
        refuse_new_prefix(DEV.environment, DEV.settings.model_copy(update={"force_destroy": True}), found)


def test_a_secret_is_deleted_only_where_the_settings_name_it() -> None:
    existing = {*PLANNED, "klaviyo/dev/old/key"}
    with pytest.raises(
        EnvironmentSettingsError,
        match=r"no longer have klaviyo/dev/old/key\. Renamed.*one last\. Removed\? Bring it back",
    ):
        refuse_forgotten_secrets(DEV.environment, DEV.settings, ACCESS, existing=existing)
    named = DEV.settings.model_copy(update={"removed_secrets": ("klaviyo/dev/old/key",)})
    refuse_forgotten_secrets(DEV.environment, named, ACCESS, existing=existing)
    refuse_forgotten_secrets(DEV.environment, DEV.settings, ACCESS, existing=PLANNED)
