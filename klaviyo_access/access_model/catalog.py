"""Klaviyo's API scopes. Written by ``python -m tools.generate``; do not edit.

Source of the GA scopes: the docstrings of the installed ``klaviyo-api``. Beta scopes: Klaviyo's OpenAPI, beta
2026-07-15.pre, kept by hand in ``tools/generate.py``.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

REVISION: Final = "2026-10-15"
"""The API revision that the installed ``klaviyo-api`` asks for; rotators and services send the same."""

GA_SCOPES: Final[tuple[str, ...]] = (
    "accounts:read",
    "brands:read",
    "brands:write",
    "campaigns:read",
    "campaigns:write",
    "catalogs:read",
    "catalogs:write",
    "conversations:read",
    "conversations:write",
    "coupon-codes:read",
    "coupon-codes:write",
    "coupons:read",
    "coupons:write",
    "custom-objects:read",
    "custom-objects:write",
    "data-privacy:write",
    "events:read",
    "events:write",
    "flows:read",
    "flows:write",
    "forms:read",
    "forms:write",
    "images:read",
    "images:write",
    "lists:read",
    "lists:write",
    "metrics:read",
    "metrics:write",
    "profiles:read",
    "profiles:write",
    "push-tokens:read",
    "push-tokens:write",
    "reviews:read",
    "reviews:write",
    "segments:read",
    "segments:write",
    "sender-config:read",
    "sender-config:write",
    "subscriptions:read",
    "subscriptions:write",
    "tags:read",
    "tags:write",
    "templates:read",
    "templates:write",
    "tracking-settings:read",
    "tracking-settings:write",
    "translations:read",
    "translations:write",
    "usage:read",
    "web-feeds:read",
    "web-feeds:write",
    "webhooks:read",
    "webhooks:write",
)
"""Every scope that an operation in general availability asks for, sorted."""

BETA_SCOPES: Final[tuple[str, ...]] = (
    "agents:read",
    "agents:write",
    "applications:read",
    "credentials:read",
    "credentials:write",
)
"""Scopes that only beta operations ask for; an account has them when Klaviyo lets it into the beta."""

FAMILIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "accounts": ("read",),
        "agents": ("read", "write"),
        "applications": ("read",),
        "brands": ("read", "write"),
        "campaigns": ("read", "write"),
        "catalogs": ("read", "write"),
        "conversations": ("read", "write"),
        "coupon-codes": ("read", "write"),
        "coupons": ("read", "write"),
        "credentials": ("read", "write"),
        "custom-objects": ("read", "write"),
        "data-privacy": ("write",),
        "events": ("read", "write"),
        "flows": ("read", "write"),
        "forms": ("read", "write"),
        "images": ("read", "write"),
        "lists": ("read", "write"),
        "metrics": ("read", "write"),
        "profiles": ("read", "write"),
        "push-tokens": ("read", "write"),
        "reviews": ("read", "write"),
        "segments": ("read", "write"),
        "sender-config": ("read", "write"),
        "subscriptions": ("read", "write"),
        "tags": ("read", "write"),
        "templates": ("read", "write"),
        "tracking-settings": ("read", "write"),
        "translations": ("read", "write"),
        "usage": ("read",),
        "web-feeds": ("read", "write"),
        "webhooks": ("read", "write"),
    }
)
"""What each family offers, GA and beta: ``read``, ``write`` or both. Klaviyo's dashboard has one line a family."""
