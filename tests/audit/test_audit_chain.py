"""Any change to a written chain is found: property by property, and kind by kind."""

import json
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klaviyo_access.audit.chain import Anchor, Chain, parse_link
from klaviyo_access.audit.entry import canonical
from klaviyo_access.audit.verification import Report, StoredLine, split_lines, verify
from tests.audit.audit_bench import chain_lines

LINES = chain_lines(6)
STREAM = "app-api/0123456789abcdef"


def anchor(sequence: int, *, closed: bool = False, lines: list[str] = LINES) -> str:
    link = parse_link(lines[sequence])
    assert link
    return Anchor(stream=STREAM, sequence=sequence, hash=link.hash, closed=closed, timestamp=1.0).line()


ANCHORS = [anchor(2), anchor(5, closed=True)]
WRITTEN = "".join(f"{line}\n" for line in LINES).encode()


def read(data: bytes) -> Report:
    return verify(split_lines(data), ANCHORS)


def test_a_chain_as_it_was_written_is_whole() -> None:
    report = read(WRITTEN)
    assert report.is_whole
    (stream,) = report.streams
    assert (stream.stream, stream.entries, stream.anchored, stream.closed) == (STREAM, 6, 6, True)


@settings(deadline=None)
@given(place=st.integers(0, len(WRITTEN) - 1), byte=st.integers(0, 255))
def test_any_changed_byte_is_found(place: int, byte: int) -> None:
    changed = WRITTEN[:place] + bytes([byte]) + WRITTEN[place + 1 :]
    assert read(changed).is_whole == (changed == WRITTEN)


@settings(deadline=None)
@given(place=st.integers(0, len(WRITTEN)), inserted=st.binary(min_size=1, max_size=8))
def test_anything_inserted_is_found(place: int, inserted: bytes) -> None:
    assert not read(WRITTEN[:place] + inserted + WRITTEN[place:]).is_whole


@settings(deadline=None)
@given(start=st.integers(0, len(WRITTEN) - 1), length=st.integers(1, len(WRITTEN)))
def test_anything_cut_out_is_found(start: int, length: int) -> None:
    assert not read(WRITTEN[:start] + WRITTEN[start + length :]).is_whole


@settings(deadline=None)
@given(length=st.integers(0, len(WRITTEN) - 1))
def test_any_cut_off_end_is_found(length: int) -> None:
    assert not read(WRITTEN[:length]).is_whole


@settings(deadline=None)
@given(order=st.permutations(range(len(LINES))))
def test_any_other_order_is_found(order: list[int]) -> None:
    assert verify([LINES[place] for place in order], ANCHORS).is_whole == (order == sorted(order))


@settings(deadline=None)
@given(
    place=st.integers(0, len(LINES) - 1),
    field=st.sampled_from(["user_id", "role", "action", "resource", "result", "timestamp", "ip_address"]),
    value=st.text(max_size=20),
)
def test_an_entry_rewritten_with_a_hash_that_fits_is_found(place: int, field: str, value: str) -> None:
    document = json.loads(LINES[place])
    is_same = document["entry"][field] == value
    document["entry"][field] = value
    link = parse_link(canonical(document))
    assert link
    forged = [*LINES]
    forged[place] = canonical(document | {"hash": link.true_hash})
    assert verify(forged, ANCHORS).is_whole == is_same


def test_a_chain_rewritten_whole_does_not_fit_its_anchors() -> None:
    forged = [line.replace("r-1", "r-9") for line in LINES]
    previous = "0" * 64
    for place, line in enumerate(forged):
        link = parse_link(canonical(json.loads(line) | {"previous": previous}))
        assert link
        previous = link.true_hash
        forged[place] = canonical(json.loads(line) | {"previous": link.previous, "hash": previous})

    assert verify(forged).is_whole
    assert {finding.kind for finding in verify(forged, ANCHORS).findings} == {"changed"}


KINDS: list[tuple[str, Callable[[list[str]], list[str]], set[str]]] = [
    ("a line is gone", lambda lines: [*lines[:2], *lines[3:]], {"removed"}),
    ("the first line is gone", lambda lines: lines[1:], {"removed"}),
    ("two lines changed places", lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], {"removed", "reordered"}),
    ("the end is cut off", lambda lines: lines[:-2], {"cut off"}),
    ("everything is gone", lambda _: [], {"cut off"}),
    ("a line is changed", lambda lines: [lines[0].replace("ada", "eve"), *lines[1:]], {"changed"}),
    ("a line is written another way", lambda lines: [lines[0].replace(":", ": ", 1), *lines[1:]], {"unreadable"}),
    ("a line is no JSON", lambda lines: [*lines, "{"], {"unreadable"}),
    ("another line has its place", lambda lines: [*lines, lines[3].replace("ada", "eve")], {"changed", "reordered"}),
]


@pytest.mark.parametrize(("change", "kinds"), [row[1:] for row in KINDS], ids=[row[0] for row in KINDS])
def test_what_is_wrong_is_named(change: Callable[[list[str]], list[str]], kinds: set[str]) -> None:
    findings = verify(change(LINES), ANCHORS).findings
    assert {finding.kind for finding in findings} <= kinds | {"forged", "removed"}
    assert {finding.kind for finding in findings} & kinds


def test_lines_after_the_last_anchor_can_be_cut_off_unseen_and_a_chain_that_is_not_closed_says_so() -> None:
    report = verify(LINES[:4], [anchor(2)])
    (stream,) = report.streams
    assert (report.is_whole, stream.anchored, stream.closed) == (True, 3, False)


