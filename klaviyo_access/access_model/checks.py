"""What must hold of an entry's scopes and references, given the names that the file declares."""

from collections.abc import Iterator

from klaviyo_access.access_model import rules
from klaviyo_access.access_model.catalog import BETA_SCOPES
from klaviyo_access.access_model.declarations import REQUIRED, Service, Suspicion
from klaviyo_access.access_model.problems import choice, listing, shown
from klaviyo_access.access_model.rules import Finding, Where
from klaviyo_access.access_model.schema import Draft
from klaviyo_access.access_model.scopes import ACCOUNT_SCOPE, CUSTODIAN_SCOPES, correction, expand, is_pattern, matches
from klaviyo_access.moments import Burst, Hours


def check_entries(draft: Draft) -> Iterator[Finding]:
    """Each entry's mistakes that need no other entry's content."""
    yield from _named_scopes(draft)
    yield from _role_scopes(draft)
    yield from _ceilings(draft)
    yield from _references(draft)
    for name, service in draft.declarations.services.items():
        yield from _reading(("services", name), service)
    yield from _oauth_apps(draft)
    for name, suspicion in draft.declarations.suspicious.items():
        yield from _suspicion(("suspicious", name), suspicion)
    yield from _custodian(draft)


def _named_scopes(draft: Draft) -> Iterator[Finding]:
    lists: list[tuple[Where, tuple[str, ...]]] = [
        *((("permissions", name, "scopes"), entry.scopes) for name, entry in draft.declarations.permissions.items()),
        *((("services", name, "needs"), entry.needs) for name, entry in draft.declarations.services.items()),
    ]
    for where, scopes in lists:
        yield from _covered_twice(where, scopes)
        for position, scope in enumerate(scopes):
            if is_pattern(scope):
                fix = "write the scopes that are meant, one by one"
                yield Finding(where=(*where, position), rule=rules.NAMED_SCOPES, value=shown(scope), fix=fix)
            else:
                yield from _scope((*where, position), scope, beta=False)


def _role_scopes(draft: Draft) -> Iterator[Finding]:
    for name, role in draft.declarations.roles.items():
        yield from _covered_twice(("roles", name, "scopes"), role.scopes)
        for position, scope in enumerate(role.scopes):
            yield from _scope(("roles", name, "scopes", position), scope, beta=role.custodian)
        for scope in role.reasons:
            yield from _scope(("roles", name, "reasons", scope), scope, beta=True)


def _ceilings(draft: Draft) -> Iterator[Finding]:
    for name, environment in draft.declarations.environments.items():
        where = ("environments", name, "ceiling")
        yield from _covered_twice(where, environment.ceiling)
        unknown = [
            finding
            for position, part in enumerate(environment.ceiling)
            for finding in _scope((*where, position), part, beta=True, keywords=(REQUIRED,))
        ]
        yield from unknown
        if not unknown and not any(part == REQUIRED or matches(part, ACCOUNT_SCOPE) for part in environment.ceiling):
            value = listing(environment.ceiling)
            yield Finding(where=where, rule=rules.CEILING_ACCOUNT, value=value, fix=f"add {ACCOUNT_SCOPE}")


def _scope(where: Where, text: str, *, beta: bool, keywords: tuple[str, ...] = ()) -> Iterator[Finding]:
    if (fix := correction(text, keywords=keywords)) is not None:
        yield Finding(where=where, rule=rules.KNOWN_SCOPE, value=shown(text), fix=fix)
    elif not beta and expand(text).intersection(BETA_SCOPES):
        fix = "take it out, or give it to the role with `custodian: true`"
        yield Finding(where=where, rule=rules.BETA, value=text, fix=fix)


def _covered_twice(where: Where, scopes: tuple[str, ...]) -> Iterator[Finding]:
    for position, scope in enumerate(scopes):
        other = scope if scope in scopes[:position] else _wider(scope, among=scopes)
        if other is not None:
            value = f"{shown(scope)}, beside {shown(other)}"
            yield Finding(where=(*where, position), rule=rules.ONCE, value=value, fix="take it out")


def _wider(scope: str, *, among: tuple[str, ...]) -> str | None:
    return next((other for other in among if other != scope and matches(other, scope)), None)


def _references(draft: Draft) -> Iterator[Finding]:
    known = draft.names
    for name, role in draft.declarations.roles.items():
        yield from _permissions(("roles", name, "permissions"), role.permissions, known=known["permissions"])
    for name, service in draft.declarations.services.items():
        yield from _permissions(("services", name, "oauth"), service.oauth, known=known["permissions"])
        for position, role_name in enumerate(service.role_names):
            where: Where = ("services", name, "roles", position) if service.roles else ("services", name, "role")
            yield from _role(where, role_name, before=service.role_names[:position], known=known["roles"])
    for name, suspicion in draft.declarations.suspicious.items():
        yield from _permissions(("suspicious", name, "permissions"), suspicion.permissions, known=known["permissions"])
        for position, role_name in enumerate(suspicion.roles):
            where = ("suspicious", name, "roles", position)
            yield from _role(where, role_name, before=suspicion.roles[:position], known=known["roles"])


