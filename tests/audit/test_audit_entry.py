"""What an entry becomes in JSON: complete, bounded, with one form, without keys, and without names where asked."""

import json
import pickle
from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klaviyo_access.audit import AuditEntry, PseudonymKey, Pseudonyms
from klaviyo_access.audit.chain import Chain, parse_link
from klaviyo_access.audit.entry import LONGEST_ENTRY, TEXT_FIELDS, bounded, canonical, document_of
from klaviyo_access.keys.secret import Key
from tests.audit.audit_bench import entry

SECRET = bytes(range(32))


def test_an_entry_has_the_fields_of_an_audit() -> None:
    assert [field.name for field in fields(AuditEntry)] == [
        "timestamp",
        "user_id",
        "role",
        "action",
        "resource",
        "result",
        "klaviyo_endpoint",
        "ip_address",
        "metadata",
        "key_fingerprint",
        "request_id",
    ]


def test_an_entry_is_frozen_and_what_its_caller_changes_afterwards_is_no_part_of_it() -> None:
    metadata: dict[str, Any] = {"list": "newsletter"}
    made = entry(metadata=metadata)
    metadata["list"] = "other"
    assert made.metadata == {"list": "newsletter"}
    with pytest.raises(FrozenInstanceError):
        made.action = "other"  # type: ignore[misc] # that is what is tried
    with pytest.raises(TypeError):
        made.metadata["list"] = "other"  # type: ignore[index] # that is what is tried


def test_the_time_is_in_utc_whatever_zone_it_was_given_in() -> None:
    berlin = timezone(timedelta(hours=1))
    document = document_of(entry(timestamp=datetime(2026, 11, 22, 13, 15, 30, 5, tzinfo=berlin)))
    assert document["timestamp"] == "2026-11-22T12:15:30.000005Z"


def test_the_form_in_json_is_canonical() -> None:
    line = canonical(document_of(entry(user_id="Zoë\n", metadata={"b": 1, "a": None})))
    assert line.isascii()
    assert "\n" not in line
    assert line == canonical(json.loads(line))
    assert '"metadata":{"a":null,"b":1}' in line


class Other:
    def __str__(self) -> str:
        return "other"


VALUES: list[tuple[Any, Any]] = [
    ("text", "text"),
    (7, 7),
    (True, True),
    (None, None),
    (1.5, 1.5),
    (float("nan"), "nan"),
    (float("inf"), "inf"),
    (2**70, "0x400000000000000000"),
    ([1, 2], "[1, 2]"),
    (Other(), "other"),
    ("x" * 10_000, "x" * 8192 + "…"),
]


@pytest.mark.parametrize(("given_value", "kept"), VALUES, ids=[str(row[0])[:10] for row in VALUES])
def test_metadata_is_flat_and_whatever_else_is_given_is_kept_as_text(given_value: Any, kept: Any) -> None:
    assert document_of(entry(metadata={"value": given_value}))["metadata"] == {"value": kept}


def test_no_klaviyo_key_gets_into_an_entry() -> None:
    key = "pk_" + "ab" * 17
    made = entry(resource=f"?api_key={key}", metadata={"header": f"Klaviyo-API-Key {key}", key: "x", "key": Key(key)})
    assert key not in canonical(document_of(made))


def test_an_entry_that_is_too_long_says_so_instead_of_its_metadata() -> None:
    long = bounded(document_of(entry(metadata={str(number): "x" * 8000 for number in range(40)})))
    assert long["metadata"]["omitted_characters"] > LONGEST_ENTRY
    assert len(canonical(long)) < 1000


@settings(deadline=None)
@given(
    texts=st.lists(st.text(st.characters()), min_size=9, max_size=9),
    metadata=st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.floats() | st.text()),
    timestamp=st.datetimes(min_value=datetime(1971, 1, 1)),  # noqa: DTZ001 - the strategy adds the zone
)
def test_whatever_an_entry_holds_its_line_is_read_back_as_it_was_written(
    texts: list[str], metadata: dict[str, Any], timestamp: datetime
) -> None:
    made = AuditEntry(
        timestamp=timestamp.replace(tzinfo=UTC), metadata=metadata, **dict(zip(TEXT_FIELDS, texts, strict=True))
    )
    line = Chain("app-api/1").append(bounded(document_of(made)))
    link = parse_link(line)
    assert link
    assert link.true_hash == link.hash


def test_a_pseudonym_is_the_same_for_the_same_person_and_another_under_another_key() -> None:
    one, other = PseudonymKey(SECRET), PseudonymKey(SECRET[::-1])
    document = document_of(entry(user_id="ada", ip_address="192.0.2.7", metadata={"email": "ada", "list": "ada"}))
    hidden = Pseudonyms(one, fields=("user_id", "ip_address", "metadata.email")).applied(document)
    assert hidden["user_id"] == hidden["metadata"]["email"] == one.pseudonym("ada")
    assert hidden["user_id"].startswith(f"{one.id}:")
    assert "192.0.2.7" not in canonical(hidden)
    assert hidden["metadata"]["list"] == "ada"
    assert one.pseudonym("ada") != other.pseudonym("ada")
    assert {**document, **Pseudonyms(one, fields=()).applied(document)} == document


def test_what_is_empty_has_no_pseudonym() -> None:
    document = document_of(entry(user_id="", metadata={"email": None}))
    assert Pseudonyms(PseudonymKey(SECRET), fields=("user_id", "metadata.email")).applied(document) == document


def test_the_key_of_pseudonyms_shows_nothing() -> None:
    key = PseudonymKey(SECRET)
    assert [str(key), repr(key), f"{key}"] == [f"PseudonymKey({key.id})"] * 3
    assert not hasattr(key, "__dict__")
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(key)
    with pytest.raises(ValueError, match="given: 31 bytes") as short:
        PseudonymKey(b"s" * 31)
    assert "sss" not in str(short.value)


def test_a_field_that_an_entry_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="'email'"):
        Pseudonyms(PseudonymKey(SECRET), fields=("email",))
