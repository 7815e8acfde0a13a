"""A superseded or condemned key is disabled at Klaviyo, and its rotator asked for the proof of its death.

First, directly before it is disabled, and again after, the labels of every role are read: a key that is current or
pending anywhere is not disabled, and enabled again at once if it was; nor is one whose grace runs in another role. Only
a key that is alive is looked for in Klaviyo's list, unless its name there says which it is: of one that is gone, the
only entry that fits would be somebody else's. A run that is killed in between is completed by the next one, since the
key's version has its label DISABLING or a verdict until it is proved dead.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from klaviyo_access.keys.labels import LEAKED_SPARE, Leaked, Rejected, Version
from rotation.auditor.findings import Kind, Record
from rotation.auditor.inventory import Entry, Inventory, InventoryError, find
from rotation.auditor.marks import End
from rotation.auditor.revived import Revived, returned, revived
from rotation.auditor.rotators import Rotators, RotatorSilentError
from rotation.auditor.settings import AuditedRole
from rotation.auditor.sight import SeenRole, Sight
from rotation.commands import command
from rotation.errors import RotationError, StoreError
from rotation.report import Outcome
from rotation.store import Where

_TRIES: Final = 5
_ENABLE_BY_HAND: Final = (
    "A live key was disabled by mistake, and Klaviyo did not enable it again: enable the key {entry.name!r} in "
    "Klaviyo's dashboard now."
)


class _LiveError(Exception):
    """The key that was to be disabled is current or pending by now, in these roles."""

    def __init__(self, roles: Sequence[str]) -> None:
        super().__init__()
        self.roles = roles


@dataclass(frozen=True, kw_only=True)
class Disposal:
    """Disposes of keys.

    Args:
        sight: looks at labels.
        rotators: every role's.
        roles: all of them, whichever are looked after: a key may be live in any.
        inventory: Klaviyo's list of keys, where the custodian's key may disable; else None.
        entries: what it lists.
        record: takes what is found.
    """

    sight: Sight
    rotators: Rotators
    roles: Sequence[AuditedRole]
    inventory: Inventory | None
    entries: Iterable[Entry]
    record: Record
    _unnamed: dict[str, frozenset[str]] = field(default_factory=dict, init=False)

    def dispose(self, seen: SeenRole) -> None:
        """Dispose of whatever of a role's keys may go now. What stands against one keeps no other from its turn.

        Raises:
            RotatorSilentError: the role's rotator did not do what it was asked for.
            StoreError: the labels of a role could not be read.
            InventoryError: Klaviyo did not do what it was asked for.
        """
        failed: RotationError | None = None
        for where, version in _superseded(seen):
            if where is Where.KEY and seen.behind and not _has_leaked(version):
                self.record.counts["waiting"] += 1
                continue
            try:
                self._dispose_of(seen.role, where, version)
            except (RotatorSilentError, StoreError, InventoryError) as error:
                failed = failed or error
        if failed:
            raise failed

    def end_revived(self) -> None:
        """Tell of keys that ended and are active again, and disable again what leaked, unless a role uses it.

        Raises:
            RotatorSilentError, StoreError: whether one is in use could not be seen.
            InventoryError: Klaviyo did not do what it was asked for.
        """
        if not (found := returned(self.entries)):
            return
        back = list(revived(found, list(self._every_role())))
        for one in back:
            said = one.said()
            self.record.find(said.kind, "", said.message, said.fingerprint)
        for one in back:
            if one.is_to_end and self.inventory:
                self._end_again(one, self.inventory)

    def _end_again(self, one: Revived, inventory: Inventory) -> None:
        try:
            inventory.change(
                one.entry, name=one.entry.name, status="disabled", look=lambda: self._insist_on_idle(one.fingerprint)
            )
            self.record.counts["disabled"] += 1
        except _LiveError:
            return  # the next audit tells who uses it

    def _dispose_of(self, role: AuditedRole, where: Where, version: Version) -> None:
        answer = self.rotators.ask(role, "begin-disable", secret=where.value, version=version.id)
        if answer["outcome"] == Outcome.TOO_EARLY:
            self.record.counts["waiting"] += 1
        elif answer["outcome"] == Outcome.DISABLING:
            self._end(role, where, version, answer)

    def _end(self, role: AuditedRole, where: Where, version: Version, answer: Mapping[str, Any]) -> None:
        fingerprint, ends_with = str(answer["fingerprint"]), str(answer.get("ends_with", ""))
        if not ends_with:
            message = (
                f"A version on the {where.value} secret holds no Klaviyo key, so that nobody can tell whether a key is "
                "alive. If one was pasted in another form, disable it in Klaviyo's dashboard; then "
                f"{command(f'keys retire {role.name} {fingerprint}')} lets it go."
            )
            self.record.find(Kind.UNREADABLE, role.name, message, fingerprint)
            return
        entry = find(self.entries, fingerprint=fingerprint, ends_with=ends_with, scopes=role.scopes)
        if not _has_leaked(version) and any(seen.is_graced(fingerprint) for seen in self._every_role()):
            self.record.counts["waiting"] += 1
            return
        if live := self._live_in(fingerprint):
            self._leave_alone(role, entry, fingerprint, live)
            return
        end = End.LEAKED if _has_leaked(version) else End.ENDED
        is_marked = entry is not None and fingerprint in entry.marks
        if entry and self.inventory and is_marked and not entry.is_active:
            self._tell_end(entry, self.inventory, name=entry.marked(fingerprint, end))
        is_alive = self._is_alive(role, where, version)
        is_known = is_alive or (is_alive is None and is_marked)
        if entry and self.inventory and is_known:
            is_idle = self._disable(role, entry, self.inventory, fingerprint, end)
            if is_idle and self._is_alive(role, where, version):
                self._doubt(role, entry, self.inventory, fingerprint)
        elif is_alive:
            self._by_hand(role, fingerprint, ends_with)

    def _tell_end(self, entry: Entry, inventory: Inventory, *, name: str) -> None:
        """Give a key that is disabled already the name of its end, so that its return is seen."""
        if entry.name != name:
            inventory.change(entry, name=name)

    def _doubt(self, role: AuditedRole, entry: Entry, inventory: Inventory, fingerprint: str) -> None:
        """Klaviyo disables at once: where it accepts the key still, its entry is another one's.

        That a mark from the time when the key was in use is wrong, only a day shows for certain.
        """
        if entry.is_active and fingerprint in entry.marks:
            message = "The key was disabled, and Klaviyo accepts it still. The next audit asks again."
            self.record.find(Kind.STILL_ALIVE, role.name, message, fingerprint)
            return
        self._enable(role, entry, inventory, fingerprint, name=entry.denying(fingerprint))
        message = (
            f"The key {entry.name!r} of Klaviyo's list was disabled for one of {role.name} that ends alike, and was "
            "enabled again, since Klaviyo accepts the latter still: see whether anything failed that uses it. It is "
            f"not taken for that key again, as its name says now. The key of {role.name}, which ends in "
            f"{entry.ends_with} as well, is to be disabled in the dashboard."
        )
        self.record.find(Kind.WRONG_KEY, role.name, message, fingerprint)

    def _is_alive(self, role: AuditedRole, where: Where, version: Version) -> bool | None:
        """Whether Klaviyo accepts a key; where it definitely does not, the version is gone now. None: nobody knows."""
        outcome = self.rotators.ask(role, "prove-dead", secret=where.value, version=version.id)["outcome"]
        if outcome == Outcome.DEAD:
            self.record.counts["dead"] += 1
        return {Outcome.ALIVE: True, Outcome.NO_ANSWER: None}.get(outcome, False)

    def _leave_alone(self, role: AuditedRole, entry: Entry | None, fingerprint: str, live: Sequence[str]) -> None:
        """Enable a live key again that a run disabled which was killed then."""
        if entry and self.inventory and not entry.is_active:
            self._enable(role, entry, self.inventory, fingerprint, name=entry.marked(fingerprint))
        message = (
            f"The key is to be disabled for {role.name} and live in {', '.join(live)}, so it is left alone. Rotate "
            f"{', '.join(live)} to a key of its own; the next audit disables this one."
        )
        self.record.find(Kind.SHARED_KEY, role.name, message, fingerprint)

    def _disable(self, role: AuditedRole, entry: Entry, inventory: Inventory, fingerprint: str, end: End) -> bool:
        """Whether the key is disabled now, and nobody uses it.

        Raises:
            InventoryError: Klaviyo did not do it.
            StoreError: whether it is live could not be seen.
        """
        failed: InventoryError | None = None
        if entry.is_active:
            try:
                inventory.change(
                    entry,
                    name=entry.marked(fingerprint, end),
                    status="disabled",
                    look=lambda: self._insist_on_idle(fingerprint),
                )
                self.record.counts["disabled"] += 1
            except _LiveError as error:
                self._leave_alone(role, entry, fingerprint, error.roles)
                return False
            except InventoryError as error:  # its answer may be lost alone: look nevertheless
                failed = error
        if self._went_live(fingerprint):
            self._enable(role, entry, inventory, fingerprint, name=entry.marked(fingerprint))
            message = (
                "The key became live in a role while it was being disabled, and was enabled again at once. Look in "
                "CloudTrail who moved labels, and rotate the role."
            )
            self.record.find(Kind.HIT_LIVE, role.name, message, fingerprint)
            return False
        if failed:
            raise failed
        return True

    def _live_in(self, fingerprint: str) -> tuple[str, ...]:
        return tuple(seen.role.name for seen in self._every_role() if self._is_live(seen, fingerprint))

    def _is_live(self, seen: SeenRole, fingerprint: str) -> bool:
        return seen.is_live(fingerprint) or any(fingerprint in self._unnamed.get(one.id, ()) for one in seen.unnamed)

    def _every_role(self) -> Iterator[SeenRole]:
        """Every role as it is now; what somebody put by hand is named first, since no label says yet which key it is.

        Where its labels are full, its rotator alone says which keys it holds.

        Raises:
            RotatorSilentError: nothing was named.
            StoreError: one role could not be looked at, so that nobody knows.
        """
        for role in self.roles:
            seen = self.sight.look(role)
            if unnamed := {version.id for version in seen.unnamed} - self._unnamed.keys():
                held = frozenset(self.rotators.ask(role, "canary").get("unnamed", ()))
                self._unnamed.update(dict.fromkeys(unnamed, held))
                seen = self.sight.look(role)
            yield seen

    def _insist_on_idle(self, fingerprint: str) -> None:
        """Look once more directly before: a rotator's answer and Klaviyo's quota may have been waited for."""
        if live := self._live_in(fingerprint):
            raise _LiveError(live)

    def _enable(self, role: AuditedRole, entry: Entry, inventory: Inventory, fingerprint: str, *, name: str) -> None:
        """Enable a key, for as long as it takes: requests fail meanwhile."""
        for left in reversed(range(_TRIES)):
            try:
                inventory.change(entry, name=name, status="active")
            except InventoryError:
                if not left:
                    self.record.find(Kind.LIVE_DISABLED, role.name, _ENABLE_BY_HAND.format(entry=entry), fingerprint)
            else:
                return

    def _went_live(self, fingerprint: str) -> bool:
        """Whether it is live now; where nobody can tell, it may be, and no request must fail."""
        try:
            return bool(self._live_in(fingerprint))
        except (StoreError, RotatorSilentError):
            return True

    def _by_hand(self, role: AuditedRole, fingerprint: str, ends_with: str) -> None:
        message = (
            f"A key of {role.name} that nothing uses any more is alive. In Klaviyo's dashboard, under Settings > API "
            f"keys, disable the private key that ends in {ends_with}; look first that it is the only one. Nothing else "
            "is to be done: each audit asks Klaviyo until it refuses the key."
        )
        self.record.find(Kind.BY_HAND, role.name, message, fingerprint)


def _has_leaked(version: Version) -> bool:
    return any(
        isinstance(label, Leaked) or (isinstance(label, Rejected) and label.reason == LEAKED_SPARE)
        for label in version.ours
    )


def _superseded(seen: SeenRole) -> Iterator[tuple[Where, Version]]:
    for version in seen.key:
        if not version.in_use and version.ours:
            yield Where.KEY, version
    for version in seen.reserve:
        if any(isinstance(label, Rejected) for label in version.ours):
            yield Where.RESERVE, version