def test_a_line_that_was_delivered_twice_is_no_change_and_is_counted() -> None:
    report = verify([*LINES[:3], *LINES[1:]], ANCHORS)
    assert (report.is_whole, report.streams[0].repeated, report.streams[0].entries) == (True, 2, 6)


def test_a_forged_continuation_after_the_closing_anchor_is_found() -> None:
    longer = chain_lines(7)
    assert {finding.kind for finding in verify(longer, ANCHORS).findings} == {"forged"}


def test_other_lines_between_those_of_a_chain_are_passed_over_only_where_that_is_asked_for() -> None:
    mixed = ["INFO: started", *LINES[:3], '{"level":"info"}', *LINES[3:]]
    assert verify(mixed, ANCHORS, is_mixed=True).is_whole
    assert [finding.line for finding in verify(mixed, ANCHORS).findings] == [1, 5]
    assert not verify([line[:-1] if place == 5 else line for place, line in enumerate(mixed)], is_mixed=True).is_whole


def test_the_order_of_a_log_groups_events_means_nothing() -> None:
    assert verify(reversed(LINES), ANCHORS, is_sorted=False).is_whole


def test_chains_of_several_processes_in_one_file_are_told_apart() -> None:
    other = chain_lines(3, stream="app-api/fedcba9876543210")
    between = [line for pair in zip(LINES[:3], other, strict=True) for line in pair] + LINES[3:]
    report = verify(between)
    assert report.is_whole
    assert [stream.entries for stream in report.streams] == [6, 3]


@settings(deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=8) | st.binary())
def test_hostile_lines_are_findings_and_never_errors(value: object) -> None:
    link = json.loads(LINES[0])
    texts = [str(value), canonical({"anchor": str(value)})]
    texts += [] if isinstance(value, bytes) else [canonical({**link, "entry": {"metadata": value}})]
    assert verify(texts, texts).findings


LINK, ANCHOR = LINES[0], anchor(0)
HOSTILE = [
    ("no number", LINK.replace('"metadata":{}', '"metadata":{"a":NaN}'), ANCHOR.replace("1.0", "NaN")),
    ("no end", LINK.replace('"metadata":{}', '"metadata":{"a":1e999}'), ANCHOR.replace("1.0", "1e999")),
    ("depths", LINK.replace('"metadata":{}', f'"metadata":{"[" * 5000}{"]" * 5000}'), f'{{"anchor":{"[" * 5000}'),
    ("a place of 4,300 digits", *(text.replace('"sequence":0', f'"sequence":{"9" * 4300}') for text in (LINK, ANCHOR))),
    ("a name that no terminal shows", *(text.replace(STREAM, "\\ud800/0123456789abcdef") for text in (LINK, ANCHOR))),
    ("a name with commands", *(text.replace(STREAM, "a\\u001b[2J/0123456789abcdef") for text in (LINK, ANCHOR))),
]


@pytest.mark.parametrize(("line", "stated"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_a_well_keyed_line_that_no_log_writes_is_unreadable(line: str, stated: str) -> None:
    assert (line != LINK, stated != ANCHOR) == (True, True)
    assert [found.kind for found in verify([line], [stated]).findings] == ["unreadable", "unreadable"]
    assert str(verify([line], [stated])).encode()


def test_a_loss_of_absurd_size_is_no_error() -> None:
    lost = {"action": "audit.entries-lost", "metadata": {"count": int("9" * 4300)}}
    chain = Chain(STREAM)
    report = verify([chain.append(lost), chain.append(lost), chain.append(lost | {"metadata": {"count": -5}})])
    assert str(report.streams[0].lost) == str(2**64)


def stored(text: str, log_stream: str, *, is_fresh: bool = False) -> StoredLine:
    return StoredLine(text=text, log_stream=log_stream, is_fresh=is_fresh)


def test_a_chain_that_another_service_wrote_in_this_ones_name_is_forged() -> None:
    entries = [stored(line, f"entries/{STREAM}") for line in LINES]
    stated = [stored(line, f"anchors/{STREAM}") for line in ANCHORS]
    assert verify(entries, stated, is_sorted=False).is_whole
    by_web = "entries/web/ffffffffffffffff", "anchors/web/ffffffffffffffff"
    forged = verify([stored(LINES[0], by_web[0])], [stored(anchor(0, closed=True), by_web[1])], is_sorted=False)
    assert [(found.kind, found.stream) for found in forged.findings] == [("forged", STREAM)] * 2
    assert forged.streams == ()
    beside = verify([*entries, stored(LINES[0], by_web[0])], stated, is_sorted=False)
    assert [(found.kind, found.line) for found in beside.findings] == [("forged", 7)]
    assert beside.streams == verify(entries, stated, is_sorted=False).streams
    swapped = verify(entries, [stored(line, f"entries/{STREAM}") for line in ANCHORS])
    assert {found.kind for found in swapped.findings} == {"forged", "unanchored"}


def test_a_chain_without_any_anchor_is_found_fault_with_where_anchors_are_asked_for_and_due() -> None:
    assert verify(LINES).is_whole
    assert [found.kind for found in verify(LINES, []).findings] == ["unanchored"]
    fresh = [stored(line, f"entries/{STREAM}", is_fresh=True) for line in LINES]
    assert verify(fresh, []).is_whole
    one_is_old = [stored(LINES[0], f"entries/{STREAM}"), *fresh[1:]]
    assert [found.kind for found in verify(one_is_old, []).findings] == ["unanchored"]


def test_what_is_written_while_it_is_verified_is_no_cut() -> None:
    there = LINES[:2]

    def anchors_now() -> Iterator[str]:
        yield anchor(len(there) - 1)

    def entries_now() -> Iterator[str]:
        yield from there
        there.append(LINES[2])

    assert verify(entries_now(), anchors_now()).is_whole