def _role(where: Where, role: str, *, before: tuple[str, ...], known: frozenset[str]) -> Iterator[Finding]:
    if role in before:
        yield Finding(where=where, rule=rules.ONCE, value=shown(role), fix="take it out")
    elif role not in known:
        yield Finding(where=where, rule=rules.KNOWN_ROLE, value=shown(role), fix=choice(role, among=known))


def _permissions(where: Where, permissions: tuple[str, ...], *, known: frozenset[str]) -> Iterator[Finding]:
    for position, permission in enumerate(permissions):
        place = (*where, position)
        if permission in permissions[:position]:
            yield Finding(where=place, rule=rules.ONCE, value=shown(permission), fix="take it out")
        elif permission not in known:
            fix = choice(permission, among=known)
            yield Finding(where=place, rule=rules.KNOWN_PERMISSION, value=shown(permission), fix=fix)


def _suspicion(where: Where, suspicion: Suspicion) -> Iterator[Finding]:
    if not suspicion.model_fields_set - {"description"}:
        fix = "add one or more of: permissions, roles, result, burst, outside"
        yield Finding(where=where, rule=rules.SUSPICION, value=f"{shown(str(where[-1]))} looks for nothing", fix=fix)
    for key, text, parse, example in (
        ("burst", suspicion.burst, Burst.parse, "10 in 60s"),
        ("outside", suspicion.outside, Hours.parse, "mon-fri 07:00-19:00, from the earlier to the later"),
    ):
        try:
            if text is not None:
                parse(text)
        except ValueError:
            yield Finding(where=(*where, key), rule=rules.MOMENTS, value=shown(text), fix=f"write it as in {example}")


def _oauth_apps(draft: Draft) -> Iterator[Finding]:
    apps = [name for name, service in draft.declarations.services.items() if service.oauth]
    for extra in apps[1:]:
        fix = f"keep `oauth:` in one of: {listing(apps)}"
        yield Finding(where=("services", extra, "oauth"), rule=rules.ONE_OAUTH_APP, value=shown(extra), fix=fix)


def _reading(where: Where, service: Service) -> Iterator[Finding]:
    """A service has a role, and a reason exactly where it has several."""
    if service.role and service.roles:
        value = f"role {shown(service.role)} and roles {listing(map(shown, service.roles))}"
        yield Finding(where=(*where, "role"), rule=rules.SERVICE_ROLE, value=value, fix="keep one of the two keys")
    elif not service.role_names:
        value = f"{shown(str(where[-1]))} without a role"
        yield Finding(where=where, rule=rules.SERVICE_ROLE, value=value, fix="add `role:` and the role it acts as")
    elif len(service.role_names) > 1 and service.reason is None:
        value = listing(map(shown, service.role_names))
        fix = "add `reason:`, or keep one role"
        yield Finding(where=(*where, "roles"), rule=rules.SEVERAL_ROLES, value=value, fix=fix)
    elif len(service.role_names) == 1 and service.reason is not None:
        fix = "take `reason:` out: one role needs none"
        yield Finding(where=(*where, "reason"), rule=rules.POINTLESS_REASON, value=shown(service.reason), fix=fix)


def _custodian(draft: Draft) -> Iterator[Finding]:
    """There is one custodian, it has its scopes, and it is the auditor's alone."""
    roles = draft.declarations.roles
    custodians = [name for name, role in roles.items() if role.custodian]
    if not custodians and len(roles) == len(draft.names["roles"]) > 0:
        fix = f"add `custodian: true` to the role with {listing(CUSTODIAN_SCOPES)}"
        yield Finding(where=("roles",), rule=rules.ONE_CUSTODIAN, value="no custodian", fix=fix)
    for extra in custodians[1:]:
        fix = f"take it out of one: {listing(custodians)}"
        yield Finding(where=("roles", extra, "custodian"), rule=rules.ONE_CUSTODIAN, value=shown(extra), fix=fix)
    for name in custodians:
        if lacking := CUSTODIAN_SCOPES - roles[name].declared:
            fix = f"add {listing(lacking)} to its scopes"
            value = f"{shown(name)} without {listing(lacking)}"
            yield Finding(where=("roles", name, "scopes"), rule=rules.CUSTODIAN_SCOPES, value=value, fix=fix)
        if roles[name].permissions:
            fix = "take `permissions:` out"
            value = listing(map(shown, roles[name].permissions))
            yield Finding(where=("roles", name, "permissions"), rule=rules.CUSTODIAN_ALONE, value=value, fix=fix)
        for reader in draft.declarations.readers(name):
            key = "roles" if draft.declarations.services[reader].roles else "role"
            fix = "name another role; the auditor reads the custodian's key without being named"
            yield Finding(where=("services", reader, key), rule=rules.CUSTODIAN_ALONE, value=shown(name), fix=fix)
