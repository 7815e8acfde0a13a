"""Reads YAML into plain values with the line of each, and takes no harm from a hostile file.

Nothing is constructed: the parser's events become texts, booleans, lists and mappings. Anchors, aliases, tags and
merge keys are refused as they appear, so that a small file cannot stand for a large value.
"""

from collections.abc import Iterator, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from klaviyo_access.access_model import rules
from klaviyo_access.access_model.problems import AccessModelError, Problem, holds_key, redacted, shown
from klaviyo_access.access_model.rules import Finding, Rule, Where

Value: TypeAlias = "str | bool | list[Value] | dict[str, Value] | None"

LARGEST_BYTES: Final = 128 * 1024
DEEPEST: Final = 12
MOST_ENTRIES: Final = 300

_ALIAS_FIX: Final = 'put a pattern that starts with * in quotes, as in "*:read"; write any other value out'
_PLAIN_VALUES: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, kw_only=True)
class Document:
    """A file's values, where each stands, and what is wrong that does not keep it from being read."""

    source: str
    values: Value
    lines: dict[Where, int]
    problems: tuple[Problem, ...]

    def problem(self, finding: Finding) -> Problem:
        """``finding`` with the line of the place it names, or of what encloses that place."""
        where = finding.where
        while where and where not in self.lines:
            where = where[:-1]
        return _problem(self.lines.get(where, 0), finding.rule, value=finding.value, fix=finding.fix)


def read_document(path: Path) -> Document:
    """Read the YAML file at ``path``.

    Raises:
        AccessModelError: it cannot be read as one plain document; one problem says why.
    """
    try:
        text = _text(path)
        keys = [
            _problem(
                number,
                rules.NO_KEY,
                value="something that looks like a Klaviyo key (not shown)",
                fix="disable that key in Klaviyo's dashboard now, then remove it here and from the history",
            )
            for number, line in enumerate(text.splitlines(), start=1)
            if holds_key(line)
        ]
        reader = _Reader(events=_events(text))
        values = reader.document()
    except _Refused as refused:
        raise AccessModelError([refused.problem], source=str(path)) from None
    return Document(source=str(path), values=values, lines=reader.lines, problems=(*keys, *reader.problems))


class _Refused(Exception):  # noqa: N818 - never leaves this module; the error that does is AccessModelError
    def __init__(self, line: int, rule: Rule, *, value: str, fix: str) -> None:
        self.problem = _problem(line, rule, value=value, fix=fix)
        super().__init__(self.problem)


