"""The labels of a key's life: their exact forms, and what a secret's labels say."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaviyo_access.keys.labels import (
    AwsLabel,
    Disabling,
    Foreign,
    HoldsKey,
    Label,
    Leaked,
    Rejected,
    Retired,
    SecretLabels,
    Spare,
    WriteTaken,
    parse_label,
)

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ONE, TWO, THREE = "1" * 12, "2" * 12, "3" * 12

times = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - Hypothesis wants naive bounds and adds the zone itself
    max_value=datetime(2999, 12, 31),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
).map(lambda time: time.replace(microsecond=0))
fingerprints = st.text("0123456789abcdef", min_size=12, max_size=12)
reasons = st.from_regex(r"[a-z0-9][a-z0-9:,-]{0,200}", fullmatch=True)
labels: st.SearchStrategy[Label] = st.one_of(
    st.builds(Spare, times, fingerprints),
    st.builds(Rejected, times, fingerprints, reasons),
    st.builds(HoldsKey, fingerprints),
    st.builds(Retired, times, fingerprints),
    st.builds(Disabling, fingerprints),
    st.builds(Leaked, fingerprints),
    st.builds(WriteTaken, times),
    st.sampled_from(AwsLabel),
)


@given(labels)
def test_every_label_reads_back_as_it_was_written(label: Label) -> None:
    assert parse_label(str(label)) == label
    assert len(str(label)) <= 256


@given(st.text(max_size=60) | st.from_regex(r"(SPARE|KEY|REJECTED|RETIRED|DISABLING|LEAKED):.{0,40}"))
def test_any_text_reads_as_a_label_that_writes_the_same_text(text: str) -> None:
    assert str(parse_label(text)) == text


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (f"SPARE:20261122T120000Z:{ONE}", Spare(NOON, ONE)),
        (f"REJECTED:20261122T120000Z:{ONE}:refused", Rejected(NOON, ONE, "refused")),
        (
            f"REJECTED:20261122T120000Z:{ONE}:missing:lists:read,tags:read",
            Rejected(NOON, ONE, "missing:lists:read,tags:read"),
        ),
        (f"KEY:{ONE}", HoldsKey(ONE)),
        (f"RETIRED:20261122T120000Z:{ONE}", Retired(NOON, ONE)),
        (f"DISABLING:{ONE}", Disabling(ONE)),
        (f"LEAKED:{ONE}", Leaked(ONE)),
        ("WRITE-TAKEN:20261122T120000Z", WriteTaken(NOON)),
        ("AWSCURRENT", AwsLabel.CURRENT),
    ],
)
def test_labels_have_the_documented_form(text: str, label: Label) -> None:
    assert parse_label(text) == label
    assert str(label) == text


@pytest.mark.parametrize(
    "text",
    [
        "SPARE",
        f"SPARE:20261122T120000Z:{ONE}:more",
        f"SPARE:20261322T120000Z:{ONE}",
        f"SPARE:00011122T120000Z:{ONE}",
        f"SPARE:2026-11-22T12:00:00Z:{ONE}",
        f"SPARE:20261122T120000Z:{ONE}\n",
        f"spare:20261122T120000Z:{ONE}",
        f"SPARE:\uff12\uff10\uff12\uff161122T120000Z:{ONE}",
        f"KEY:{ONE}0",
        "KEY:" + "A" * 12,
        f"REJECTED:20261122T120000Z:{ONE}",
        f"REJECTED:20261122T120000Z:{ONE}:",
        f"REJECTED:20261122T120000Z:{ONE}:Not A Reason",
        f"RETIRED:{ONE}",
        "WRITE-TAKEN:20261322T120000Z",
        "AWSCURRENT ",
        "",
    ],
)
def test_a_label_without_the_exact_form_is_foreign_and_says_nothing(text: str) -> None:
    secret = SecretLabels.of({"v1": [text]})

    assert parse_label(text) == Foreign(text)
    assert secret.spares == ()
    assert secret.known_fingerprints == frozenset()
    assert secret.free == 19


def test_times_are_written_in_utc_whatever_their_zone() -> None:
    assert str(Spare(NOON.astimezone(timezone(timedelta(hours=5))), ONE)) == f"SPARE:20261122T120000Z:{ONE}"


def test_spares_come_oldest_first_and_never_with_a_verdict() -> None:
    reserve = SecretLabels.of(
        {
            "tombstone": ["AWSCURRENT"],
            "a": [f"SPARE:20261122T120001Z:{ONE}"],
            "b": [f"SPARE:20261121T120000Z:{TWO}"],
            "c": [f"SPARE:20261120T120000Z:{THREE}", f"REJECTED:20261122T120000Z:{THREE}:refused"],
        }
    )

    assert [(version.id, spare.fingerprint) for version, spare in reserve.spares] == [("b", TWO), ("a", ONE)]
    assert reserve.free == 15


def test_a_key_secret_shows_who_is_current_pending_and_previous_and_what_is_in_use() -> None:
    secret = SecretLabels.of(
        {
            "new": ["AWSPENDING", f"KEY:{ONE}"],
            "live": ["AWSCURRENT", f"KEY:{TWO}"],
            "old": ["AWSPREVIOUS", f"KEY:{THREE}", f"RETIRED:20261122T120000Z:{THREE}"],
        }
    )

    holders = (secret.pending, secret.current, secret.previous)
    assert [holder and (holder.id, holder.fingerprint) for holder in holders] == [
        ("new", ONE),
        ("live", TWO),
        ("old", THREE),
    ]
    assert [version.id for version in secret if version.in_use] == ["live", "new"]
    assert secret.held_fingerprints == {ONE, TWO, THREE}


def test_an_empty_secret_has_no_versions_and_all_labels_free() -> None:
    secret = SecretLabels.of({})

    assert (secret.current, secret.pending, secret.previous, secret.free) == (None, None, None, 20)


@pytest.mark.parametrize(
    ("stages", "verdict"),
    [
        ([f"KEY:{ONE}"], None),
        ([f"KEY:{ONE}", f"REJECTED:20261122T120000Z:{ONE}:refused"], Rejected(NOON, ONE, "refused")),
        ([f"REJECTED:20261122T120000Z:{ONE}:refused", f"LEAKED:{ONE}"], Leaked(ONE)),
        ([f"KEY:{ONE}", "LEAKED:all"], None),
    ],
)
def test_the_strongest_verdict_on_a_version_counts(stages: list[str], verdict: Label | None) -> None:
    version = SecretLabels.of({"v": stages}).version("v")

    assert version is not None
    assert version.verdict == verdict


def test_of_rejected_spares_those_that_leaked_are_known_as_leaked() -> None:
    reserve = SecretLabels.of(
        {"a": [str(Rejected(NOON, ONE, "refused"))], "b": [str(Rejected(NOON, TWO, "leaked"))], "c": [f"KEY:{THREE}"]}
    )
    assert reserve.leaked_fingerprints == {TWO}


def test_a_version_with_two_key_labels_holds_no_key_that_can_be_named() -> None:
    version = SecretLabels.of({"v": [f"KEY:{ONE}", f"KEY:{TWO}"]}).version("v")

    assert version is not None
    assert version.fingerprint is None
