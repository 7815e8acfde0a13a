"""Scopes and the patterns that stand for several of them: ``family:*``, ``*:read`` and ``*``."""

from typing import Final

from klaviyo_access.access_model.catalog import BETA_SCOPES, FAMILIES, GA_SCOPES
from klaviyo_access.access_model.problems import nearest

ACCOUNT_SCOPE: Final = "accounts:read"
"""The scope that every role has: by it a key proves which account it belongs to."""

CUSTODIAN_SCOPES: Final = frozenset({"credentials:read", "credentials:write"})

ALL_SCOPES: Final = frozenset({*GA_SCOPES, *BETA_SCOPES})


def is_pattern(text: str) -> bool:
    """Whether ``text`` stands for several scopes."""
    return "*" in text


def matches(pattern: str, scope: str) -> bool:
    """Whether ``pattern``, or the scope it names, covers ``scope``."""
    if pattern == "*":
        return True
    family, _, access = pattern.partition(":")
    scope_family, _, scope_access = scope.partition(":")
    return family in ("*", scope_family) and access in ("*", scope_access)


def expand(pattern: str) -> frozenset[str]:
    """The scopes that ``pattern`` grants: of all families only what is in general availability."""
    offered = GA_SCOPES if pattern.startswith("*") else ALL_SCOPES
    return frozenset(scope for scope in offered if matches(pattern, scope))


def correction(text: str, *, keywords: tuple[str, ...] = ()) -> str | None:
    """What to write instead of ``text``; None where it is a scope of Klaviyo's, a pattern of such, or a keyword."""
    if text in ALL_SCOPES or text in ("*", "*:read", "*:write", *keywords):
        return None
    given, _, access = text.partition(":")
    if given == "*":
        return 'write "*" or "*:read"'
    family = given if given in FAMILIES else nearest(given, among=(*FAMILIES, *keywords))
    if family is None:
        return f"write family:read or family:write with a family of: {', '.join(FAMILIES)}"
    if family in keywords:
        return f"write {family}"
    if access in (*FAMILIES[family], "*"):
        return None if family == given else f"write {family}:{access}"
    return "write " + " or ".join(f"{family}:{offered}" for offered in FAMILIES[family])
