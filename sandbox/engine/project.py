"""The project and its stacks as files: ``Pulumi.yaml``, ``Pulumi.<stack>.yaml`` and the configuration in them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


class ProjectError(ValueError):
    """A project or stack file is missing or not as Pulumi has it."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """One stack of a project: its program and its configuration, every value a string as Pulumi hands it out."""

    name: str
    stack: str
    directory: Path
    configuration: Mapping[str, str]

    @property
    def program(self) -> Path:
        """The file that is the program."""
        return self.directory / "__main__.py"


def load(directory: Path, stack: str) -> Project:
    """Read the project in ``directory`` for ``stack``.

    Raises:
        ProjectError: no project, no such stack, broken YAML, or an encrypted value.
    """
    project = _yaml(directory / "Pulumi.yaml")
    if not isinstance(project.get("name"), str):
        raise ProjectError(f"{directory / 'Pulumi.yaml'} has no 'name'.")
    settings = directory / f"Pulumi.{stack}.yaml"
    if not settings.is_file():
        found = sorted(path.name.split(".")[1] for path in directory.glob("Pulumi.*.yaml"))
        raise ProjectError(f"There is no stack '{stack}': {settings} does not exist. Stacks: {', '.join(found)}.")
    name = project["name"]
    configuration = dict(_defaults(name, project.get("config") or {}))
    for key, value in (_yaml(settings).get("config") or {}).items():
        configuration[_qualified(name, key)] = _text(key, value)
    return Project(name=name, stack=stack, directory=directory, configuration=configuration)


def _yaml(path: Path) -> dict[str, Any]:
    try:
        content = YAML(typ="safe").load(path.read_text()) or {}
    except FileNotFoundError as error:
        raise ProjectError(f"There is no {path}: run this in the project's folder.") from error
    except YAMLError as error:
        raise ProjectError(f"{path} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ProjectError(f"{path} must hold a mapping; it holds a {type(content).__name__}.")
    return content


def _defaults(project: str, declared: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The project's own values: a plain value, or the ``value`` or ``default`` of a declaration."""
    values = []
    for key, declaration in declared.items():
        value = declaration
        if isinstance(declaration, Mapping):
            value = declaration.get("value", declaration.get("default"))
        if value is not None:
            values.append((_qualified(project, key), _text(key, value)))
    return values


def _qualified(project: str, key: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _text(key: str, value: Any) -> str:
    if isinstance(value, Mapping) and "secure" in value:
        raise ProjectError(f"Configuration '{key}' is encrypted; this engine takes no secrets.")
    if isinstance(value, str):
        return value
    return json.dumps(value)
