"""Roles whose scopes a deployment changes: which are told, as what, and with what to do."""

from collections.abc import Callable
from types import SimpleNamespace

import pulumi
import pulumi_aws as aws
import pytest

from components.preview.scope_changes import ScopeChange, scope_changes, tell
from tests.components.recording import load_stack

DEV = load_stack("dev")
ACCESS = DEV.access.in_environment("dev")
VIEWER = ACCESS.roles["viewer"].scopes
SECRET = "klaviyo/dev/viewer/key"
SINCE = "2026-11-22T12:00:00Z"


def rotator_with(*scopes: str) -> Callable[..., SimpleNamespace]:
    def get_function(*, function_name: str) -> SimpleNamespace:
        assert function_name == "klaviyo-dev-viewer-rotator"
        return SimpleNamespace(environment=SimpleNamespace(variables={"SCOPES": ",".join(scopes)}))

    return get_function


def refusing(said: str) -> Callable[..., SimpleNamespace]:
    def get_function(*, function_name: str) -> SimpleNamespace:
        raise Exception(f"{function_name}: {said}")  # noqa: TRY002 - as Pulumi raises

    return get_function


def labelled(*labels: str) -> Callable[..., SimpleNamespace]:
    def get_secret_versions(*, secret_id: str) -> SimpleNamespace:
        assert secret_id == SECRET
        versions = [
            SimpleNamespace(created_time="2026-10-01T12:00:00Z", version_stages=["AWSPREVIOUS"]),
            SimpleNamespace(created_time=SINCE, version_stages=list(labels)),
        ]
        return SimpleNamespace(versions=versions)

    return get_secret_versions


def change(role: str = "viewer", *, gained: tuple[str, ...] = (), lost: tuple[str, ...] = ()) -> ScopeChange:
    return ScopeChange(role=role, gained=gained, lost=lost, since=SINCE)


IN_USE = labelled("AWSCURRENT", "KEY:0123456789ab")
NO_FUNCTION = "ResourceNotFoundException: Function not found"
FOUND = {
    "the same scopes, in another order": (rotator_with(*reversed(VIEWER)), IN_USE, []),
    "one more": (rotator_with(*VIEWER[1:]), IN_USE, [change(gained=VIEWER[:1])]),
    "one less": (rotator_with(*VIEWER, "z:write"), IN_USE, [change(lost=("z:write",))]),
    "another": (rotator_with(*VIEWER[1:], "z:write"), IN_USE, [change(gained=VIEWER[:1], lost=("z:write",))]),
    "one more, and no key yet": (rotator_with(*VIEWER[1:]), labelled("AWSPENDING"), []),
    "no rotator, as in a stack that comes back": (refusing(NO_FUNCTION), IN_USE, []),
}


@pytest.mark.parametrize(("rotator", "versions", "changes"), FOUND.values(), ids=FOUND)
def test_a_change_of_scopes_is_found_where_a_key_is_in_use(
    monkeypatch: pytest.MonkeyPatch,
    rotator: Callable[..., SimpleNamespace],
    versions: Callable[..., SimpleNamespace],
    changes: list[ScopeChange],
) -> None:
    monkeypatch.setattr(aws.lambda_, "get_function", rotator)
    monkeypatch.setattr(aws.secretsmanager, "get_secret_versions", versions)
    assert scope_changes(DEV.environment, ACCESS, [SECRET]) == changes


def test_a_role_that_is_not_deployed_yet_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws.lambda_, "get_function", refusing("nobody asks"))
    assert scope_changes(DEV.environment, ACCESS, []) == []


def test_a_caller_who_may_not_ask_is_not_taken_for_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws.lambda_, "get_function", refusing("AccessDeniedException"))
    with pytest.raises(Exception, match="AccessDenied"):
        scope_changes(DEV.environment, ACCESS, [SECRET])


GAINED = """\
These roles gain scopes for which their rotators never tried a key, so the keys in use may lack them:
  viewer: lists:read (key in use since 2026-11-22T12:00:00Z)
  marketer: lists:read, tags:read (key in use since 2026-11-22T12:00:00Z)
Where keys with these scopes were staged and rotated into use already, go on. Else do so before `pulumi up`:
  klaviyo-access keys stage viewer --probe --stack dev
  klaviyo-access keys stage marketer --probe --stack dev
  klaviyo-access keys rotate viewer marketer --stack dev
  and that once more for each spare that waited before: the oldest goes first.
After `pulumi up` alone, calls that need a new scope are refused until then, and the audit finds scope drift."""
BOTH = """
These roles lose scopes at the same time, and before `pulumi up` their rotators take no key without them:
  marketer: events:read
Let access.yaml keep these until the new keys are in use, and take them away by a second change."""
LOST = """\
These roles lose scopes that their keys were made with:
  viewer: events:read (key in use since 2026-11-22T12:00:00Z)
`pulumi up` comes first, since until then their rotators refuse keys without these scopes. After it:
  klaviyo-access keys stage viewer --probe --stack dev
  klaviyo-access keys rotate viewer --stack dev
  and that once more for each spare that waited before: the oldest goes first.
Until then these keys may do more than their roles, and the audit finds scope drift."""
TWO_GAIN = (change(gained=("lists:read",)), change("marketer", gained=("lists:read", "tags:read")))
TOLD = {
    "nothing": ((), [], []),
    "two gain": (TWO_GAIN, [GAINED], []),
    "one of two also loses": (
        (TWO_GAIN[0], change("marketer", gained=("lists:read", "tags:read"), lost=("events:read",))),
        [GAINED + BOTH],
        [],
    ),
    "one loses": ((change(lost=("events:read",)),), [], [LOST]),
}


@pytest.mark.parametrize(("changes", "warnings", "hints"), TOLD.values(), ids=TOLD)
def test_gains_are_a_warning_and_losses_a_hint_with_what_to_do_in_which_order(
    monkeypatch: pytest.MonkeyPatch, changes: tuple[ScopeChange, ...], warnings: list[str], hints: list[str]
) -> None:
    warned: list[str] = []
    hinted: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warned.append)
    monkeypatch.setattr(pulumi.log, "info", hinted.append)
    tell(changes, stack="dev")
    assert (warned, hinted) == (warnings, hints)
