"""The secret's type: it signs, and shows nothing."""

import copy
import json
import logging
import pickle
import traceback

import pytest

from klaviyo_access.webhooks import SigningSecret
from klaviyo_access.webhooks.secret import MalformedSigningSecretError, read_value, write_value
from tests.webhooks.signed_requests import SECRET, TIMESTAMP, signed


def test_a_secret_is_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    secret = SigningSecret(SECRET)
    logging.getLogger("tests").warning("secret %s %r", secret, secret)
    trace = "".join(traceback.format_exception(ValueError(secret)))
    for text in (repr(secret), str(secret), f"{secret}", f"{secret:>20}", caplog.text, trace, str([secret])):
        assert SECRET not in text
        assert "SigningSecret" in text


def test_a_secret_is_neither_pickled_nor_copied() -> None:
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never pickled"):
            leave(SigningSecret(SECRET))


def test_a_secret_signs_as_klaviyo_does() -> None:
    request = signed()
    assert SigningSecret(SECRET).sign(request.body, TIMESTAMP) == request.headers["Klaviyo-Signature"]


@pytest.mark.parametrize("value", ["", "short", "fifteen-letters"])
def test_a_secret_that_klaviyo_would_refuse_is_refused_unquoted(value: str) -> None:
    with pytest.raises(MalformedSigningSecretError, match="16 characters") as refused:
        SigningSecret(value)
    assert not value or value not in str(refused.value)


def test_secrets_are_equal_by_value() -> None:
    one, same, other = SigningSecret(SECRET), SigningSecret(SECRET), SigningSecret(SECRET + "x")
    assert (one == same, one == other, one == SECRET) == (True, False, False)
    assert hash(one) == hash(same)


def test_what_a_rotator_writes_is_read_again() -> None:
    value = write_value(SigningSecret(SECRET), webhook_id="W")
    assert json.loads(value) == {"secretKey": SECRET, "webhookId": "W"}
    assert read_value(value) == SigningSecret(SECRET)


@pytest.mark.parametrize(
    "value", ["", "no json", "[]", "[" * 100_000, "{}", '{"secretKey": 5}', '{"secretKey": "few"}']
)
def test_a_value_that_no_rotator_wrote_is_none(value: str) -> None:
    assert read_value(value) is None
