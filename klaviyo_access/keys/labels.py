"""Labels are the only state of a key's life: their forms, and what a secret's labels say.

Pure functions over the ``VersionIdsToStages`` of DescribeSecret; no value is read and nothing is changed here. Standard
library only, since the rotator's bundle carries this module.

A label that starts like one of ours but has not its exact form is ``Foreign``: it counts against AWS's limit and is
never believed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar, Final

LABEL_LIMIT: Final = 20
"""Staging labels that AWS allows on all versions of a secret together."""

ROTATION_LABELS: Final = 3
"""What a rotation adds beside AWSPENDING: KEY to the new version, AWSPREVIOUS and RETIRED to the old one."""

REFUSED: Final = "refused"
"""The reason with which a key is rejected that Klaviyo does not know: the only one that proves a key dead."""

LEAKED_SPARE: Final = "leaked"
"""The reason with which a leaked spare is rejected."""

ROLLED_BACK: Final = "rolled-back"
"""The reason with which a key is rejected that an operator rolled back."""

_TIME_FORMAT: Final = "%Y%m%dT%H%M%SZ"
_TIME: Final = r"(?P<time>[1-9][0-9]{7}T[0-9]{6}Z)"
_FINGERPRINT: Final = r"(?P<fingerprint>[0-9a-f]{12})"
_REASON: Final = r"(?P<reason>[a-z0-9][a-z0-9:,-]*)"


class AwsLabel(StrEnum):
    """The labels that AWS itself moves."""

    CURRENT = "AWSCURRENT"
    PENDING = "AWSPENDING"
    PREVIOUS = "AWSPREVIOUS"


@dataclass(frozen=True)
class _OfKey:
    """A label that names a key."""

    prefix: ClassVar[str]
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.prefix}:{self.fingerprint}"


@dataclass(frozen=True)
class _OfKeyAtTime:
    """A label that names a key and a moment."""

    prefix: ClassVar[str]
    time: datetime
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.prefix}:{format_time(self.time)}:{self.fingerprint}"


class Spare(_OfKeyAtTime):
    """On the reserve: staged at ``time`` and waiting to be promoted."""

    prefix = "SPARE"


class HoldsKey(_OfKey):
    """On the key secret: this version holds a key that is not yet proved dead."""

    prefix = "KEY"


class Retired(_OfKeyAtTime):
    """On the key secret: superseded at ``time``; its grace runs."""

    prefix = "RETIRED"


class Disabling(_OfKey):
    """On the key secret: being disabled at Klaviyo."""

    prefix = "DISABLING"


class Leaked(_OfKey):
    """On the key secret: a verdict stronger than ``Rejected``."""

    prefix = "LEAKED"


@dataclass(frozen=True)
class Rejected(_OfKeyAtTime):
    """A verdict: this key is never promoted again. ``reason`` is lower-case words, or ``missing:`` and scopes."""

    prefix = "REJECTED"
    reason: str

    def __str__(self) -> str:
        return f"{super().__str__()}:{self.reason}"


@dataclass(frozen=True)
class WriteTaken:
    """On the reserve's current version, which is no key: Klaviyo took a malformed write at ``time``. No further one is
    sent until an operator has switched write probes off."""

    time: datetime

    def __str__(self) -> str:
        return f"WRITE-TAKEN:{format_time(self.time)}"


@dataclass(frozen=True)
class Foreign:
    """Not a label of ours, or not in its exact form: counted, never believed."""

    text: str

    def __str__(self) -> str:
        return self.text


OurLabel = Spare | Rejected | HoldsKey | Retired | Disabling | Leaked
Label = OurLabel | WriteTaken | AwsLabel | Foreign

_AWS: Final = {label.value: label for label in AwsLabel}
_KINDS_OF_KEY: Final[Mapping[str, type[HoldsKey | Disabling | Leaked]]] = {
    kind.prefix: kind for kind in (HoldsKey, Disabling, Leaked)
}
_KINDS_AT_TIME: Final[Mapping[str, type[Spare | Retired]]] = {kind.prefix: kind for kind in (Spare, Retired)}
_OF_KEY: Final = re.compile(f"(?P<prefix>{'|'.join(_KINDS_OF_KEY)}):{_FINGERPRINT}")
_AT_TIME: Final = re.compile(f"(?P<prefix>{'|'.join(_KINDS_AT_TIME)}):{_TIME}:{_FINGERPRINT}")
_REJECTED: Final = re.compile(f"REJECTED:{_TIME}:{_FINGERPRINT}:{_REASON}")
_WRITE_TAKEN: Final = re.compile(f"WRITE-TAKEN:{_TIME}")


def format_time(time: datetime) -> str:
    """``time`` in UTC as labels carry it: ``20261122T121530Z``."""
    return time.astimezone(UTC).strftime(_TIME_FORMAT)


@lru_cache(maxsize=1_000)
def parse_label(text: str) -> Label:
    """Read one label; what has not the exact form of a known one comes back as ``Foreign``."""
    if text in _AWS:
        return _AWS[text]
    try:
        return _parse_ours(text) or Foreign(text)
    except ValueError:  # digits that are no date, such as 20261399T000000Z
        return Foreign(text)


def _parse_ours(text: str) -> OurLabel | WriteTaken | None:
    if found := _OF_KEY.fullmatch(text):
        return _KINDS_OF_KEY[found["prefix"]](found["fingerprint"])
    if found := _AT_TIME.fullmatch(text):
        return _KINDS_AT_TIME[found["prefix"]](_parse_time(found["time"]), found["fingerprint"])
    if found := _REJECTED.fullmatch(text):
        return Rejected(_parse_time(found["time"]), found["fingerprint"], found["reason"])
    if found := _WRITE_TAKEN.fullmatch(text):
        return WriteTaken(_parse_time(found["time"]))
    return None


def _parse_time(text: str) -> datetime:
    return datetime.strptime(text, _TIME_FORMAT).replace(tzinfo=UTC)


@dataclass(frozen=True)
class Version:
    """One version of a secret, as its labels show it."""

    id: str
    labels: tuple[Label, ...]

    def has(self, label: AwsLabel) -> bool:
        """Whether AWS's ``label`` sits on this version."""
        return label in self.labels

    @property
    def in_use(self) -> bool:
        """Current or pending: what is never disabled."""
        return self.has(AwsLabel.CURRENT) or self.has(AwsLabel.PENDING)

    @property
    def fingerprint(self) -> str | None:
        """The fingerprint of the key that this version of a key secret holds, by its one KEY label."""
        held = [label.fingerprint for label in self.labels if isinstance(label, HoldsKey)]
        return held[0] if len(held) == 1 else None

    @property
    def holds_key(self) -> bool:
        """Whether a KEY label stands on it."""
        return any(isinstance(label, HoldsKey) for label in self.labels)

    @property
    def verdict(self) -> Leaked | Rejected | None:
        """The strongest verdict on this version: LEAKED before REJECTED."""
        leaked = next((label for label in self.labels if isinstance(label, Leaked)), None)
        return leaked or next((label for label in self.labels if isinstance(label, Rejected)), None)

    @property
    def spare(self) -> Spare | None:
        """The SPARE label of this version of a reserve, unless a verdict was passed on it; the oldest of several."""
        if self.verdict:
            return None
        return min((label for label in self.labels if isinstance(label, Spare)), key=lambda s: s.time, default=None)

    @property
    def ours(self) -> tuple[OurLabel, ...]:
        """The labels on this version that name a key."""
        return tuple(label for label in self.labels if not isinstance(label, AwsLabel | WriteTaken | Foreign))


