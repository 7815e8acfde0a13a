"""What holds of every ceiling, whatever it and the roles are: it only takes away, and says all that it takes."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from klaviyo_access.access_model import AccessModel
from klaviyo_access.access_model.catalog import FAMILIES
from klaviyo_access.access_model.declarations import Ceiling, Permission, Reads, Role, Service
from klaviyo_access.access_model.scopes import ALL_SCOPES, matches

SCOPES = st.sampled_from(sorted(ALL_SCOPES))
PATTERNS = SCOPES | st.sampled_from(["*", "*:read", "*:write", *(f"{family}:*" for family in FAMILIES)])
any_speed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""

PERMISSIONS = ("look", "change", "send")
ROLES = ("first", "second")


@st.composite
def models(draw: st.DrawFn) -> AccessModel:
    """Access models with one environment, whose relations need not hold: a ceiling must be honest all the same."""
    permissions = {
        name: Permission(description=name, scopes=tuple(draw(st.sets(SCOPES, min_size=1, max_size=3))))
        for name in PERMISSIONS
    }
    roles = {
        name: Role(
            description=name,
            owner=name,
            scopes=tuple(draw(st.sets(PATTERNS, min_size=1, max_size=5))),
            permissions=tuple(draw(st.sets(st.sampled_from(PERMISSIONS), min_size=1))),
            reasons={"*": "whatever may be excess"},
        )
        for name in ROLES
    }
    services = {
        "worker": Service(
            description="one", role="first", needs=tuple(draw(st.sets(SCOPES, min_size=1))), reads="library"
        ),
        "api": Service(description="all", roles=ROLES, reason="it serves both", reads="synced").model_copy(
            update={"oauth": tuple(draw(st.sets(st.sampled_from(PERMISSIONS))))}
        ),
    }
    ceiling = draw(st.sets(PATTERNS | st.just("required"), min_size=1, max_size=4))
    return AccessModel(
        source="access.yaml",
        permissions=permissions,
        roles=roles,
        services=services,
        environments={"here": Ceiling(ceiling=tuple(ceiling))},
    )


def let_through(model: AccessModel, role: str) -> set[str]:
    ceiling = model.environments["here"].ceiling
    required = model.required(role) if "required" in ceiling else frozenset[str]()
    return {scope for scope in ALL_SCOPES if scope in required or any(matches(part, scope) for part in ceiling)}


@any_speed
@given(model=models())
def test_a_ceiling_only_intersects(model: AccessModel) -> None:
    for name, role in model.in_environment("here").roles.items():
        assert set(role.scopes) == model.roles[name].declared & let_through(model, name)


@any_speed
@given(model=models())
def test_no_scope_is_lost_silently(model: AccessModel) -> None:
    for name, role in model.in_environment("here").roles.items():
        assert {*role.scopes, *role.taken_away} == model.roles[name].declared
        assert set(role.scopes).isdisjoint(role.taken_away)
        assert set(role.required).isdisjoint(role.excess)
        assert sorted([*role.required, *role.excess]) == list(role.scopes)


@any_speed
@given(model=models())
def test_a_permission_is_kept_exactly_where_all_its_scopes_are(model: AccessModel) -> None:
    for name, role in model.in_environment("here").roles.items():
        assert {*role.permissions, *role.lost_permissions} == set(model.roles[name].permissions)
        assert all(set(model.permissions[kept].scopes) <= set(role.scopes) for kept in role.permissions)
        assert not any(set(model.permissions[lost].scopes) <= set(role.scopes) for lost in role.lost_permissions)


@any_speed
@given(model=models())
def test_a_service_lacks_exactly_the_needs_that_none_of_its_keys_meets(model: AccessModel) -> None:
    grants = model.in_environment("here")
    for service in grants.services.values():
        held = {scope for role in service.roles for scope in grants.roles[role].scopes}
        assert set(service.unmet) == set(service.needs) - held


@any_speed
@given(model=models())
def test_a_wider_ceiling_takes_no_more(model: AccessModel) -> None:
    narrow = model.in_environment("here").roles
    wide = widened(model, "*:read").in_environment("here").roles

    assert all(set(narrow[name].scopes) <= set(wide[name].scopes) for name in ROLES)


@any_speed
@given(model=models())
def test_no_ceiling_at_all_takes_nothing(model: AccessModel) -> None:
    assert [role.taken_away for role in widened(model, "*").in_environment("here").roles.values()] == [(), ()]


def widened(model: AccessModel, part: str) -> AccessModel:
    wider: Mapping[str, Ceiling] = {"here": Ceiling(ceiling=(*model.environments["here"].ceiling, part))}
    return model.model_copy(update={"environments": wider})


@pytest.mark.parametrize(
    ("ways", "slowest", "days"),
    [
        ((), "library", 1),
        (("library",), "library", 1),
        (("library", "injected"), "injected", 7),
        (("library", "synced", "injected"), "synced", 7),
    ],
)
def test_the_slowest_reader_says_how_a_role_is_read_and_how_long_its_former_key_works(
    ways: tuple[Reads, ...], slowest: str, days: int
) -> None:
    reads = {name: Service(description=name, role="only", needs=("lists:read",), reads=name) for name in ways}
    model = AccessModel(
        source="access.yaml",
        permissions={},
        roles={"only": Role(description="only", owner="only", scopes=("lists:read",))},
        services=reads,
        environments={"here": Ceiling(ceiling="required")},
    )

    role = model.in_environment("here").roles["only"]

    assert (role.name, role.environment, role.services) == ("only", "here", tuple(sorted(ways)))
    assert (role.reads, role.grace) == (slowest, timedelta(days=days))


@any_speed
@given(models())
def test_an_oauth_app_asks_for_what_its_permissions_need_within_the_ceiling_and_says_what_it_lacks(
    model: AccessModel,
) -> None:
    app = model.in_environment("here").oauth_app
    permissions = model.services["api"].oauth
    if not permissions:
        assert app is None
        return
    needs = {"accounts:read"}.union(*(model.permissions[name].scopes for name in permissions))
    ceiling = model.environments["here"].ceiling
    through = {scope for scope in needs if "required" in ceiling or any(matches(part, scope) for part in ceiling)}
    assert app is not None
    assert (app.service, set(app.scopes), set(app.taken_away)) == ("api", through, needs - through)
    assert {*app.permissions, *app.lost_permissions} == set(permissions)
    assert all(through.issuperset(model.permissions[name].scopes) for name in app.permissions)
    assert not any(through.issuperset(model.permissions[name].scopes) for name in app.lost_permissions)
