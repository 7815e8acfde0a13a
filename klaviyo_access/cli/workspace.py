"""What a command works on: the project's directory, one environment and who may do what there."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from klaviyo_access.access_model import AccessModel, EnvironmentAccess, RoleAccess
from klaviyo_access.access_model.environment import Environment, stacks_in
from klaviyo_access.cli.errors import UsageError

_MARKS_OF_A_PROJECT = ("access.yaml", "Pulumi.yaml")


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """One environment of one project.

    Attributes:
        directory: holds access.yaml and the stacks' settings.
        model: the project's whole access model.
        environment: where the environment is.
        access: who may do what in it.
    """

    directory: Path
    model: AccessModel
    environment: Environment
    access: EnvironmentAccess

    @property
    def roles(self) -> Mapping[str, RoleAccess]:
        """The environment's roles by name."""
        return self.access.roles

    def role(self, name: str) -> RoleAccess:
        """The role called ``name``.

        Raises:
            UsageError: there is none; the message names the nearest.
        """
        if name not in self.roles:
            raise UsageError(
                f"{self.environment.name} has no role {name!r}; its roles: {', '.join(self.roles)}.",
                cure=f"{_nearest(name, self.roles)}New roles are declared in access.yaml.",
            )
        return self.roles[name]

    def chosen(self, name: str | None) -> list[RoleAccess]:
        """The role called ``name``, or every role where it is None."""
        return list(self.roles.values()) if name is None else [self.role(name)]

    def command(self, words: str) -> str:
        """A command of this program for this stack, as a user types it."""
        return f"klaviyo-access {words} --stack {self.environment.name}"

    def neighbours(self) -> list[str]:
        """The project's other stacks; those of an account and the one of the sandbox have nothing in common."""
        here = self.environment.name
        return [stack for stack in stacks_in(self.directory) if stack != here and "local" not in (stack, here)]


def open_workspace(project: Path | None, stack: str | None) -> Workspace:
    """Read the project's access model and the stack's settings.

    Args:
        project: the project's directory; the nearest above the current one when None.
        stack: the stack's name, which is its environment's.

    Raises:
        UsageError: no project there, no stack named, or one without settings.
        AccessModelError: access.yaml breaks a rule, or has no such environment.
        EnvironmentSettingsError: the stack's settings break a rule.
    """
    directory, name = find_stack(project, stack)
    model = AccessModel.load(directory / "access.yaml")
    access = model.in_environment(name)
    environment = Environment.of_stack(directory, name)
    return Workspace(directory=directory, model=model, environment=environment, access=access)


def find_stack(project: Path | None, stack: str | None) -> tuple[Path, str]:
    """The project's directory and the name of a stack that has settings there.

    Raises:
        UsageError: no project there, no stack named, or one without settings.
    """
    directory = find_project(project)
    known = stacks_in(directory)
    if not stack:
        raise UsageError(
            f"A command works on one stack, and none was named; stacks with settings here: {', '.join(known)}.",
            cure="Add --stack STACK, or set KLAVIYO_ACCESS_STACK.",
        )
    if stack not in known:
        raise UsageError(
            f"A stack is named by its settings file Pulumi.<stack>.yaml; {stack!r} has none in {directory} "
            f"(there: {', '.join(known)}).",
            cure=f"{_nearest(stack, known)}A new environment needs Pulumi.{stack}.yaml and an entry in access.yaml.",
        )
    return directory, stack


def find_project(given: Path | None) -> Path:
    """The project's directory: ``given``, or the nearest at or above the current one.

    Raises:
        UsageError: access.yaml and Pulumi.yaml are not both there.
    """
    here = Path.cwd()
    for directory in [given] if given else [here, *here.parents]:
        if all((directory / mark).is_file() for mark in _MARKS_OF_A_PROJECT):
            return directory.resolve()
    place = str(given) if given else f"{here} and above it"
    raise UsageError(
        f"A project holds access.yaml and Pulumi.yaml in one directory; there is none in {place}.",
        cure="Change into the project, or name its directory with --project DIR.",
    )


def _nearest(name: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    close = get_close_matches(name, list(known), n=1)
    return f"Did you mean {close[0]!r}? " if close else ""
