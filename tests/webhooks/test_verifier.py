"""The verifier: every single change is refused, whatever the headers hold, and several secrets count at once."""

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaviyo_access.webhooks import SigningSecret, Verifier
from tests.webhooks.signed_requests import SECRET, TIMESTAMP, document, signed

VERIFIER = Verifier([SigningSecret(SECRET)])
GENUINE = signed()

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
bodies = st.dictionaries(st.text(max_size=6), json_values, max_size=4)
anything = st.none() | st.text() | st.binary() | st.integers() | st.floats() | st.lists(st.text())


@given(bodies)
def test_what_klaviyo_signed_is_verified(body: dict[str, Any]) -> None:
    request = signed(body)
    assert VERIFIER.verify(request.body, request.headers) is True


@given(st.data())
def test_any_single_change_of_the_body_is_refused(data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(GENUINE.body) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != GENUINE.body[position]))
    kind = data.draw(st.sampled_from(["replace", "insert", "delete", "cut"]))
    before, after = GENUINE.body[:position], GENUINE.body[position + 1 :]
    changed = {
        "replace": before + bytes([byte]) + after,
        "insert": before + bytes([byte]) + GENUINE.body[position:],
        "delete": before + after,
        "cut": before,
    }[kind]
    assert VERIFIER.verify(changed, GENUINE.headers) is False


@pytest.mark.parametrize("name", ["Klaviyo-Signature", "Klaviyo-Timestamp"])
@given(data=st.data())
def test_any_single_change_of_a_signed_header_is_refused(name: str, data: st.DataObject) -> None:
    value = GENUINE.headers[name]
    position = data.draw(st.integers(0, len(value) - 1))
    character = data.draw(st.characters().filter(lambda drawn: drawn != value[position]))
    changed = data.draw(
        st.sampled_from(
            [
                value[:position] + character + value[position + 1 :],
                value[:position] + value[position + 1 :],
                value[:position] + character + value[position:],
                value + character,
                value + " ",
                "",
                value.swapcase(),
            ]
        )
    )
    assert VERIFIER.verify(GENUINE.body, GENUINE.headers | {name: changed}) is False


@given(st.integers(1, 40), st.sampled_from(["from body", "from timestamp"]), bodies, st.sampled_from(["", "\n", " "]))
def test_no_part_of_body_or_timestamp_passes_for_a_part_of_the_other(
    length: int, direction: str, body: dict[str, Any], ending: str
) -> None:
    request = signed(signed(body).body + ending.encode())
    if direction == "from body":
        cut = max(0, len(request.body) - length)
        moved = request.body[cut:].decode("latin-1") + TIMESTAMP
        changed = request.body[:cut], moved
    else:
        changed = request.body + TIMESTAMP[:length].encode(), TIMESTAMP[length:]
    assert VERIFIER.verify(changed[0], request.headers | {"Klaviyo-Timestamp": changed[1]}) is False


@given(
    st.dictionaries(
        st.sampled_from(["Klaviyo-Signature", "klaviyo-timestamp", "Klaviyo-Webhook-Id"]) | st.text(), anything
    )
)
def test_garbage_in_the_headers_is_false_and_never_an_error(headers: dict[str, Any]) -> None:
    assert VERIFIER.verify(GENUINE.body, headers) is False


@given(st.binary())
def test_garbage_in_the_body_is_false_and_never_an_error(body: bytes) -> None:
    assert VERIFIER.verify(body, GENUINE.headers) is False


@given(anything)
def test_a_signed_header_of_garbage_beside_a_good_one_is_false(value: Any) -> None:
    for name in ("Klaviyo-Signature", "Klaviyo-Timestamp"):
        if value != GENUINE.headers[name]:
            assert VERIFIER.verify(GENUINE.body, GENUINE.headers | {name: value}) is False


@pytest.mark.parametrize("fold", [str.lower, str.upper, str.title])
def test_headers_are_found_in_any_case(fold: Any) -> None:
    headers = {fold(name): value for name, value in GENUINE.headers.items()}
    assert VERIFIER.verify(GENUINE.body, headers) is True


def test_any_of_several_secrets_will_do_and_no_other() -> None:
    verifier = Verifier([SigningSecret(f"secret-number-{number:04}") for number in range(3)])
    verified = [
        verifier.verify(request.body, request.headers)
        for number in range(4)
        for request in [signed(secret=f"secret-number-{number:04}")]
    ]
    assert verified == [True, True, True, False]


def test_without_a_secret_nothing_is_verified() -> None:
    assert Verifier([]).verify(GENUINE.body, GENUINE.headers) is False


def test_every_comparison_is_made_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[Any, Any]] = []

    def compare(left: Any, right: Any) -> bool:
        compared.append((left, right))
        return bool(left == right)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert VERIFIER.verify(GENUINE.body, GENUINE.headers)
    expected = hmac.new(SECRET.encode(), GENUINE.body + TIMESTAMP.encode(), hashlib.sha256).hexdigest()
    assert compared == [(expected, GENUINE.headers["Klaviyo-Signature"])]


def test_the_bytes_are_signed_as_they_came_and_not_as_json_would_write_them() -> None:
    spaced = b'{ "meta" : {} }'
    request = signed(spaced)
    assert VERIFIER.verify(spaced, request.headers) is True
    assert VERIFIER.verify(b'{"meta":{}}', request.headers) is False
    assert signed(document()).body == GENUINE.body
