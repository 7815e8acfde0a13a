"""One check of whether a role may do something."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import casbin  # type: ignore[import-untyped] # it ships no types
import cedarpy

from benchmarks.benchmark import Benchmark, Effort, Measured
from benchmarks.timing import calls_of, in_turn
from klaviyo_access.access_model import AccessModel
from klaviyo_access.authorization.decisions import Authorizer
from klaviyo_access.authorization.permissions import Permissions

_ACCESS: Final = Path(__file__).parents[2] / "access.yaml"
_ROLE: Final = "marketer"
_MODEL: Final = """
[request_definition]
r = sub, act
[policy_definition]
p = sub, act
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && r.act == p.act
"""


def _measure(effort: Effort) -> Measured:
    permissions = Permissions.of(AccessModel.load(_ACCESS), environment="prod")
    permission = sorted(permissions.granted[_ROLE])[-1]
    names: Mapping[str, Any] = {
        "requirement": Authorizer(permissions).requirement(permission),
        "enforcer": _casbin(permissions),
        "cedarpy": cedarpy,
        "request": {
            "principal": f'Role::"{_ROLE}"',
            "action": f'Action::"{permission}"',
            "resource": 'App::"klaviyo"',
            "context": {},
        },
        "policies": _cedar(permissions),
    }
    candidates = {
        "klaviyo_access": f"requirement.check({_ROLE!r})",
        "casbin": f"enforcer.enforce({_ROLE!r}, {permission!r})",
        "cedarpy": "cedarpy.is_authorized(request, policies, [])",
    }
    if not (names["enforcer"].enforce(_ROLE, permission) and _is_allowed_by_cedar(names)):
        raise RuntimeError("The engines are given the same permissions, and do not agree.")
    times = in_turn(
        {name: calls_of(check, names, calls=effort.calls) for name, check in candidates.items()}, rounds=effort.rounds
    )
    return Measured(
        value=times.ratio("klaviyo_access", "casbin"),
        beside={f"{name} (µs)": times.median(name) * 1e6 for name in candidates},
    )


def _casbin(permissions: Permissions) -> casbin.Enforcer:
    enforcer = casbin.Enforcer(casbin.Enforcer.new_model(text=_MODEL))
    for role, granted in permissions.granted.items():
        enforcer.add_policies([[role, permission] for permission in granted])
    return enforcer


def _is_allowed_by_cedar(names: Mapping[str, Any]) -> bool:
    return bool(cedarpy.is_authorized(names["request"], names["policies"], []).allowed)


def _cedar(permissions: Permissions) -> str:
    return "\n".join(
        f'permit(principal == Role::"{role}", action == Action::"{permission}", resource);'
        for role, granted in permissions.granted.items()
        for permission in granted
    )


BENCHMARKS: Final = (
    Benchmark(
        id="permission-check",
        what="one permission check, as a part of casbin's",
        unit="ratio",
        limit=0.01,
        measure=_measure,
        packages=("casbin", "cedarpy"),
    ),
)
