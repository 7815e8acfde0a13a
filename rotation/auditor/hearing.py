"""Whether a 401 means its key in this round: where Klaviyo's login is down, or the account suspended, all get one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rotation.auditor.findings import Kind, Said
from rotation.auditor.settings import AuditedRole
from rotation.commands import command
from rotation.report import Outcome


@dataclass
class Hearing:
    """What Klaviyo said of the environment's keys so far.

    Attributes:
        asked: how many keys it was asked about.
        accepted: whether it accepted one.
        refused: what is to be said of the roles whose key got a 401, and waits for the others' answers.
    """

    asked: int = 0
    accepted: bool = False
    refused: dict[AuditedRole, list[Said]] = field(default_factory=dict)

    def hear(self, answer: Mapping[str, Any]) -> None:
        """Take a canary's answer in; one that names the key's ending, or went back to the key before, accepted one."""
        self.asked += "fingerprint" in answer
        self.accepted |= "ends_with" in answer or answer["outcome"] in (Outcome.FINE, Outcome.ROLLED_BACK)

    @property
    def refuses_everybody(self) -> bool:
        """Whether no 401 says anything of one key."""
        return bool(self.refused) and not self.accepted and self.asked > 1

    def said(self) -> Said:
        """What is to be said where Klaviyo refuses everybody."""
        roles = ", ".join(sorted(role.name for role in self.refused))
        message = (
            f"Klaviyo accepted no key that was tried, and refused those of {roles}: an incident at Klaviyo, or the "
            "account is suspended, and says nothing about one key. So no rotation was started for it, and no key was "
            "taken for dead. See Klaviyo's status page and whether you can log in to the account. If the "
            "keys were disabled, enable one in the dashboard, or stage a good one and rotate "
            f"({command('keys stage ROLE')}); then start an audit."
        )
        return Said(Kind.ALL_REFUSED, message)


def is_refusal(said: Said) -> bool:
    """Whether it is a 401 for the key in use, for which a rotation helps."""
    return said.kind is Kind.REFUSED and said.needs_rotation


def without_refusals(said: Sequence[Said]) -> list[Said]:
    """The rest of what is to be said of a role, which waits for Klaviyo as well: a rotation would be refused."""
    return [one._replace(needs_rotation=False) for one in said if not is_refusal(one)]
