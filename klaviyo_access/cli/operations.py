"""What a command that acts on keys works with, in the operators' role."""

from dataclasses import dataclass
from pathlib import Path

import boto3

from klaviyo_access.cli.identity import become_operator, open_session
from klaviyo_access.cli.keys.rotators import Rotators
from klaviyo_access.cli.secrets_manager import Secrets
from klaviyo_access.cli.workspace import Workspace, open_workspace


@dataclass(frozen=True, kw_only=True)
class Operations:
    """One environment, its secrets and its rotators.

    Attributes:
        workspace: the environment and who may do what in it.
        session: the operators'.
        own_session: the caller's own, with which he may act in the neighbours as well.
        secrets: the environment's secrets.
        rotators: the environment's rotators.
    """

    workspace: Workspace
    session: boto3.Session
    own_session: boto3.Session
    secrets: Secrets
    rotators: Rotators

    @classmethod
    def open(cls, project: Path | None, stack: str | None, *roles: str) -> "Operations":
        """Read the project, and become an operator of the stack.

        Args:
            project: the project's directory; the nearest above the current one when None.
            stack: the stack's name.
            roles: names given by the user, which are looked at before AWS is asked anything.

        Raises:
            CommandError: as `open_workspace` and `become_operator` say, or there is no such role.
        """
        workspace = open_workspace(project, stack)
        for role in roles:
            workspace.role(role)
        own = open_session(workspace.environment)
        session = become_operator(own, workspace.environment)
        return cls(
            workspace=workspace,
            session=session,
            own_session=own,
            secrets=Secrets(session, workspace.environment),
            rotators=Rotators(session, workspace),
        )

    def command(self, words: str) -> str:
        """A command of this program for this stack, as a user types it."""
        return self.workspace.command(words)
