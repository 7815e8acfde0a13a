"""What must hold between entries: nobody lacks a scope, nobody has one that no one needs, no key lies unused.

Entries that are wrong by themselves are left out, so that one mistake is one problem.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass

from klaviyo_access.access_model import rules
from klaviyo_access.access_model.declarations import Declarations
from klaviyo_access.access_model.problems import listing, shown
from klaviyo_access.access_model.rules import Finding, Where
from klaviyo_access.access_model.schema import Draft
from klaviyo_access.access_model.scopes import expand, matches


def check_relations(draft: Draft, *, wrong: Set[Where]) -> Iterator[Finding]:
    """What is wrong between the entries of ``draft`` that are not in ``wrong`` (section and name)."""
    sound = _Sound(draft=draft, wrong=wrong)
    for name in draft.declarations.roles:
        yield from _lacking_for_permissions(sound, name)
        if sound.role(name) and sound.readers(name):
            yield from _unreasoned(draft.declarations, name)
            yield from _unused(draft.declarations, name)
    for name in draft.declarations.services:
        if sound.service(name):
            yield from _lacking_for_service(draft.declarations, name)


@dataclass(frozen=True, kw_only=True)
class _Sound:
    """Which entries can be held against others."""

    draft: Draft
    wrong: Set[Where]

    def permission(self, name: str) -> bool:
        return ("permissions", name) not in self.wrong and name in self.draft.declarations.permissions

    def role(self, name: str) -> bool:
        role = self.draft.declarations.roles.get(name)
        return role is not None and ("roles", name) not in self.wrong and all(map(self.permission, role.permissions))

    def service(self, name: str) -> bool:
        roles = self.draft.declarations.services[name].role_names
        return ("services", name) not in self.wrong and all(map(self.role, roles))

    def readers(self, role: str) -> bool:
        """Whether all who might read the key of ``role`` are known with what they need."""
        services, names = self.draft.declarations.services, self.draft.names
        all_known = len(services) == len(names["services"]) and all(
            service.role_names and names["roles"].issuperset(service.role_names) for service in services.values()
        )
        return all_known and all(
            ("services", reader) not in self.wrong for reader in self.draft.declarations.readers(role)
        )


def _lacking_for_permissions(sound: _Sound, name: str) -> Iterator[Finding]:
    declared = sound.draft.declarations
    role = declared.roles[name]
    if ("roles", name) in sound.wrong:
        return
    for position, permission in enumerate(role.permissions):
        if sound.permission(permission) and (lacking := {*declared.permissions[permission].scopes} - role.declared):
            yield Finding(
                where=("roles", name, "permissions", position),
                rule=rules.PERMISSION_SCOPES,
                value=f"{shown(permission)}, which needs {listing(lacking)}",
                fix=f"add {listing(lacking)} to the scopes of {name}, or take the permission out",
            )


def _lacking_for_service(declared: Declarations, name: str) -> Iterator[Finding]:
    service = declared.services[name]
    held: frozenset[str] = frozenset().union(*(declared.roles[role].declared for role in service.role_names))
    for position, scope in enumerate(service.needs):
        if scope not in held:
            yield Finding(
                where=("services", name, "needs", position),
                rule=rules.SERVICE_SCOPES,
                value=f"{scope}, which {listing(service.role_names)} lacks",
                fix=f"add {scope} to the scopes of that role, or take it out here",
            )
    if not declared.service_scopes(name):
        yield Finding(
            where=("services", name),
            rule=rules.SERVICE_NEEDS,
            value=f"{name} without needs, reading a role without permissions",
            fix="add `needs:` with the scopes that its requests take",
        )


def _unreasoned(declared: Declarations, name: str) -> Iterator[Finding]:
    """Excess scopes without a reason, and reasons without excess."""
    role = declared.roles[name]
    excess = role.declared - declared.required(name)
    reasoned = {scope for scope in excess if any(matches(reason, scope) for reason in role.reasons)}
    for position, pattern in enumerate(role.scopes):
        if lacking := (expand(pattern) & excess) - reasoned:
            yield Finding(
                where=("roles", name, "scopes", position),
                rule=rules.EXCESS,
                value=listing(lacking),
                fix=f"take it out, or say why under `reasons:`, as in `{pattern}: who needs it and what for`",
            )
    for reason in role.reasons:
        if not any(matches(reason, scope) for scope in excess):
            yield Finding(
                where=("roles", name, "reasons", reason),
                rule=rules.POINTLESS_REASON,
                value=f"a reason for {reason}, of which nothing is excess",
                fix="take the reason out",
            )


def _unused(declared: Declarations, name: str) -> Iterator[Finding]:
    if not declared.readers(name) and not declared.roles[name].custodian:
        fix = f"add a service with `role: {name}`, or remove the role and disable its key"
        yield Finding(where=("roles", name), rule=rules.USED, value=shown(name), fix=fix)
