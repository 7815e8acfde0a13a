"""What the account holds before anybody writes: a small shop with five customers, the same at every start."""

from typing import Any, Final

from sandbox.klaviyo.store import Ref, Store

_SINCE: Final = "2026-01-05T09:00:00+00:00"
_DATED: Final = {"created": _SINCE, "updated": _SINCE}

_RESOURCES: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "metric": {
        "MtrOrd": {"name": "Placed Order", **_DATED, "integration": {"name": "API"}},
        "MtrOpn": {"name": "Opened Email", **_DATED, "integration": {"name": "Klaviyo"}},
    },
    "profile": {
        f"01KPRF{number:020d}": {"email": f"{name.lower()}@example.com", "first_name": name, **_DATED}
        for number, name in enumerate(("Ada", "Grace", "Katherine", "Margaret", "Radia"), start=1)
    },
    "list": {
        "LstNew": {"name": "Newsletter", **_DATED, "opt_in_process": "double_opt_in"},
        "LstVip": {"name": "Best customers", **_DATED, "opt_in_process": "single_opt_in"},
    },
    "segment": {
        "SegRec": {
            "name": "Ordered recently",
            "definition": None,
            **_DATED,
            "is_active": True,
            "is_processing": False,
            "is_starred": False,
        }
    },
    "campaign": {
        "01KCMP00000000000000000001": {
            "definition": {"name": "Spring letter", "archived": False},
            "created_at": _SINCE,
            "updated_at": _SINCE,
        }
    },
    "template": {
        "TplOrd": {"name": "Order confirmed", "editor_type": "CODE", "html": "<p>Thank you.</p>", **_DATED},
    },
    "tag": {"4c8f3a52-0000-4000-8000-000000000001": {"name": "spring"}},
    "flow": {"FlwWel": {"name": "Welcome", "status": "live", "archived": False, **_DATED}},
    "flow-action": {
        "10001": {**_DATED, "definition": {"id": "10001", "type": "send-email", "data": {"status": "live"}}}
    },
    "flow-message": {"MsgWel": {**_DATED, "channel": "email", "definition": {"name": "Welcome"}}},
    "metric-property": {
        "MtrOrdValue": {"label": "$value", "property": "$value", "inferred_type": "numeric", "sample_values": [10]}
    },
    "review": {
        "1": {**_DATED, "verified": True, "review_type": "review", "images": [], "rating": 5, "content": "Fits."},
    },
    "tag-group": {"4c8f3a52-0000-4000-8000-0000000000ff": {"name": "Default", "default": True, "exclusive": False}},
    "tracking-setting": {
        "SbxTrk": {
            "auto_add_parameters": False,
            "utm_source": {
                "campaign": {"type": "static", "value": "klaviyo"},
                "flow": {"type": "static", "value": "klaviyo"},
            },
            "utm_medium": {
                "campaign": {"type": "static", "value": "email"},
                "flow": {"type": "static", "value": "email"},
            },
        }
    },
    "mapped-metric": {
        name: {"updated": _SINCE}
        for name in (
            *("revenue", "added_to_cart", "cancelled_sales", "ordered_product", "refunded_sales"),
            *("started_checkout", "viewed_product"),
        )
    },
    "ip-allowlist": {
        "integration-egress": {"prefixes": ["127.0.0.1/32"], "sync_token": "loopback", "created": _SINCE},
    },
    "webhook-topic": {"event:klaviyo.opened_email": {}, "event:klaviyo.placed_order": {}},
}

_LINKS: Final = (
    (Ref("list", "LstNew"), "profile", 5),
    (Ref("list", "LstVip"), "profile", 2),
    (Ref("segment", "SegRec"), "profile", 3),
    (Ref("list", "LstNew"), "tag", 1),
    (Ref("tag-group", "4c8f3a52-0000-4000-8000-0000000000ff"), "tag", 1),
    (Ref("mapped-metric", "revenue"), "metric", 1),
    (Ref("metric", "MtrOrd"), "metric-property", 1),
    (Ref("flow", "FlwWel"), "flow-action", 1),
    (Ref("flow-action", "10001"), "flow-message", 1),
    (Ref("flow-message", "MsgWel"), "template", 1),
)


def fill(store: Store, account_id: str) -> None:
    """Put the account, its shop's data and one order of each customer into an empty store."""
    store.add("account", _account(account_id), identifier=account_id)
    for kind, resources in _RESOURCES.items():
        for identifier, attributes in resources.items():
            store.add(kind, attributes, identifier=identifier)
    for ref, kind, count in _LINKS:
        store.relate(ref, [one.ref for one in store.all(kind)[:count]])
    for number, customer in enumerate(store.all("profile"), start=1):
        order = {"timestamp": 1767603600 + number, "datetime": _SINCE, "event_properties": {"$value": 10 * number}}
        event = store.add("event", {**order, "uuid": f"00000000-0000-4000-8000-{number:012d}"})
        store.relate(event.ref, [Ref("metric", "MtrOrd"), customer.ref])


def _account(account_id: str) -> dict[str, Any]:
    return {
        "test_account": True,
        "contact_information": {
            "default_sender_name": "Example Shop",
            "default_sender_email": "shop@example.com",
            "website_url": "https://shop.example.com",
            "organization_name": "Example Shop",
            "street_address": {"city": "Dublin", "country": "Ireland"},
        },
        "industry": "Retail",
        "timezone": "Europe/Dublin",
        "preferred_currency": "EUR",
        "public_api_key": account_id,
        "locale": "en-IE",
    }
