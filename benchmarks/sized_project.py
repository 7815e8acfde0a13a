"""The project's program on an access model of any size."""

import json
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parents[1]
STACK: Final = "local"
PROGRAM: Final = ("__main__.py", "Pulumi.yaml", "components", "klaviyo_access", "rotation")


def write_project(directory: Path, *, roles: int, program: Path = CHECKOUT) -> None:
    """Write a project with so many roles, and this project's program.

    One role is the custodian; each of the others has a service of its own.

    Args:
        directory: where; made when needed. The program's own files are linked there.
        roles: how many.
        program: folder of those files.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name in PROGRAM:
        (directory / name).symlink_to(program / name)
    (directory / "access.yaml").write_text(json.dumps(_access(roles), indent=1), "utf-8")
    (directory / f"Pulumi.{STACK}.yaml").write_text(json.dumps(_settings(roles), indent=1), "utf-8")


def _teams(roles: int) -> list[str]:
    return [f"team-{number:03}" for number in range(1, roles)]


def _access(roles: int) -> dict[str, object]:
    """JSON is YAML too."""
    custodian = {"description": "Disables keys", "owner": "security", "custodian": True, "scopes": ["credentials:*"]}
    return {
        "permissions": {"look": {"description": "Look people up", "scopes": ["profiles:read"]}},
        "roles": {
            name: {"description": f"Serves {name}", "owner": name, "permissions": ["look"], "scopes": ["profiles:read"]}
            for name in _teams(roles)
        }
        | {"custodian": custodian},
        "services": {
            name: {"description": f"Works for {name}", "role": name, "needs": ["profiles:read"], "reads": "library"}
            for name in _teams(roles)
        },
        "environments": {STACK: {"ceiling": "required"}},
    }


def _settings(roles: int) -> dict[str, object]:
    people = "arn:aws:iam::000000000000:role/sandbox"
    ours = {
        "accountId": "000000000000",
        "owner": "platform",
        "deployers": [f"{people}/deployer"],
        "operators": [f"{people}/engineer"],
        "forceDestroy": True,
        "rotateEvery": "month",
        "services": {name: {"platform": "lambda"} for name in _teams(roles)},
    }
    aws = {"region": "us-east-1", "s3UsePathStyle": "true", "skipMetadataApiCheck": "true"}
    return {
        "config": {
            **{f"aws:{name}": value for name, value in aws.items()},
            **{f"klaviyo-access:{name}": value for name, value in ours.items()},
        }
    }
