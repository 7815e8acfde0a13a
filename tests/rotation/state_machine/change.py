"""One role before and after one thing happened: what invariants look at."""

from dataclasses import dataclass

from klaviyo_access.keys.labels import Disabling, Version
from klaviyo_access.keys.secret import fingerprint
from tests.rotation.state_machine.account import Account, Role, Seen, key_in


@dataclass(frozen=True, kw_only=True)
class Change:
    """One role before and after one thing happened.

    Attributes:
        rule: what happened.
        left_out: whether it was an audit of another role alone.
        lagged: whether labels were read that lag behind.
        troubled: whether a fault or another one's act came in between.
        failed: the names of the errors with which rotations failed.
        events: what AWS recorded.
    """

    account: Account
    role: Role
    rule: str
    left_out: bool
    lagged: bool
    troubled: bool
    before: Seen
    after: Seen
    failed: tuple[str, ...]
    events: tuple[str, ...]

    @property
    def came_current(self) -> Version | None:
        """The version that became current."""
        current = self.after.key.current
        was = self.before.key.current
        return current if current and (was is None or was.id != current.id) else None

    @property
    def was_put_by_hand(self) -> bool:
        """Whether what became current was put just now, by a person: no rotator has seen it yet."""
        came = self.came_current
        return came is not None and came.id in self.account.by_hand and self.before.key.version(came.id) is None

    def name_of(self, fingerprint: str) -> str:
        """The name of a key."""
        return self.role.names.get(fingerprint, fingerprint)


def is_disabling(version: Version) -> bool:
    """Whether the version's key is being disabled."""
    return any(isinstance(label, Disabling) for label in version.ours)


def is_alive(account: Account, value: str) -> bool:
    """Whether Klaviyo knows the key in a value."""
    held = key_in(value)
    return any(fingerprint(key) == held for key in account.klaviyo.scopes)
