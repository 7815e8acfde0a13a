"""Klaviyo's list of keys as the auditor takes it: whole or not at all, and whose a name's mark is."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.rotation.auditor_world import SCOPES, AuditWorld
from tests.rotation.rotation_world import key_value


def disabled(world: AuditWorld) -> list[str]:
    return [entry["id"] for entry in world.entries if entry["status"] == "disabled"]


def look_alike(name: str, **attributes: Any) -> dict[str, Any]:
    """Somebody else's key, which ends as the one called ``name`` does and has the same scopes."""
    made = {"id": "id-stranger", "name": "stranger", "status": "active", "scopes": SCOPES}
    return made | {"key": "pk_" + "0" * 30 + key_value(name)[-4:]} | attributes


def lead_to(world: AuditWorld, link: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Klaviyo's list goes on at ``link`` after its first page."""
    page: Callable[[str], dict[str, Any]] = world._page
    monkeypatch.setattr(world, "_page", lambda query: page(query) | {"links": {"next": link}})


@pytest.mark.parametrize(
    "link",
    [
        "https://klaviyo.test/api/api-keys?page%5Bafter%5D=2",
        "https://klaviyo.test/api/api-keys?page%5Bcursor%5D=",
        "https://klaviyo.test/api/api-keys",
        "http://[::1",
        {"href": "https://klaviyo.test/?page%5Bcursor%5D=2"},
        "https://klaviyo.test/?page%5Bcursor%5D=4",
    ],
    ids=["another parameter", "an empty cursor", "no cursor", "no address", "an object", "a page read already"],
)
def test_of_a_list_that_is_not_seen_to_its_end_no_key_is_taken(link: object, monkeypatch: pytest.MonkeyPatch) -> None:
    world = AuditWorld()
    world.entries.insert(0, look_alike("old"))
    world.page_size = len(world.entries) - 1
    lead_to(world, link, monkeypatch)
    assert world.kinds("viewer") == ["no-inventory custodian", "by-hand viewer"]
    assert disabled(world) == []
