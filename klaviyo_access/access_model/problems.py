"""What is wrong with an access model, said so that the reader can put it right at once."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_KEY_LIKE: Final = re.compile(r"pk_[A-Za-z0-9_]{8,}")
_LONGEST_VALUE: Final = 120


@dataclass(frozen=True, order=True, kw_only=True)
class Problem:
    """One broken rule.

    Attributes:
        line: line of the file, from 1; 0 where the whole file is meant.
        rule: what holds for every access model.
        value: what the file says instead, on one line; never a key.
        why: what the rule is good for.
        fix: what to write.
    """

    line: int
    rule: str
    value: str
    why: str
    fix: str


class AccessModelError(Exception):
    """The access model is refused; ``problems`` holds everything that is wrong with it, in the file's order.

    Args:
        problems: at least one problem.
        source: the file, as its reader named it.
    """

    def __init__(self, problems: Iterable[Problem], *, source: str) -> None:
        self.problems: tuple[Problem, ...] = tuple(sorted(problems))
        self.source = source
        super().__init__(self.problems, source)

    def __str__(self) -> str:
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        return "\n\n".join([f"{self.source} is refused: {count}.", *map(self._block, self.problems)])

    def _block(self, problem: Problem) -> str:
        place = f"{self.source}:{problem.line}" if problem.line else self.source
        return f"{place}: {problem.rule}\n  given: {problem.value}\n  why:   {problem.why}\n  fix:   {problem.fix}"


class UnknownEnvironmentError(AccessModelError):
    """The access model has no environment of that name."""


def shown(value: object) -> str:
    """``value`` on one line that a terminal takes no harm from."""
    if isinstance(value, str):
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value[:_LONGEST_VALUE])
        return f"{text}…" if len(value) > _LONGEST_VALUE else text or "an empty text"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "a list"
    return "a mapping" if isinstance(value, dict) else "nothing"


def redacted(text: str) -> str:
    """``text`` without anything that looks like a Klaviyo private key."""
    return _KEY_LIKE.sub("pk_…", text)


def holds_key(text: str) -> bool:
    """Whether ``text`` has something in it that looks like a Klaviyo private key."""
    return _KEY_LIKE.search(text) is not None


def nearest(given: str, *, among: Iterable[str]) -> str | None:
    """The one of ``among`` that was most likely meant; None where nothing is near."""
    near = difflib.get_close_matches(given[:_LONGEST_VALUE].lower(), list(among), n=1)
    return near[0] if near else None


def choice(given: str, *, among: Iterable[str]) -> str:
    """What to write: the nearest of ``among``, or one of all where nothing is near."""
    candidates = sorted(among)
    near = nearest(given, among=candidates)
    return f"write {near}" if near else f"write one of: {', '.join(candidates)}"


def listing(items: Iterable[str], *, most: int = 6) -> str:
    """``items`` sorted and joined; where there are more than ``most``, the first ones and how many follow."""
    ordered = sorted(items)
    rest = len(ordered) - most
    return ", ".join(ordered) if rest <= 0 else f"{', '.join(ordered[:most])} and {rest} more"
