"""What Secrets Manager remembers of a secret: plain frozen values, changed only by replacing them.

Times are seconds since the epoch, UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

CURRENT: Final = "AWSCURRENT"
PENDING: Final = "AWSPENDING"
PREVIOUS: Final = "AWSPREVIOUS"

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR


@dataclass(frozen=True, kw_only=True)
class Value:
    """A secret's content as it came over the wire: exactly one of text and base64. Neither is ever printed."""

    text: str | None = field(default=None, repr=False)
    binary: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version: ``value`` is None for the AWSPENDING version that a rotation announces before it has a value."""

    id: str
    created: float
    stages: tuple[str, ...] = ()
    value: Value | None = None
    kms_key_id: str | None = None
    accessed: float | None = None


@dataclass(frozen=True, kw_only=True)
class RotationRules:
    """When a secret rotates: every so many days, or by a ``rate()`` or ``cron()`` expression; ``duration`` in hours."""

    days: int | None = None
    expression: str | None = None
    duration: int | None = None


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """A secret's rotation: its settings, and ``running`` and ``tested``, the tokens of what is under way.

    ``next_window`` is the start of the window that the schedule waits for, ``attempted`` when a rotation last began.
    """

    lambda_arn: str
    rules: RotationRules | None = None
    enabled: bool = True
    running: str | None = None
    tested: str | None = None
    next_window: float | None = None
    attempted: float | None = None
    succeeded: float | None = None


@dataclass(frozen=True, kw_only=True)
class Replica:
    """What a primary knows of one replica: ``status`` as in ``ReplicationStatus``."""

    region: str
    kms_key_id: str | None = None
    status: str = "InSync"
    message: str | None = None


@dataclass(frozen=True, kw_only=True)
class Secret:
    """One secret of one region. ``purge_at`` is the end of the recovery window of a deleted one.

    A replica is a secret of its own region, which names the region of its primary.
    """

    arn: str
    name: str
    region: str
    created: float
    changed: float
    accessed: float | None = None
    description: str | None = None
    kms_key_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    policy: str | None = None
    versions: tuple[Version, ...] = ()
    rotation: Rotation | None = None
    purge_at: float | None = None
    primary_region: str | None = None
    replicas: tuple[Replica, ...] = ()

    def version(self, version_id: str) -> Version | None:
        """The version of that id, with or without a value."""
        return next((version for version in self.versions if version.id == version_id), None)

    def holder(self, stage: str) -> Version | None:
        """The version that carries a staging label."""
        return next((version for version in self.versions if stage in version.stages), None)

    @property
    def running(self) -> str | None:
        """The token of the rotation under way."""
        return self.rotation.running if self.rotation else None