def _problem(line: int, rule: Rule, *, value: str, fix: str) -> Problem:
    return Problem(line=line, rule=rule.text, value=redacted(value), why=rule.why, fix=redacted(fix))


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise _Refused(0, rules.READABLE, value="no regular file", fix="name the file, as in access.yaml")
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else None
        raise _Refused(
            0, rules.READABLE, value=(reason or "no valid path").lower(), fix="name a file that exists and may be read"
        ) from None
    if len(data) > LARGEST_BYTES:
        raise _Refused(
            0, rules.SMALL, value=f"more than {LARGEST_BYTES} bytes", fix="keep to roles and services; write them once"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _Refused(
            data[: error.start].count(b"\n") + 1,
            rules.PLAIN_TEXT,
            value=f"byte 0x{data[error.start]:02x}",
            fix="save the file as UTF-8",
        ) from None


def _events(text: str) -> Iterator[Event]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        raise _malformed(error) from None
    except (YAMLError, ValueError, OverflowError):  # the last two: an escape of what is no character
        raise _Refused(
            next((n for n, line in enumerate(text.split("\n"), start=1) if not line.isprintable()), 0),
            rules.PLAIN_TEXT,
            value="a character that YAML does not allow",
            fix="remove control characters and escapes of what is no character",
        ) from None


def _malformed(error: MarkedYAMLError) -> _Refused:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 0
    if error.context == "while scanning an alias":
        return _Refused(line, rules.PLAIN_YAML, value="a bare *", fix=_ALIAS_FIX)
    value = shown(error.problem or error.context or "not YAML")
    fix = "look at this line and the one before: indentation, quotes, brackets, the space after a colon"
    return _Refused(line, rules.WELL_FORMED, value=value, fix=fix)


@dataclass
class _Reader:
    """Builds values from events, keeps their lines, refuses what is not plain."""

    events: Iterator[Event]
    lines: dict[Where, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def document(self) -> Value:
        self._expect(StreamStartEvent)
        event = next(self.events)
        if isinstance(event, StreamEndEvent):
            raise _Refused(0, rules.WELL_FORMED, value="nothing", fix="start from the access.yaml that is shipped")
        value = self._value(next(self.events), ())
        self._expect(DocumentEndEvent)
        event = next(self.events)
        if isinstance(event, DocumentStartEvent):
            raise _Refused(
                _line(event), rules.WELL_FORMED, value="a second document", fix="remove '---' and all after it"
            )
        return value

    def _expect(self, kind: type[Event]) -> None:
        event = next(self.events)
        if not isinstance(event, kind):
            raise _Refused(_line(event), rules.WELL_FORMED, value="not one document", fix="write one mapping")

    def _value(self, event: Event, where: Where) -> Value:
        _refuse_unless_plain(event)
        self.lines.setdefault(where, _line(event))
        if len(where) > DEEPEST:
            fix = "nothing here needs more than 5 levels"
            raise _Refused(_line(event), rules.SMALL, value="a value nested deeper", fix=fix)
        if isinstance(event, MappingStartEvent):
            return self._mapping(where)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(where)
        if isinstance(event, ScalarEvent):
            return _scalar(event)
        raise _Refused(_line(event), rules.WELL_FORMED, value="a value that ends early", fix="complete it")

    def _mapping(self, where: Where) -> dict[str, Value]:
        mapping: dict[str, Value] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            key = self._key(event)
            place = (*where, key)
            if key in mapping:
                value = f"{shown(key)}, which line {self.lines[place]} has already"
                self.problems.append(_problem(_line(event), rules.ONCE, value=value, fix="keep one of the two"))
                self._value(next(self.events), (*where, f"{key}, again"))
            else:
                self.lines[place] = _line(event)
                mapping[key] = self._value(next(self.events), place)
            _refuse_many(mapping, event)
        return mapping

    def _sequence(self, where: Where) -> list[Value]:
        sequence: list[Value] = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            sequence.append(self._value(event, (*where, len(sequence))))
            _refuse_many(sequence, event)
        return sequence

    def _key(self, event: Event) -> str:
        _refuse_unless_plain(event)
        if not isinstance(event, ScalarEvent):
            value = "a list or mapping as a key"
            raise _Refused(_line(event), rules.WELL_FORMED, value=value, fix="write a name and a colon")
        if event.value == "<<" and event.style is None:
            raise _Refused(_line(event), rules.PLAIN_YAML, value="the merge key <<", fix="write the entries out")
        _scalar(event)
        return str(event.value)


def _scalar(event: ScalarEvent) -> str | bool | None:
    text = str(event.value)
    if event.style is None and text in _PLAIN_VALUES:
        return _PLAIN_VALUES[text]
    if not text.replace("\n", " ").isprintable():
        fix = "remove control characters and their escapes"
        raise _Refused(_line(event), rules.PLAIN_TEXT, value=shown(text), fix=fix)
    return text


def _refuse_many(entries: Sized, event: Event) -> None:
    if len(entries) > MOST_ENTRIES:
        fix = "put together what belongs together: services that need the same may read one role"
        raise _Refused(_line(event), rules.SMALL, value=f"more than {MOST_ENTRIES} entries", fix=fix)


def _refuse_unless_plain(event: Event) -> None:
    fix = "write the value out where it is meant"
    if isinstance(event, AliasEvent):
        found, fix = f"the alias *{shown(event.anchor)}", _ALIAS_FIX
    elif isinstance(event, NodeEvent) and event.anchor is not None:
        found = f"the anchor &{shown(event.anchor)}"
    elif isinstance(event, (ScalarEvent, CollectionStartEvent)) and event.tag is not None:
        found = f"the tag {shown(str(event.tag))}"
    else:
        return
    raise _Refused(_line(event), rules.PLAIN_YAML, value=found, fix=fix)


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1
