"""A leaked key: how it is named, which roles have it, and in which life."""

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from klaviyo_access.cli.errors import UsageError
from klaviyo_access.cli.prompts import ask_hidden
from klaviyo_access.cli.secrets_manager import RoleSecrets
from klaviyo_access.keys.labels import AwsLabel, Version
from klaviyo_access.keys.secret import Key

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, kw_only=True)
class Leak:
    """What is known of the leaked key; the key itself is not kept.

    Attributes:
        fingerprint: the key's.
        ends_with: its last four characters, by which the dashboard shows it; empty where only the fingerprint is known.
    """

    fingerprint: str
    ends_with: str = ""

    @classmethod
    def named(cls, fingerprint: str) -> "Leak":
        """By its fingerprint.

        Raises:
            UsageError: it has not the form of one.
        """
        if not _FINGERPRINT.fullmatch(fingerprint):
            raise UsageError(
                "A fingerprint is the first 12 hex digits of a key's SHA-256, as 'keys status' shows it; what was "
                f"given has {len(fingerprint)} characters in another form.",
                cure="Give the fingerprint, or nothing, to be asked for the key itself.",
            )
        return cls(fingerprint=fingerprint)

    @classmethod
    def asked(cls) -> "Leak":
        """By the key, at a hidden prompt or on standard input.

        Raises:
            MalformedKeyError: it is no key.
            UsageError: none was given.
        """
        given = ask_hidden("The leaked key") if sys.stdin.isatty() else sys.stdin.readline().strip()
        if not given:
            raise UsageError(
                "Standard input held no key, and no fingerprint was named. Nothing was changed.",
                cure="Give the key on standard input or at the prompt, or its fingerprint as an argument.",
            )
        key = Key(given)
        return cls(fingerprint=key.fingerprint, ends_with=key.reveal()[-4:])


class Life(StrEnum):
    """What a key is in, by its labels."""

    CURRENT = "in use"
    PENDING = "about to be taken into use"
    SUPERSEDED = "superseded"
    SPARE = "a spare"
    REJECTED = "rejected"
    UNLABELLED = "perhaps the one in use, which no label names"


@dataclass(frozen=True, kw_only=True)
class Place:
    """One role that has a leaked key.

    Attributes:
        secrets: the role's secrets, as they were looked at.
        life: what the key is in; the most pressing, where the role has it twice.
    """

    secrets: RoleSecrets
    life: Life

    @property
    def role(self) -> str:
        """The role's name."""
        return self.secrets.role

    @property
    def is_live(self) -> bool:
        """Whether services use it."""
        return self.life in {Life.CURRENT, Life.UNLABELLED}


def places_of_leak(fingerprint: str, roles: Iterable[RoleSecrets]) -> list[Place]:
    """The roles that have a key with this fingerprint; where no label names it, those with a key that none names."""
    known = list(roles)
    named = [
        Place(secrets=secrets, life=life) for secrets in known if (life := _life(fingerprint, secrets)) is not None
    ]
    return named or [Place(secrets=secrets, life=Life.UNLABELLED) for secrets in known if _has_unlabelled(secrets)]


def _life(fingerprint: str, secrets: RoleSecrets) -> Life | None:
    held = [version for version in secrets.key.labels if names(version, fingerprint)]
    if any(version.has(AwsLabel.CURRENT) for version in held):
        return Life.CURRENT
    if any(version.has(AwsLabel.PENDING) for version in held):
        return Life.PENDING
    if held:
        return Life.SUPERSEDED
    staged = [version for version in secrets.reserve.labels if names(version, fingerprint)]
    if any(version.spare for version in staged):
        return Life.SPARE
    return Life.REJECTED if staged else None


def names(version: Version, fingerprint: str) -> bool:
    """Whether a label of ours on the version names the key."""
    return any(label.fingerprint == fingerprint for label in version.ours)


def _has_unlabelled(secrets: RoleSecrets) -> bool:
    current = secrets.key.labels.current
    return current is not None and not current.holds_key
