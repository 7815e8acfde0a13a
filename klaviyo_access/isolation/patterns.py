"""The text patterns of IAM policies: wildcards, and variables that the request fills in."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

ContextValue = str | Sequence[str]
Context = Mapping[str, ContextValue]
"""Condition keys in lower case; a sequence is a multivalued key; what the request does not carry is absent."""

_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")
_WITH_DEFAULT: Final = re.compile(r"([^,]+),\s*'([^']*)'")
_LITERALS: Final = {"*": "*", "?": "?", "$": "$"}


class UnsupportedPolicyError(ValueError):
    """A policy holds what this evaluator does not understand; nothing is decided rather than guessed."""


def fill_in(text: str, context: Context) -> list[tuple[str, bool]] | None:
    """Split ``text`` into pieces, each with whether its wildcards count; None where a variable's key is absent.

    What a variable puts in is literal: a tag whose value is ``*`` opens nothing.

    Raises:
        UnsupportedPolicyError: the variable names a multivalued key.
    """
    pieces: list[tuple[str, bool]] = []
    end = 0
    for found in _VARIABLE.finditer(text):
        value = _variable(found[1], context)
        if value is None:
            return None
        pieces += [(text[end : found.start()], True), (value, False)]
        end = found.end()
    return [*pieces, (text[end:], True)]


def _variable(name: str, context: Context) -> str | None:
    if name in _LITERALS:
        return _LITERALS[name]
    default = None
    if with_default := _WITH_DEFAULT.fullmatch(name):
        name, default = with_default[1], with_default[2]
    value = context.get(name.strip().lower(), default)
    if value is None or isinstance(value, str):
        return value
    raise UnsupportedPolicyError(
        f"A policy variable takes a key with one value; ${{{name}}} has several: use another key."
    )


def matches(text: str, pattern: str, context: Context, *, ignore_case: bool = False) -> bool:
    """Whether ``text`` is what ``pattern`` describes, with ``*``, ``?`` and variables; an absent variable never is."""
    pieces = fill_in(pattern, context)
    if pieces is None:
        return False
    return _compiled(tuple(pieces), ignore_case).fullmatch(text) is not None


def equals(text: str, wanted: str, context: Context, *, ignore_case: bool = False) -> bool:
    """Whether ``text`` is ``wanted`` to the letter, once variables are filled in."""
    pieces = fill_in(wanted, context)
    if pieces is None:
        return False
    filled = "".join(piece for piece, _ in pieces)
    return text.casefold() == filled.casefold() if ignore_case else text == filled


def matches_arn(text: str, pattern: str, context: Context) -> bool:
    """As ``matches``, each of an ARN's six parts by itself."""
    parts, patterns = text.split(":", 5), pattern.split(":", 5)
    if _VARIABLE.search(pattern):
        filled = fill_in(pattern, context)
        if filled is None:
            return False
        escaped = "".join(piece if wild else re.sub(r"([*?$])", r"${\1}", piece) for piece, wild in filled)
        patterns = escaped.split(":", 5)
    return len(parts) == len(patterns) and all(
        matches(part, wanted, context) for part, wanted in zip(parts, patterns, strict=True)
    )


@lru_cache(maxsize=4096)
def _compiled(pieces: tuple[tuple[str, bool], ...], ignore_case: bool) -> re.Pattern[str]:  # noqa: FBT001 - a cache key
    expression = "".join(
        re.escape(piece).replace(r"\*", ".*").replace(r"\?", ".") if wild else re.escape(piece)
        for piece, wild in pieces
    )
    return re.compile(expression, re.DOTALL | (re.IGNORECASE if ignore_case else 0))
