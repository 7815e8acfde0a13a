"""What a POST does where it is more than making one resource: people, events, jobs, reports."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from sandbox.klaviyo.forms import shown
from sandbox.klaviyo.problems import Problem, duplicate_profile, invalid
from sandbox.klaviyo.store import Ref, Resource, Store
from sandbox.klaviyo.writes import Json, create, refs_of, update

Action = Callable[[Store, Json], Resource | Json | None]

_JOBS: Final = ("create", "update", "delete")
_IDENTIFIERS: Final = ("email", "external_id", "phone_number")


def _create_profile(store: Store, data: Json) -> Resource:
    if (known := _known_profile(store, data)) is not None:
        raise duplicate_profile(known.ref.id)
    return create(store, "profile", data)


def import_profile(store: Store, data: Json) -> Resource:
    """Make a profile, or change the one that has one of its identifiers."""
    if (known := _known_profile(store, data)) is None:
        return create(store, "profile", {"attributes": data.get("attributes")})
    update(store, known, {"attributes": data.get("attributes")})
    return known


def _merge_profiles(store: Store, data: Json) -> Json:
    kept = store.get(Ref("profile", data["id"]))
    merged = [store.get(ref) for ref in refs_of(data["relationships"]["profiles"].get("data"))]
    if kept in merged:
        raise invalid("A profile cannot be merged into itself.", pointer="/data/relationships/profiles/data")
    for profile in merged:
        store.relate(kept.ref, profile.links)
        kept.attributes |= {name: value for name, value in profile.attributes.items() if name not in kept.attributes}
        store.delete(profile.ref)
    return kept.ref._asdict()


def _delete_profile(store: Store, data: Json) -> None:
    if (known := _known_profile(store, data["attributes"]["profile"]["data"])) is not None:
        store.delete(known.ref)


def _create_event(store: Store, data: Json) -> None:
    given = data["attributes"]
    profile = import_profile(store, given["profile"]["data"])
    _record(store, profile, given)


def _create_events(store: Store, data: Json) -> None:
    for one in data["attributes"]["events-bulk-create"]["data"]:
        profile = import_profile(store, one["attributes"]["profile"]["data"])
        for event in one["attributes"]["events"]["data"]:
            _record(store, profile, event["attributes"])


def _record(store: Store, profile: Resource, given: Json) -> None:
    name = given["metric"]["data"]["attributes"]["name"]
    metric = store.find("metric", "name", name) or create(store, "metric", {"attributes": {"name": name}})
    event = store.add("event", {"event_properties": given["properties"], "datetime": given.get("time") or store.now()})
    store.relate(event.ref, [metric.ref, profile.ref])


def _subscribe(store: Store, data: Json, *, consent: str) -> None:
    target = refs_of(((data.get("relationships") or {}).get("list") or {}).get("data"))
    for one in data["attributes"]["profiles"]["data"]:
        given = dict(one["attributes"])
        channels = given.pop("subscriptions")
        profile = import_profile(store, {**one, "attributes": given})
        for channel in channels:
            _consent(profile, channel, consent=consent, reachable=consent == "SUBSCRIBED")
        change = store.relate if consent == "SUBSCRIBED" else store.unrelate
        change(profile.ref, target)


def _suppress(store: Store, data: Json, *, kind: str, reachable: bool) -> Resource:
    named = (data["attributes"].get("profiles") or {}).get("data") or []
    profiles = [import_profile(store, one) for one in named]
    for linkage in (data.get("relationships") or {}).values():
        for ref in refs_of((linkage or {}).get("data")):
            profiles += [store.get(member) for member in store.get(ref).related("profiles")]
    for profile in profiles:
        _consent(profile, "email", consent="NEVER_SUBSCRIBED", reachable=reachable)
    return _job(store, kind, total=len(profiles), failed=0)


def _consent(profile: Resource, channel: str, *, consent: str, reachable: bool) -> None:
    known = profile.attributes.setdefault("subscriptions", {}).setdefault(channel, {})
    was = known.get("marketing", {}).get("consent", "NEVER_SUBSCRIBED")
    known["marketing"] = {
        "consent": was if consent == "NEVER_SUBSCRIBED" else consent,
        f"can_receive_{channel}_marketing": reachable,
    }


def _import_profiles(store: Store, data: Json) -> Resource:
    profiles = [import_profile(store, one).ref for one in data["attributes"]["profiles"]["data"]]
    lists = refs_of(((data.get("relationships") or {}).get("lists") or {}).get("data"))
    for ref in lists:
        store.relate(ref, profiles)
    job = _job(store, "profile-bulk-import-job", total=len(profiles), failed=0)
    store.relate(job.ref, [*profiles, *lists])
    return job


def _bulk(store: Store, data: Json, *, kind: str, action: str) -> Resource:
    """Do a job's work at once; what Klaviyo would list as a failed item of the job is counted as one."""
    (named,) = (value["data"] for value in data["attributes"].values())
    failed, made = 0, []
    for one in named:
        try:
            made += _bulk_item(store, kind, action, one)
        except Problem:
            failed += 1
    job = _job(store, f"{kind}-bulk-{action}-job", total=len(named), failed=failed)
    store.relate(job.ref, made)
    return job