@dataclass(frozen=True)
class SecretLabels:
    """All versions of one secret, as DescribeSecret shows their labels."""

    versions: tuple[Version, ...]

    @classmethod
    def of(cls, version_ids_to_stages: Mapping[str, Sequence[str]]) -> "SecretLabels":
        """Read ``VersionIdsToStages`` of DescribeSecret: version id to its staging labels."""
        return cls(
            tuple(
                Version(version_id, tuple(parse_label(text) for text in stages))
                for version_id, stages in sorted(version_ids_to_stages.items())
            )
        )

    def __iter__(self) -> Iterator[Version]:
        return iter(self.versions)

    def version(self, version_id: str) -> Version | None:
        """The version of that id, or None."""
        return next((version for version in self.versions if version.id == version_id), None)

    def holder(self, label: AwsLabel) -> Version | None:
        """The version that has AWS's ``label``, or None."""
        return next((version for version in self.versions if version.has(label)), None)

    @property
    def current(self) -> Version | None:
        """The version that services read."""
        return self.holder(AwsLabel.CURRENT)

    @property
    def pending(self) -> Version | None:
        """The version of the rotation under way, or left behind by one."""
        return self.holder(AwsLabel.PENDING)

    @property
    def previous(self) -> Version | None:
        """The version that was current before."""
        return self.holder(AwsLabel.PREVIOUS)

    @property
    def free(self) -> int:
        """How many more labels AWS accepts on this secret."""
        return LABEL_LIMIT - sum(len(version.labels) for version in self.versions)

    @property
    def spares(self) -> tuple[tuple[Version, Spare], ...]:
        """The waiting spares of a reserve with their labels, oldest first."""
        waiting = [(version, version.spare) for version in self.versions]
        found = [(version, spare) for version, spare in waiting if spare is not None]
        return tuple(sorted(found, key=lambda pair: (pair[1].time, pair[1].fingerprint)))

    @property
    def writes_taken(self) -> tuple[tuple[Version, WriteTaken], ...]:
        """The malformed writes that Klaviyo took, and that nobody has seen to yet, with the versions that say so."""
        return tuple((version, label) for version in self for label in version.labels if isinstance(label, WriteTaken))

    @property
    def held_fingerprints(self) -> frozenset[str]:
        """Every fingerprint that a KEY label names: keys not yet proved dead."""
        return frozenset(
            label.fingerprint for version in self.versions for label in version.labels if isinstance(label, HoldsKey)
        )

    @property
    def live_fingerprints(self) -> frozenset[str]:
        """The fingerprints of the current and the pending key: what is never disabled."""
        return frozenset(
            label.fingerprint
            for version in self.versions
            if version.in_use
            for label in version.ours
            if isinstance(label, HoldsKey)
        )

    @property
    def leaked_fingerprints(self) -> frozenset[str]:
        """The fingerprints of a reserve that were rejected as leaked: staged again, they are rejected again."""
        return frozenset(
            label.fingerprint
            for version in self.versions
            for label in version.ours
            if isinstance(label, Rejected) and label.reason == LEAKED_SPARE
        )

    @property
    def known_fingerprints(self) -> frozenset[str]:
        """Every fingerprint that any label of ours names, whatever the life of its key."""
        return frozenset(label.fingerprint for version in self.versions for label in version.ours)
