"""What a rotator says of what it did: its answer to whoever asked, and its log line."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from klaviyo_access.keys.labels import Rejected

NO_KEY: Final = "no key"
"""canary: nothing is in use yet."""
UNMANAGED: Final = "unmanaged"
"""canary: what is in use is no key that could be named, so that Klaviyo was not asked."""


class Outcome(StrEnum):
    """How an action ended, beside the words of a rotation's steps."""

    FINE = "fine"
    """canary: the current key works; ``ends_with`` is how it ends at Klaviyo."""
    ROLLED_BACK = "rolled back"
    """canary, rollback: the previous key is current again."""
    NO_ANSWER = "no answer"
    """adopt, canary, prove-dead: Klaviyo said nothing definite; nothing was changed."""
    NOTHING_TO_FALL_BACK_ON = "nothing to fall back on"
    """canary, rollback: no previous key that works better; ``reason`` says what stands against it. With ``ends_with``
    the current key works, and lacks scopes that the previous one lacks as well."""
    DISABLING = "disabling"
    """begin-disable, retire: the key may be disabled at Klaviyo now; ``ends_with`` is how it ends there."""
    TOO_EARLY = "too early"
    """begin-disable, unstick: not before ``until``."""
    IN_USE = "in use"
    """begin-disable, retire, prove-dead: the key is current, pending or a spare."""
    DEAD = "dead"
    """prove-dead: Klaviyo knows the key no more, and its version was let go."""
    ALIVE = "alive"
    """prove-dead: Klaviyo still accepts the key."""
    DISCARDED = "discarded"
    """discard: the version was let go; no key can be read in it, or nobody can decrypt it, as ``reason`` says."""
    MARKED = "marked"
    """leaked: the key is never used again from here on; ``life`` is what it was in, ``ends_with`` how it ends."""
    UNKNOWN = "unknown"
    """leaked: neither secret has a key with that fingerprint."""
    UNSTUCK = "unstuck"
    """unstick: the rotation is over, and another one can start."""
    NOTHING_PENDING = "nothing pending"
    """unstick: no rotation is under way."""
    ADOPTED = "adopted"
    """adopt: the current key is managed; ``reason`` says what Klaviyo has against it."""
    NOTHING_TO_ADOPT = "nothing to adopt"
    """adopt: the secret has no current value, or one without a key; ``reason`` says which."""


class Life(StrEnum):
    """What a leaked key was in when it was marked."""

    SPARE = "spare"
    PENDING = "pending"
    CURRENT = "current"
    PREVIOUS = "previous"
    RETIRED = "retired"
    REJECTED = "rejected"


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an action did.

    Attributes:
        outcome: an `Outcome`, or a word or two on a step.
        fingerprint: of the key that it is about.
        reason: what Klaviyo or the labels have against the key.
        until: when to ask again; ISO 8601 in the answer.
        life: what a leaked key was in.
        rejected: verdicts passed on spares on the way.
        encrypted: fingerprints of spares that were passed over, since nobody can decrypt them now.
        silent: fingerprints of spares that were passed over, since Klaviyo said nothing definite about them.
        unproved: scopes that the key should have and for which there is no proof.
        unnamed: fingerprints of keys that services may read and that no label names.
        ends_with: the key's last 4 characters, by which Klaviyo's inventory shows it. In no log line.
    """

    outcome: str
    fingerprint: str | None = None
    reason: str | None = None
    until: datetime | None = None
    life: Life | None = None
    rejected: tuple[Rejected, ...] = ()
    encrypted: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    unproved: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()
    ends_with: str | None = None

    def logged(self) -> dict[str, object]:
        """The fields of its log line: plain values, and those alone that say something."""
        shown = {
            "outcome": str(self.outcome),
            "fingerprint": self.fingerprint,
            "reason": self.reason,
            "until": self.until.isoformat() if self.until else None,
            "life": self.life and self.life.value,
            "rejected": [str(label) for label in self.rejected],
            "encrypted": list(self.encrypted),
            "silent": list(self.silent),
            "unproved": list(self.unproved),
            "unnamed": list(self.unnamed),
        }
        return {name: value for name, value in shown.items() if value}

    def answer(self, action: str) -> dict[str, object]:
        """The JSON object that whoever asked for ``action`` is given."""
        return {"action": action, **self.logged()} | ({"ends_with": self.ends_with} if self.ends_with else {})
