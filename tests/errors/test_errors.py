"""The tree of errors: drawn as it is, whole after pickling, each with its cause and its cure."""

import ast
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from klaviyo_access import errors
from klaviyo_access.errors import KlaviyoAccessError

ARN = "arn:aws:secretsmanager:us-east-1:111122223333:secret"
SAMPLES = [
    errors.NoKeyYet("viewer", "klaviyo/dev/viewer/key"),
    errors.KeyReadDenied("viewer", "klaviyo/dev/viewer/key", principal="arn:aws:iam::111122223333:role/x"),
    errors.KeyValueMalformed("viewer", "klaviyo/dev/viewer/key", reason="is no JSON"),
    errors.KeyRejected(role="viewer", operation="get_lists", key="pk_…abcd (0123456789ab)"),
    errors.ScopeMissing(role="viewer", operation="create_event", missing=["events:write"]),
    errors.FeatureForbidden("no webhooks", role="viewer", operation="get_webhooks"),
    errors.RateLimited(role="viewer", operation="get_lists", retry_after=12),
    errors.RequestRefused("no such list", role="viewer", operation="get_list", status=404),
    errors.KlaviyoUnreachable("connection refused", role="viewer", operation="get_lists"),
    errors.PermissionDenied(role="viewer", permission="send-campaigns"),
]
WITHOUT_ROLE = [
    errors.OAuthCodeExpired(),
    errors.OAuthReauthorizationNeeded("the app was uninstalled", account="AbC123"),
    errors.OAuthUnavailable("no answer", retry_after=3),
    errors.ScopeMissing(role="", operation="create_event", missing=["events:write"], account="AbC123"),
    errors.AuditNotDelivered("CloudWatch Logs took no lines"),
    errors.RoleNotAssigned(),
    errors.WebhookRefused("its signature is wrong"),
    errors.WebhookRepeated(handled=True),
]


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    drawn, line_of = {}, {0: "Exception"}
    for branch, name in re.findall(r"^    ((?:[│ ]   )*(?:[├└]── )?)([A-Z]\w+) ", errors.__doc__ or "", re.MULTILINE):
        depth = len(branch) // 4
        line_of[depth + 1] = name
        drawn[name] = line_of[depth]
    defined = {
        name: value.__base__.__name__
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, KlaviyoAccessError) and value.__base__
    }
    assert drawn == defined


ROOMS = ("audit", "authorization", "aws", "keys", "klaviyo", "oauth", "webhooks")
ROTATORS = {"ProbeError", "KeyRefusedError", "NoAnswerError", "WriteAcceptedError"}
"""Errors of scope probes, which the rotator's bundle carries without the tree; no service sees them."""


def exceptions_of(path: Path) -> Iterator[tuple[str, set[str]]]:
    """Public exception classes that a module defines, with the names of their bases."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            bases = {ast.unparse(base) for base in node.bases}
            if any(base.endswith(("Error", "Exception")) or hasattr(errors, base) for base in bases):
                yield node.name, bases


def test_the_rooms_of_services_define_no_error_beside_the_tree_but_for_arguments() -> None:
    package = Path(errors.__file__).parents[1]
    found = [one for room in ROOMS for path in (package / room).rglob("*.py") for one in exceptions_of(path)]
    assert {"MalformedKeyError", *ROTATORS} <= {name for name, _ in found}
    assert [name for name, bases in found if name not in ROTATORS and bases != {"ValueError"}] == []


@pytest.mark.parametrize("error", SAMPLES + WITHOUT_ROLE, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling_with_message_and_attributes(error: KlaviyoAccessError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - the test's own bytes
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_names_the_role(error: KlaviyoAccessError) -> None:
    assert vars(error)["role"] == "viewer"


@pytest.mark.parametrize("error", SAMPLES + WITHOUT_ROLE, ids=lambda error: type(error).__name__)
def test_one_base_class_catches_every_error(error: Exception) -> None:
    assert isinstance(error, KlaviyoAccessError)


def test_no_key_yet_says_what_to_do() -> None:
    assert "no key yet: stage one, then rotate" in str(SAMPLES[0])
    assert "'klaviyo-access keys stage viewer --stack dev', then" in str(SAMPLES[0])


@pytest.mark.parametrize(
    ("secret_id", "command"),
    [
        ("klaviyo/dev/viewer/key", "'klaviyo-access keys rotate viewer --stack dev'"),
        (f"{ARN}:klaviyo/prod/viewer/key-AbCdEf", "'klaviyo-access keys rotate viewer --stack prod'"),
        (f"{ARN}:marketing-key", "'klaviyo-access keys rotate viewer'"),
    ],
)
def test_a_command_names_the_stack_that_the_secret_shows(secret_id: str, command: str) -> None:
    assert command in str(errors.NoKeyYet("viewer", secret_id))
    assert command in str(errors.KeyValueMalformed("viewer", secret_id, reason="is no JSON"))
