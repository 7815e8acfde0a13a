"""Filter patterns of CloudWatch Logs for JSON entries: ``{ $.suspicious[0] = * && $.size > 3 }``.

Understood are the empty pattern and JSON patterns of selectors (``$.a.b[0]``), ``=``, ``!=``, ``<``, ``<=``, ``>``,
``>=``, ``IS NULL|TRUE|FALSE``, ``EXISTS``, ``NOT EXISTS``, ``&&``, ``||`` and parentheses, with ``*`` in strings.
Everything else is refused by name: terms, space-delimited patterns, regular expressions, wildcards in selectors.

Source of the rules: CloudWatch Logs user guide, "Filter pattern syntax".
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from typing import Any, Final, Self

from sandbox.aws.calls import AwsError, Json

Matches = Callable[[Any], bool]

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<selector>\$(?:\.[A-Za-z0-9_@#:-]+|\[\d+\])+(?![\w.\[]))|(?P<quoted>"(?:\\.|[^"\\])*")"""
    r"""|(?P<operator>&&|\|\||!=|<=|>=|[=<>(){}])|(?P<word>[A-Za-z0-9_*.+-]+))"""
)
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_STATES: Final[dict[str, Any]] = {"NULL": None, "TRUE": True, "FALSE": False}
_ABSENT: Final = object()
_ORDERS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": lambda value, wanted: value < wanted,
    "<=": lambda value, wanted: value <= wanted,
    ">": lambda value, wanted: value > wanted,
    ">=": lambda value, wanted: value >= wanted,
}


@dataclass(frozen=True)
class Pattern:
    """A pattern that was read.

    Attributes:
        selectors: what it asks of entries, in its order.
    """

    selectors: tuple[str, ...]
    _matches: Matches | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a pattern.

        Raises:
            AwsError: NotImplemented, naming the part that is not understood.
        """
        if not text.strip():
            return cls((), None)
        parser = _Parser(text)
        return cls(parser.selectors, parser.parse())

    def matches(self, message: str) -> bool:
        """Whether an entry matches; the empty pattern matches whatever it is, a JSON pattern JSON objects alone."""
        if self._matches is None:
            return True
        entry = parse_entry(message)
        return entry is not None and self._matches(entry)


def parse_entry(text: str) -> Json | None:
    """An entry's fields; None where it is no JSON object."""
    try:
        entry = json.loads(text)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def select(entry: Any, selector: str) -> Any:
    """What ``$.a.b[0]`` names in an entry; None where there is nothing."""
    found = _select(entry, selector)
    return None if found is _ABSENT else found


def _select(entry: Any, selector: str) -> Any:
    for name, place in re.findall(r"\.([^.\[]+)|\[(\d+)\]", selector):
        if name and isinstance(entry, dict) and name in entry:
            entry = entry[name]
        elif place and isinstance(entry, list) and int(place) < len(entry):
            entry = entry[int(place)]
        else:
            return _ABSENT
    return entry


class _Parser:
    """Reads one pattern, left to right: ``||`` binds less than ``&&``."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._tokens = list(self._read())
        self.selectors = tuple(text for kind, text in self._tokens if kind == "selector")

    def parse(self) -> Matches:
        self._expect("{")
        matches = self._any()
        self._expect("}")
        if self._tokens:
            raise self._refusal(self._tokens[0][1])
        return matches

    def _read(self) -> Iterator[tuple[str, str]]:
        place, text = 0, self._pattern.strip()
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise self._refusal(text[place:].split()[0])
            kind = str(found.lastgroup)
            yield kind, found[kind]
            place = found.end()

    def _any(self) -> Matches:
        choices = [self._all()]
        while self._next("||"):
            choices.append(self._all())
        return lambda entry: any(choice(entry) for choice in choices)

    def _all(self) -> Matches:
        parts = [self._one()]
        while self._next("&&"):
            parts.append(self._one())
        return lambda entry: all(part(entry) for part in parts)

    def _one(self) -> Matches:
        if self._next("("):
            inner = self._any()
            self._expect(")")
            return inner
        selector, operator = self._take("selector"), self._take("operator", "word")
        match operator:
            case "IS":
                wanted = self._take("word")
                if wanted not in _STATES:
                    raise self._refusal(f"IS {wanted}")
                return lambda entry: _select(entry, selector) is _STATES[wanted]
            case "EXISTS":
                return lambda entry: _select(entry, selector) is not _ABSENT
            case "NOT":
                self._expect("EXISTS")
                return lambda entry: _select(entry, selector) is _ABSENT
            case "=" | "!=" | "<" | "<=" | ">" | ">=":
                compare = self._comparison(operator, *self._take_value())
                return lambda entry: _holds(compare, _select(entry, selector))
        raise self._refusal(operator)

    def _comparison(self, operator: str, kind: str, text: str) -> Matches:
        number = float(text) if kind == "word" and _NUMBER.fullmatch(text) else None
        if operator in _ORDERS:
            if number is None:
                raise self._refusal(f"{operator} {text}")
            return lambda value: _is_number(value) and _ORDERS[operator](value, number)
        wanted = re.compile(translate(re.sub(r"([\[?])", r"[\1]", text)))
        equal: Matches = lambda value: (  # noqa: E731 - negated or not, it is one comparison
            value == number if number is not None and _is_number(value) else bool(wanted.fullmatch(_text(value)))
        )
        return equal if operator == "=" else lambda value: not equal(value)

    def _take_value(self) -> tuple[str, str]:
        kind, text = self._tokens.pop(0) if self._tokens else ("", "its end")
        if kind not in {"quoted", "word"}:
            raise self._refusal(text)
        return kind, json.loads(text) if kind == "quoted" else text

    def _take(self, *kinds: str) -> str:
        kind, text = self._tokens.pop(0) if self._tokens else ("", "its end")
        if kind not in kinds:
            raise self._refusal(text)
        return str(text)

    def _next(self, text: str) -> bool:
        if self._tokens and self._tokens[0][1] == text:
            self._tokens.pop(0)
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._next(text):
            raise self._refusal(self._tokens[0][1] if self._tokens else "its end")

    def _refusal(self, part: str) -> AwsError:
        message = (
            f"The sandbox does not understand {part!r} in the filter pattern {self._pattern!r}: it reads JSON patterns "
            "of selectors, comparisons, IS, EXISTS, && and ||, and the empty pattern."
        )
        return AwsError("NotImplemented", message, status=501)


def _holds(compare: Matches, value: Any) -> bool:
    """A selector that names nothing, an array or an object never matches."""
    return value is not _ABSENT and not isinstance(value, dict | list) and compare(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
