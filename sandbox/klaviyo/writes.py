"""How resources are made and changed, whatever their type."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from klaviyo_access.klaviyo.operations import operations
from sandbox.klaviyo.forms import Form, form_of, shown
from sandbox.klaviyo.kinds import plural
from sandbox.klaviyo.problems import conflict, not_simulated
from sandbox.klaviyo.store import Ref, Resource, Store

Json = dict[str, Any]

_MADE: Final = ("created", "created_at", "recorded_date")
_CHANGED: Final = ("updated", "updated_at")

# What a new resource starts with, beside what its creator says and what the SDK has as defaults.
_BORN: Final[Mapping[str, Json]] = {
    "coupon-code": {"status": "UNASSIGNED"},
    "list": {"opt_in_process": "double_opt_in"},
    "segment": {"is_active": True, "is_processing": False},
    "tag-group": {"default": False},
    "template": {"html": ""},
    "template-universal-content": {"screenshot_status": "never_generated", "screenshot_url": ""},
    "webhook": {"enabled": True},
}

# Attributes that are resources of their own, which a creator may also make one by one.
_INLINE: Final = {"campaign": {"audiences", "messages"}, "campaign-message": {"variations"}}

# What is cloned along with a resource.
_PARTS: Final = {
    "campaign": ("campaign-audience", "campaign-message"),
    "campaign-message": ("campaign-variation",),
}


def create(store: Store, kind: str, data: Json) -> Resource:
    """Make a resource of what its creator sent.

    Raises:
        Problem: 404 for a link to nothing, 409 where its creator chose an identifier that is taken.
    """
    given: Json = data.get("attributes") or {}
    if inline := sorted(_INLINE.get(kind, set()) & given.keys()):
        raise not_simulated(f"a {kind} with {inline[0]}", "it makes them one by one only")
    identifier = _NAMED[kind](data) if kind in _NAMED else None
    if identifier is not None and store.has(Ref(kind, identifier)):
        raise conflict(f"A {kind} with id {identifier} already exists.")
    linked = _linked(store, data)
    known = shown(kind)
    dated: Json = {name: store.now() for name in (*_MADE, *_CHANGED) if name in known}
    resource = store.add(kind, {**dated, **_BORN.get(kind, {})}, identifier=identifier)
    _set(resource, {**_creation(kind).defaults, **given})
    store.relate(resource.ref, [ref for refs in linked.values() for ref in refs])
    return resource


def update(store: Store, resource: Resource, data: Json) -> None:
    """Change the attributes and relationships that are named, and leave the others.

    Raises:
        Problem: 404, a link to nothing; nothing is changed.
    """
    linked = _linked(store, data)
    _set(resource, data.get("attributes") or {})
    resource.attributes |= {name: store.now() for name in _CHANGED if name in resource.attributes}
    for name, refs in linked.items():
        replace_links(store, resource, name, refs)


def replace_links(store: Store, resource: Resource, relationship: str, refs: list[Ref]) -> None:
    """Let a relationship lead to these resources and to no other.

    Raises:
        Problem: 404, one of them does not exist; nothing is changed.
    """
    for ref in refs:
        store.get(ref)
    store.unrelate(resource.ref, resource.related(relationship))
    store.relate(resource.ref, refs)


def clone(store: Store, source: Resource, data: Json) -> Resource:
    """Make a resource like another, with its parts, under another name and with other links where these are given.

    Raises:
        Problem: 404, a link to nothing; nothing is made.
    """
    linked = _linked(store, data)
    copies = {one.ref: _copy(store, one) for one in _with_parts(store, source)}
    for ref, copied in copies.items():
        links = store.get(ref).links
        store.relate(copied.ref, [copies[other].ref if other in copies else other for other in links])
    made = copies[source.ref]
    for name, refs in linked.items():
        replace_links(store, made, name, refs)
    _rename(made, data["attributes"].get("name"))
    return made


def _with_parts(store: Store, resource: Resource) -> list[Resource]:
    kinds = _PARTS.get(resource.ref.type, ())
    parts = [store.get(ref) for ref in resource.links if ref.type in kinds]
    return [resource, *(one for part in parts for one in _with_parts(store, part))]


def _copy(store: Store, resource: Resource) -> Resource:
    dated: Json = {name: store.now() for name in (*_MADE, *_CHANGED) if name in resource.attributes}
    copied = store.add(resource.ref.type, {**resource.attributes, **dated})
    copied.hidden |= resource.hidden
    return copied


def refs_of(data: Any) -> list[Ref]:
    """Resource identifiers out of a linkage: one, many or none."""
    found: list[Any] = data if isinstance(data, list) else [data] if data else []
    return [Ref(one["type"], one["id"]) for one in found]


def _rename(copied: Resource, name: str | None) -> None:
    described = copied.attributes if "name" in shown(copied.ref.type) else dict(copied.attributes["definition"])
    if name is None and copied.ref.type == "campaign":
        name = f"Copy of {described.get('name')}"
    if name is not None:
        described["name"] = name
    if described is not copied.attributes:
        copied.attributes["definition"] = described


def _set(resource: Resource, given: Json) -> None:
    known = shown(resource.ref.type)
    for name, value in given.items():
        old = resource.attributes.get(name)
        merged = {**old, **value} if name == "properties" and isinstance(old, dict) else value
        (resource.attributes if name in known or name in resource.attributes else resource.hidden)[name] = merged


def _linked(store: Store, data: Json) -> dict[str, list[Ref]]:
    named: Json = data.get("relationships") or {}
    linked = {name: refs_of((linkage or {}).get("data")) for name, linkage in named.items()}
    for ref in (ref for refs in linked.values() for ref in refs):
        store.get(ref)
    return linked


def _creation(kind: str) -> Form:
    made_by = [one.name for one in operations() if (one.method, one.path) == ("POST", f"/api/{plural(kind)}")]
    return form_of(made_by[0]) if made_by else Form(status=201)


def _catalog_identifier(data: Json) -> str:
    given = data["attributes"]
    integration, catalog = given.get("integration_type") or "$custom", given.get("catalog_type") or "$default"
    return f"{integration}:::{catalog}:::{given['external_id']}"


# The resources whose identifier follows from what their creator sends.
_NAMED: Final[Mapping[str, Callable[[Json], str]]] = {
    "catalog-category": _catalog_identifier,
    "catalog-item": _catalog_identifier,
    "catalog-variant": _catalog_identifier,
    "coupon": lambda data: str(data["attributes"]["external_id"]),
    "coupon-code": lambda data: f"{data['relationships']['coupon']['data']['id']}-{data['attributes']['unique_code']}",
}
