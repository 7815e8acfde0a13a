"""What an entry becomes in JSON: complete, bounded, with one form, without keys, and without names where asked."""

import asyncio
import json
import pickle
from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klaviyo_access.audit import AuditEntry, PseudonymKey, Pseudonyms, asked_by
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


@pytest.mark.parametrize("before", range(8192 - 40, 8192, 3))
def test_no_part_of_a_key_is_left_where_a_long_text_is_cut(before: int) -> None:
    key = "pk_" + "ab" * 17
    kept = document_of(entry(resource=key * 3 + "x" * (before - len(key) * 3) + key * 3 + "x" * 200))["resource"]
    assert "pk_a" not in kept
    assert len(kept) == 8193


@pytest.mark.parametrize("result", ["alowed", "Allowed", "", None])
def test_a_result_that_no_suspicion_would_know_is_refused(result: Any) -> None:
    with pytest.raises(ValueError, match="allowed, denied, succeeded, failed"):
        entry(result=result)


def test_an_entry_without_a_time_is_of_now() -> None:
    before = datetime.now(UTC)
    made = AuditEntry(user_id="ada", role="admin", action="read", resource="lists/1", result="allowed")
    assert before <= made.timestamp <= datetime.now(UTC)


def asker_of(**fields: Any) -> tuple[str, str, str, str]:
    made = AuditEntry(action="read", resource="lists/1", result="allowed", **fields)
    return made.user_id, made.role, made.request_id, made.ip_address


def test_who_asks_is_bound_once_for_all_entries_of_a_request() -> None:
    with asked_by("ada", "admin", request_id="r-1", ip_address="192.0.2.7"):
        assert asker_of() == ("ada", "admin", "r-1", "192.0.2.7")
        assert asker_of(user_id="eve", request_id="") == ("eve", "admin", "", "192.0.2.7")
        with asked_by("bob", ""):
            assert asker_of() == ("bob", "", "", "")
        assert asker_of()[0] == "ada"
    assert asker_of(user_id="", role="") == ("", "", "", "")


def test_requests_that_one_loop_answers_at_once_are_told_apart() -> None:
    async def request(user: str) -> list[str]:
        with asked_by(user, "admin"):
            first = asker_of()[0]
            await asyncio.sleep(0)
            return [first, asker_of()[0], (await asyncio.to_thread(asker_of))[0]]

    async def both() -> list[list[str]]:
        return [*await asyncio.gather(request("ada"), request("bob"))]

    assert asyncio.run(both()) == [["ada"] * 3, ["bob"] * 3]


@pytest.mark.parametrize("given_fields", [{}, {"user_id": "ada"}, {"role": "admin"}])
def test_an_entry_of_nobody_is_refused(given_fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="asked_by"):
        asker_of(**given_fields)


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
    fields = dict(zip(TEXT_FIELDS, texts, strict=True)) | {"result": "allowed"}
    made = entry(**fields, timestamp=timestamp.replace(tzinfo=UTC), metadata=metadata)
    line = Chain("app-api/0123456789abcdef").append(bounded(document_of(made)))
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
