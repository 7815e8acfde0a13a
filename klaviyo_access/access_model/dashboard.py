"""What to do in Klaviyo's dashboard to make a role's key: Klaviyo has no API for it.

Sources: help.klaviyo.com, "How to create a private API key"; developers.klaviyo.com, "Authenticate API requests".
"""

from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Final

from klaviyo_access.access_model.catalog import BETA_SCOPES, FAMILIES
from klaviyo_access.access_model.grants import RoleAccess

KEYS_PAGE: Final = "https://www.klaviyo.com/settings/account/api-keys"
CREATE_PAGE: Final = "https://www.klaviyo.com/create-private-api-key"


class Tick(StrEnum):
    """What the dashboard offers for a family, besides no access."""

    READ = "Read"
    FULL = "Full"


@dataclass(frozen=True, kw_only=True)
class FamilyTick:
    """One line of the dashboard's form.

    Attributes:
        family: as scopes name it; the dashboard writes ``data-privacy`` as "Data Privacy".
        tick: what to choose.
        asked: the scopes that the role has of this family.
        beyond: the scopes that this choice grants besides, because the dashboard has no finer one.
        is_beta: whether the family shows only in accounts that Klaviyo let into a beta.
    """

    family: str
    tick: Tick
    asked: tuple[str, ...]
    beyond: tuple[str, ...]
    is_beta: bool


@dataclass(frozen=True, kw_only=True)
class Excess:
    """Scopes that nobody needs, with the reason why the role has them."""

    reason: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DashboardSteps:
    """How to make the key of one role in one environment, and what is to be known of it.

    Attributes:
        role: the role.
        environment: the environment.
        key_name: a name for the key; Klaviyo does not tell keys apart by it.
        ticks: one a family, sorted; every other family stays without access.
        key_scopes: the scopes that a key so made has, sorted: those asked for and those beyond.
        steps: what to do, in order, a sentence or two each.
        preselect_url: the dashboard's form with the scopes chosen already.
        preselect_note: what to know before relying on that form.
        taken_away: scopes that the environment's ceiling takes from the role.
        lost_permissions: what its people cannot do here for want of them.
        lost_services: services that lack one of them.
        excess: the role's excess here, by reason.
    """

    role: str
    environment: str
    key_name: str
    ticks: tuple[FamilyTick, ...]
    key_scopes: tuple[str, ...]
    steps: tuple[str, ...]
    preselect_url: str
    preselect_note: str
    taken_away: tuple[str, ...]
    lost_permissions: tuple[str, ...]
    lost_services: tuple[str, ...]
    excess: tuple[Excess, ...]


def dashboard_steps(role: RoleAccess) -> DashboardSteps:
    """How a person makes the key of ``role`` in Klaviyo's dashboard."""
    ticks = tuple(_tick(family, tuple(scopes)) for family, scopes in groupby(role.scopes, key=_family))
    key_name = f"{role.environment} {role.name}"
    return DashboardSteps(
        role=role.name,
        environment=role.environment,
        key_name=key_name,
        ticks=ticks,
        key_scopes=tuple(sorted(scope for tick in ticks for scope in (*tick.asked, *tick.beyond))),
        steps=_steps(role, key_name=key_name),
        preselect_url=f"{CREATE_PAGE}?scopes={','.join(role.scopes)}",
        preselect_note=(
            "Klaviyo's help centre shows this form of link; that it chooses every scope, and write without read, is "
            "not verified: compare the form with the list before you create the key."
        ),
        taken_away=role.taken_away,
        lost_permissions=role.lost_permissions,
        lost_services=role.lost_services,
        excess=_excess(role),
    )


def _family(scope: str) -> str:
    return scope.partition(":")[0]


def _tick(family: str, asked: tuple[str, ...]) -> FamilyTick:
    writes = f"{family}:write" in asked
    granted = {f"{family}:{access}" for access in FAMILIES[family]} if writes else set(asked)
    return FamilyTick(
        family=family,
        tick=Tick.FULL if writes else Tick.READ,
        asked=asked,
        beyond=tuple(sorted(granted.difference(asked))),
        is_beta=not set(asked).isdisjoint(BETA_SCOPES),
    )


def _steps(role: RoleAccess, *, key_name: str) -> tuple[str, ...]:
    return (
        f"Sign in to the Klaviyo account of {role.environment} as its owner or an admin, and open {KEYS_PAGE}.",
        f'Choose "Create Private API Key" and name it "{key_name}".',
        'As access level choose "Custom Key".',
        "For each family of the list choose Read or Full as it says; leave all others without access.",
        'Compare once more: a key\'s scopes cannot be changed later. Then choose "Create".',
        "Copy the key now, since Klaviyo shows it once, and keep it nowhere else.",
        f"Stage it: klaviyo-access keys stage {role.name} --stack {role.environment}, and paste it at the prompt.",
    )


def _excess(role: RoleAccess) -> tuple[Excess, ...]:
    by_reason: dict[str, list[str]] = {}
    for scope, reason in role.reasons.items():
        by_reason.setdefault(reason, []).append(scope)
    return tuple(Excess(reason=reason, scopes=tuple(scopes)) for reason, scopes in by_reason.items())
