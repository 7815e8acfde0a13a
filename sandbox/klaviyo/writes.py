"""What a POST to a collection does, for the operations whose data the sandbox keeps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.klaviyo.problems import duplicate_profile, invalid
from sandbox.klaviyo.store import Ref, Resource, Store, singular

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a write answers with: a status, and a resource or a document of its own where there is one."""

    status: int
    resource: Resource | None = None
    data: Json | None = None


@dataclass(frozen=True, kw_only=True)
class _Rule:
    required: tuple[str, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)


_PLAIN: Final = {
    "lists": _Rule(required=("name",), defaults={"opt_in_process": "double_opt_in"}),
    "segments": _Rule(
        required=("name", "definition"), defaults={"is_active": True, "is_processing": False, "is_starred": False}
    ),
    "templates": _Rule(required=("name", "editor_type"), defaults={"html": ""}),
    "webhooks": _Rule(required=("name", "endpoint_url", "secret_key"), defaults={"enabled": True}),
    "tags": _Rule(required=("name",)),
    "coupons": _Rule(required=("external_id",)),
    "campaigns": _Rule(required=("definition",)),
}


def write(store: Store, collection: str, data: Json) -> Written | None:
    """Do what a POST of ``data`` to ``collection`` asks for; None where the sandbox keeps no such data.

    Raises:
        Problem: 400 for malformed data, 404 for a link to nothing, 409 for a profile that exists.
    """
    if (rule := _PLAIN.get(collection)) is not None:
        return _create(store, singular(collection), rule, data)
    if collection.endswith("-reports") or collection == "metric-aggregates":
        return _report(singular(collection), data)
    if (special := _SPECIAL.get(collection)) is not None:
        return special(store, data)
    return None


def attributes_of(data: object, *required: str) -> Json:
    """The attributes of a resource object.

    Raises:
        Problem: 400, there are none or one that is required is missing.
    """
    attributes = member(data, "attributes")
    if not isinstance(attributes, dict):
        raise invalid("'attributes' is a required field.", pointer="/data/attributes")
    for name in required:
        if name not in attributes:
            kind = member(data, "type")
            raise invalid(
                f"'{name}' is a required field for the resource '{kind}'.", pointer=f"/data/attributes/{name}"
            )
    return attributes


def refs_of(data: object) -> list[Ref]:
    """Resource identifiers out of a linkage, one or many.

    Raises:
        Problem: 400, not a linkage.
    """
    found: list[Any] = data if isinstance(data, list) else [data]
    try:
        return [Ref(str(one["type"]), str(one["id"])) for one in found]
    except (TypeError, KeyError):
        raise invalid("Each resource identifier has a 'type' and an 'id'.") from None


def member(parent: object, *path: str) -> Any:
    """What lies at a path of names, None where there is nothing or no object on the way."""
    for name in path:
        parent = parent.get(name) if isinstance(parent, dict) else None
    return parent


def _create(store: Store, kind: str, rule: _Rule, data: Json) -> Written:
    given = attributes_of(data, *rule.required)
    dated = {"created": store.now(), "updated": store.now()}
    relationships = data.get("relationships")
    named = relationships if isinstance(relationships, dict) else {}
    links = {name: refs_of(member(linkage, "data") or []) for name, linkage in named.items()}
    for ref in (ref for refs in links.values() for ref in refs):
        store.get(ref)
    resource = store.add(kind, {**rule.defaults, **given, **dated})
    for name, refs in links.items():
        store.relate(resource.ref, name, refs)
    return Written(status=201, resource=resource)


def _report(kind: str, data: Json) -> Written:
    # The seeded account has sent nothing: a report of it is true and empty.
    attributes_of(data)
    if kind == "metric-aggregate":
        return Written(status=200, data={"type": kind, "id": "aggregate", "attributes": {"dates": [], "data": []}})
    dates: Json = {"date_times": []} if kind.endswith("-series-report") else {}
    return Written(status=200, data={"type": kind, "id": "report", "attributes": {"results": [], **dates}})


def _create_profile(store: Store, data: Json) -> Written:
    attributes = attributes_of(data)
    if (known := _known_profile(store, attributes)) is not None:
        raise duplicate_profile(known.ref.id)
    return Written(status=201, resource=_add_profile(store, attributes))


def _import_profile(store: Store, data: object) -> Written:
    attributes = attributes_of(data)
    if (known := _known_profile(store, attributes)) is None:
        return Written(status=201, resource=_add_profile(store, attributes))
    known.change({**attributes, "updated": store.now()})
    return Written(status=200, resource=known)


def _import_profiles(store: Store, data: Json) -> Written:
    profiles = member(attributes_of(data, "profiles"), "profiles", "data")
    imported = [_import_profile(store, one).resource for one in (profiles if isinstance(profiles, list) else [])]
    lists = refs_of(member(data, "relationships", "lists", "data") or [])
    for target in lists:
        store.relate(target, "profiles", [one.ref for one in imported if one])
    total = len(imported)
    done = {"status": "complete", "created_at": store.now(), "completed_at": store.now(), "total_count": total}
    return Written(status=202, resource=store.add("profile-bulk-import-job", {**done, "completed_count": total}))


def _create_event(store: Store, data: Json) -> Written:
    attributes = attributes_of(data, "properties", "metric", "profile")
    metric = attributes_of(member(attributes, "metric", "data"), "name")
    profile = _import_profile(store, member(attributes, "profile", "data")).resource
    measured = store.find("metric", "name", metric["name"]) or store.add("metric", {**metric, "created": store.now()})
    event = store.add(
        "event", {"event_properties": attributes["properties"], "datetime": attributes.get("time", store.now())}
    )
    store.relate(event.ref, "metric", [measured.ref])
    if profile is not None:
        store.relate(event.ref, "profile", [profile.ref])
    return Written(status=202)


def _delete_profile(store: Store, data: Json) -> Written:
    subject = member(attributes_of(data, "profile"), "profile", "data")
    identifiers = member(subject, "attributes")
    known = _known_profile(
        store, {**(identifiers if isinstance(identifiers, dict) else {}), "id": member(subject, "id")}
    )
    if known is not None:
        store.delete(known.ref)
    return Written(status=202)


_SPECIAL: Final[Mapping[str, Callable[[Store, Json], Written]]] = {
    "profiles": _create_profile,
    "profile-import": _import_profile,
    "profile-bulk-import-jobs": _import_profiles,
    "events": _create_event,
    "data-privacy-deletion-jobs": _delete_profile,
}


def _add_profile(store: Store, attributes: Json) -> Resource:
    return store.add("profile", {**attributes, "created": store.now(), "updated": store.now()})


def _known_profile(store: Store, attributes: Json) -> Resource | None:
    identified = (one for one in store.all("profile") if one.ref.id == attributes.get("id"))
    found = [store.find("profile", name, attributes[name]) for name in _IDENTIFIERS if attributes.get(name)]
    return next(identified, None) or next((one for one in found if one), None)


_IDENTIFIERS: Final = ("email", "external_id", "phone_number")
