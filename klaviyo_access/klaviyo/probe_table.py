"""The probes: for each scope the cheapest request that needs that one scope and no other.

Standard library only, since the rotator's bundle carries this module. Paths, scopes and limits are as the docstrings of
klaviyo-api 25.0.0 (revision 2026-10-15) give them.

A read probe is a GET. A write probe sends `MALFORMED`, which Klaviyo refuses with 400 after it has looked at the key's
scopes. That order is what is observed, and Klaviyo promises it nowhere; so nothing asks for writes unless the settings
say so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MALFORMED: Final = b'{"data":{}}'
"""The body of a write probe: without a type and attributes nothing can be made or changed by it."""

_NOBODY: Final = "0"
"""Stands for an id, where a write probe needs one."""


@dataclass(frozen=True)
class Probe:
    """One request that needs one scope.

    Attributes:
        path: path of the operation, with ``{id}`` where it has one.
        per_minute: the operation's steady limit, requests a minute for the whole account.
        query: keeps the answer short and personal data out of it.
        method: the HTTP method.
    """

    path: str
    per_minute: int
    query: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"

    @property
    def writes(self) -> bool:
        """Whether it is a write, to be sent with `MALFORMED`."""
        return self.method != "GET"

    @property
    def asked_path(self) -> str:
        """The path as it is sent."""
        return self.path.replace("{id}", _NOBODY)


_ONE: Final = {"page[size]": "1"}

READ_PROBES: Final[Mapping[str, Probe]] = {
    "accounts:read": Probe("/api/accounts", 15, {"fields[account]": "timezone"}),
    "brands:read": Probe("/api/brand-colors", 150),
    "campaigns:read": Probe("/api/campaign-messages", 150, _ONE),
    "catalogs:read": Probe("/api/catalog-items", 3500, _ONE),
    "coupon-codes:read": Probe("/api/coupon-code-bulk-create-jobs", 750),
    "coupons:read": Probe("/api/coupons", 750, _ONE),
    "custom-objects:read": Probe("/api/data-sources", 60, _ONE),
    "events:read": Probe("/api/events", 3500, _ONE | {"fields[event]": "timestamp"}),
    "flows:read": Probe("/api/flows", 60, _ONE),
    "forms:read": Probe("/api/forms", 60, _ONE),
    "images:read": Probe("/api/images", 150, _ONE),
    "lists:read": Probe("/api/lists", 750, _ONE),
    "metrics:read": Probe("/api/metrics", 150),
    "profiles:read": Probe("/api/profiles", 750, _ONE | {"fields[profile]": "created"}),
    "reviews:read": Probe("/api/reviews", 150, _ONE | {"fields[review]": "created"}),
    "segments:read": Probe("/api/segments", 750, _ONE),
    "sender-config:read": Probe("/api/text-messaging-senders", 60, _ONE),
    "subscriptions:read": Probe("/api/profile-suppression-bulk-create-jobs", 750),
    "tags:read": Probe("/api/tags", 60, _ONE),
    "templates:read": Probe("/api/templates", 750, _ONE),
    "tracking-settings:read": Probe("/api/tracking-settings", 150, _ONE),
    "translations:read": Probe("/api/translations", 150, _ONE),
    "usage:read": Probe("/api/billing-usage", 150),
    "web-feeds:read": Probe("/api/web-feeds", 15, _ONE),
    "webhooks:read": Probe("/api/webhooks", 15),
}
"""Read scope to its probe. A scope that is not here has no exact read probe and stays ``unproved``."""


def _post(path: str, per_minute: int) -> Probe:
    return Probe(path, per_minute, method="POST")


WRITE_PROBES: Final[Mapping[str, Probe]] = {
    "brands:write": _post("/api/brand-colors", 60),
    "campaigns:write": _post("/api/campaigns", 150),
    "catalogs:write": _post("/api/catalog-items", 750),
    "conversations:write": _post("/api/conversation-messages", 60),
    "coupon-codes:write": _post("/api/coupon-codes", 3500),
    "coupons:write": _post("/api/coupons", 60),
    "custom-objects:write": _post("/api/data-sources", 60),
    "data-privacy:write": _post("/api/data-privacy-deletion-jobs", 60),
    "events:write": _post("/api/events", 3500),
    "flows:write": _post("/api/flows", 15),
    "forms:write": _post("/api/forms", 60),
    "images:write": _post("/api/images", 100),
    "lists:write": _post("/api/lists", 150),
    "metrics:write": _post("/api/custom-metrics", 15),
    "profiles:write": _post("/api/profiles", 750),
    "reviews:write": Probe("/api/reviews/{id}", 150, method="PATCH"),
    "segments:write": _post("/api/segments", 15),
    "sender-config:write": _post("/api/text-messaging-senders", 15),
    "subscriptions:write": _post("/api/profile-suppression-bulk-delete-jobs", 750),
    "templates:write": _post("/api/templates", 750),
    "tracking-settings:write": Probe("/api/tracking-settings/{id}", 150, method="PATCH"),
    "translations:write": _post("/api/translations", 150),
    "web-feeds:write": _post("/api/web-feeds", 15),
    "webhooks:write": _post("/api/webhooks", 15),
}
"""Write scope to its probe. No operation needs ``push-tokens:write`` or ``tags:write`` alone."""

ACCOUNT_SCOPE: Final = "accounts:read"
"""The scope by which a key proves which account it belongs to; every role has it."""
