"""What each answer of Klaviyo's means, and what it must never be taken for."""

import json

import pytest

from klaviyo_access.klaviyo.answers import Answer, Meaning, read_answer

JSON_API = {"Content-Type": "application/vnd.api+json"}


def error_body(code: str, detail: str) -> bytes:
    error = {"id": "7a1", "status": 0, "code": code, "title": "…", "detail": detail, "source": {"pointer": "/data/"}}
    return json.dumps({"errors": [error]}).encode()


DENIED = error_body("permission_denied", "Your API key is missing required scopes: profiles:write, events:write")


@pytest.mark.parametrize(
    ("status", "headers", "body", "meaning"),
    [
        (200, JSON_API, b'{"data": []}', Meaning.ACCEPTED),
        (202, {}, b"", Meaning.ACCEPTED),
        (204, {}, b"", Meaning.ACCEPTED),
        (302, {"Location": "/login"}, b"", Meaning.UNEXPECTED),
        (400, JSON_API, error_body("invalid", "The payload needs a type."), Meaning.INVALID),
        (400, {"Content-Type": "text/html"}, b"<h1>Bad request</h1>", Meaning.UNEXPECTED),
        (401, JSON_API, error_body("authentication_failed", "Incorrect authentication"), Meaning.KEY_REFUSED),
        (401, JSON_API, error_body("not_authenticated", "Credentials were not provided"), Meaning.NO_KEY),
        (401, JSON_API, error_body("internal_error", "Authentication is down"), Meaning.UNEXPECTED),
        (401, JSON_API, b'{"errors": [{"detail": "Incorrect authentication"}]}', Meaning.UNEXPECTED),
        (401, JSON_API, b'{"errors": [{"code": ["authentication_failed"]}]}', Meaning.UNEXPECTED),
        (401, {"Content-Type": "text/html"}, b"<h1>Proxy login</h1>", Meaning.UNEXPECTED),
        (403, JSON_API, DENIED, Meaning.SCOPES_MISSING),
        (403, JSON_API, error_body("permission_denied", "Your plan has no webhooks"), Meaning.FORBIDDEN),
        (403, JSON_API, error_body("forbidden", "missing required scopes: events:write"), Meaning.FORBIDDEN),
        (403, JSON_API, error_body("permission_denied", "Not yours: events:write"), Meaning.FORBIDDEN),
        (403, {"CF-Mitigated": "challenge", "Content-Type": "text/html"}, b"<html>", Meaning.CHALLENGED),
        (403, {"cf-mitigated": "challenge"}, DENIED, Meaning.CHALLENGED),
        (403, {}, b"", Meaning.FORBIDDEN),
        (404, JSON_API, error_body("not_found", "No such list"), Meaning.UNEXPECTED),
        (409, JSON_API, error_body("duplicate_profile", "Exists"), Meaning.UNEXPECTED),
        (429, {"retry-after": "12"}, b"", Meaning.RATE_LIMITED),
        (500, JSON_API, b"{}", Meaning.SERVER_ERROR),
        (503, {}, b"<html>", Meaning.SERVER_ERROR),
    ],
)
def test_an_answer_means_exactly_what_klaviyo_said(
    status: int, headers: dict[str, str], body: bytes, meaning: Meaning
) -> None:
    assert read_answer(status, headers, body).meaning is meaning


def test_missing_scopes_are_those_that_the_detail_names_sorted() -> None:
    assert read_answer(403, JSON_API, DENIED).missing_scopes == ("events:write", "profiles:write")


def test_a_scope_that_the_detail_names_before_it_says_what_is_missing_is_not_missing() -> None:
    body = error_body("permission_denied", "With lists:read your API key is missing required scopes: profiles:write")
    assert read_answer(403, JSON_API, body).missing_scopes == ("profiles:write",)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("12", 12), ("0", 0), ("", None), ("Wed, 21 Oct", None), ("1.5", None), ("9" * 5000, None)],
    ids=lambda value: str(value)[:12],
)
def test_the_wait_is_in_whole_seconds_or_unknown(value: str, seconds: int | None) -> None:
    assert read_answer(429, {"Retry-After": value}, b"").retry_after == seconds


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"null", b"[]", b'{"errors": []}', b'{"errors": {}}', b'{"errors": ["x"]}', b"[" * 100_000],
    ids=lambda body: repr(body[:12]),
)
def test_a_body_that_is_no_error_document_proves_nothing_about_the_key(body: bytes) -> None:
    assert read_answer(401, JSON_API, body) == Answer(meaning=Meaning.UNEXPECTED, status=401)