def _bulk_item(store: Store, kind: str, action: str, data: Json) -> list[Ref]:
    if action == "create":
        return [create(store, kind, data).ref]
    resource = store.get(Ref(kind, data["id"]))
    if action == "delete":
        store.delete(resource.ref)
        return []
    update(store, resource, data)
    return [resource.ref]


def _job(store: Store, kind: str, *, total: int, failed: int) -> Resource:
    done = {"total_count": total, "completed_count": total - failed, "failed_count": failed}
    states = {**done, "status": "complete", "created_at": store.now(), "completed_at": store.now()}
    return store.add(kind, {name: value for name, value in states.items() if name in shown(kind)})


def _create_push_token(store: Store, data: Json) -> None:
    given = dict(data["attributes"])
    profile = import_profile(store, given.pop("profile")["data"])
    token = store.find("push-token", "token", given["token"]) or create(store, "push-token", {"attributes": given})
    update(store, token, {"attributes": given})
    store.relate(token.ref, [profile.ref])


def _await_stock(store: Store, data: Json) -> None:
    (variant,) = refs_of(data["relationships"]["variant"]["data"])
    store.get(variant)
    if profile := data["attributes"].get("profile"):
        import_profile(store, profile["data"])


def _report(_: Store, data: Json) -> Json:
    # The account has sent nothing and shows no forms: a report of it is true and empty.
    return {"type": data["type"], "attributes": {"results": []}}


def _known_profile(store: Store, data: Json) -> Resource | None:
    given = data.get("attributes") or {}
    by_id = [one for one in store.all("profile") if one.ref.id == (data.get("id") or given.get("id"))]
    found: Iterable[Any] = (store.find("profile", name, given[name]) for name in _IDENTIFIERS if given.get(name))
    return next((one for one in (*by_id, *found) if one), None)


ACTIONS: Final[Mapping[str, Action]] = {
    "profiles": _create_profile,
    "profile-import": import_profile,
    "profile-merge": _merge_profiles,
    "profile-bulk-import-jobs": _import_profiles,
    "profile-subscription-bulk-create-jobs": partial(_subscribe, consent="SUBSCRIBED"),
    "profile-subscription-bulk-delete-jobs": partial(_subscribe, consent="UNSUBSCRIBED"),
    "profile-suppression-bulk-create-jobs": partial(
        _suppress, kind="profile-suppression-bulk-create-job", reachable=False
    ),
    "profile-suppression-bulk-delete-jobs": partial(
        _suppress, kind="profile-suppression-bulk-delete-job", reachable=True
    ),
    "data-privacy-deletion-jobs": _delete_profile,
    "events": _create_event,
    "event-bulk-create-jobs": _create_events,
    "push-tokens": _create_push_token,
    "back-in-stock-subscriptions": _await_stock,
    "campaign-values-reports": _report,
    "flow-values-reports": _report,
    "form-values-reports": _report,
    **{
        f"{kind}-bulk-{action}-jobs": partial(_bulk, kind=kind, action=action)
        for kind in ("catalog-category", "catalog-item", "catalog-variant", "coupon-code")
        for action in _JOBS
    },
}
"""The actions by the collection that is posted to; any other POST makes one resource of the collection."""
