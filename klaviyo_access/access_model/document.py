"""Reads YAML into plain values with the line of each, and takes no harm from a hostile file.

Nothing is constructed: the parser's events become texts, booleans, lists and mappings. Anchors, aliases, tags and
merge keys are refused as they appear, so that a small file cannot stand for a large value.
"""

from collections.abc import Iterator, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from klaviyo_access.access_model import rules
from klaviyo_access.access_model.problems import AccessModelError, Problem, holds_key, shown
from klaviyo_access.access_model.rules import Finding, Rule, Where, problem

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

    def located(self, finding: Finding) -> Problem:
        """``finding`` as a problem with the line of the place it names, or of what encloses that place."""
        where = finding.where
        while where and where not in self.lines:
            where = where[:-1]
        return problem(self.lines.get(where, 0), finding.rule, value=finding.value, fix=finding.fix)


def read_document(path: Path) -> Document:
    """Read the YAML file at ``path``.

    Raises:
        AccessModelError: it cannot be read as one plain document; one problem says why.
    """
    try:
        text = _text(path)
        reader = _Reader(events=_events(text))
        values = reader.document()
    except _Refused as refused:
        raise AccessModelError([refused.problem], source=str(path)) from None
    return Document(source=str(path), values=values, lines=reader.lines, problems=(*_keys(text), *reader.problems))


class _Refused(Exception):
    """Carries the one problem out of the parser; read_document makes an AccessModelError of it."""

    def __init__(self, line: int, rule: Rule, *, value: str, fix: str) -> None:
        self.problem = problem(line, rule, value=value, fix=fix)
        super().__init__(self.problem)


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise _Refused(0, rules.READABLE, value="no regular file", fix="name the file, as in access.yaml")
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else None
        fix = "name a file that exists and may be read"
        raise _Refused(0, rules.READABLE, value=(reason or "no valid path").lower(), fix=fix) from None
    if len(data) > LARGEST_BYTES:
        fix = "keep to who may do what; anything else belongs elsewhere"
        raise _Refused(0, rules.SMALL, value=f"more than {LARGEST_BYTES} bytes", fix=fix)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _Refused(
            data[: error.start].count(b"\n") + 1,
            rules.PLAIN_TEXT,
            value=f"byte 0x{data[error.start]:02x}",
            fix="save the file as UTF-8",
        ) from None


def _keys(text: str) -> Iterator[Problem]:
    value = "something that looks like a Klaviyo key (not shown)"
    fix = "disable that key in Klaviyo's dashboard now, then remove it here and from the history"
    for number, line in enumerate(text.splitlines(), start=1):
        if holds_key(line):
            yield problem(number, rules.NO_KEY, value=value, fix=fix)


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
        next(self.events)  # the stream's start
        if isinstance(next(self.events), StreamEndEvent):
            raise _Refused(0, rules.WELL_FORMED, value="nothing", fix="start from the access.yaml that is shipped")
        value = self._value(next(self.events), ())
        next(self.events)  # the document's end
        if isinstance(event := next(self.events), DocumentStartEvent):
            fix = "remove '---' and all after it"
            raise _Refused(_line(event), rules.WELL_FORMED, value="a second document", fix=fix)
        return value

    def _value(self, event: Event, where: Where) -> Value:
        node = _plain(event)
        self.lines.setdefault(where, _line(node))
        if len(where) > DEEPEST:
            fix = "nothing here needs more than 5 levels"
            raise _Refused(_line(node), rules.SMALL, value="a value nested deeper", fix=fix)
        if isinstance(node, ScalarEvent):
            return _scalar(node)
        return self._mapping(where) if isinstance(node, MappingStartEvent) else self._sequence(where)

    def _mapping(self, where: Where) -> dict[str, Value]:
        mapping: dict[str, Value] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            key = _key(event)
            place = (*where, key)
            if key in mapping:
                value = f"{shown(key)}, which line {self.lines[place]} has already"
                self.problems.append(problem(_line(event), rules.ONCE, value=value, fix="keep one of the two"))
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


def _key(event: Event) -> str:
    node = _plain(event)
    if not isinstance(node, ScalarEvent):
        fix = "write a name and a colon"
        raise _Refused(_line(node), rules.WELL_FORMED, value="a list or mapping as a key", fix=fix)
    if node.value == "<<" and node.style is None:
        raise _Refused(_line(node), rules.PLAIN_YAML, value="the merge key <<", fix="write the entries out")
    _scalar(node)
    return str(node.value)


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


def _plain(event: Event) -> ScalarEvent | CollectionStartEvent:
    """The scalar, list or mapping that starts with ``event``; what else YAML allows there is refused."""
    fix = "write the value out where it is meant"
    if isinstance(event, AliasEvent):
        raise _Refused(_line(event), rules.PLAIN_YAML, value=f"the alias *{shown(event.anchor)}", fix=_ALIAS_FIX)
    node = cast("ScalarEvent | CollectionStartEvent", event)
    if node.anchor is not None:
        raise _Refused(_line(node), rules.PLAIN_YAML, value=f"the anchor &{shown(node.anchor)}", fix=fix)
    if node.tag is not None:
        raise _Refused(_line(node), rules.PLAIN_YAML, value=f"the tag {shown(str(node.tag))}", fix=fix)
    return node


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1
