"""What a deployed stack gives, read from where the sandbox's engine or the real one keeps it."""

import json
from pathlib import Path
from typing import Any, Final

from sandbox.home import Home

LOCAL: Final = "local"


class StackError(Exception):
    """A stack is not deployed, or gives not what is asked for."""


def service_role(home: Home, stack: str, service: str) -> str:
    """The ARN of a service's role.

    Raises:
        StackError: the stack is not deployed, or has no such service.
    """
    roles: dict[str, str] = _outputs(home, stack).get("serviceRoleArns", {})
    if service not in roles:
        known = ", ".join(sorted(roles)) or "none"
        raise StackError(f"The stack {stack} has no role for a service {service!r}; it has: {known}.")
    return roles[service]


def _outputs(home: Home, stack: str) -> dict[str, Any]:
    kept = [home.state / f"{stack}.json", *home.state.glob(f".pulumi/stacks/*/{stack}.json")]
    found = [path for path in kept if path.exists()]
    if not found:
        cure = (
            "run 'make up'."
            if stack == LOCAL
            else f"'make up' deploys the stack {LOCAL} here, as --stack {LOCAL}. Services of {stack} run in AWS, "
            "where their platform hands them credentials."
        )
        raise StackError(f"The stack {stack} is not deployed here ({home.state} has no state of it): {cure}")
    exported = json.loads(max(found, key=_modified).read_text())
    deployment = exported.get("deployment") or exported.get("checkpoint", {}).get("latest") or {}
    for resource in deployment.get("resources", []):
        if resource["type"] == "pulumi:pulumi:Stack":
            outputs: dict[str, Any] = resource.get("outputs", {})
            return outputs
    raise StackError(f"The stack {stack} was begun and gives nothing yet: run 'make up' again.")


def _modified(path: Path) -> float:
    return path.stat().st_mtime
