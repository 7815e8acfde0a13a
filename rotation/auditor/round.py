"""One round of the auditor through the roles."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from rotation.auditor.checks import is_wedged, of_inventory, of_labels, of_roll_back, shared
from rotation.auditor.disposal import Disposal
from rotation.auditor.findings import Kind, Record, Said, tell_listed
from rotation.auditor.hearing import Hearing, is_refusal, without_refusals
from rotation.auditor.inventory import Entry, Inventory, InventoryError, Send, find
from rotation.auditor.rotators import Rotators, RotatorSilentError
from rotation.auditor.settings import AuditedRole, AuditorSettings
from rotation.auditor.sight import Sight
from rotation.auditor.trail import Trail
from rotation.canary_findings import of_canary
from rotation.errors import StoreError
from rotation.report import Outcome

_LOOKS_BACK: Final = timedelta(days=2)
"""How long ago a rotation may have failed, or been rolled back: one audit may be missed."""

SECONDS_TO_ENABLE: Final = 90.0
"""Kept back when a key is disabled: to enable it again may have to wait for Klaviyo's quota of a minute."""


_GOLDEN_RATIO: Final = 0.6180339887
"""Whose multiples leave no wide gap on a circle."""

_SHARE_OF_DISPOSAL: Final = 1 / 3
"""Of an audit's time: slow canaries leave no superseded key alive."""


@dataclass(frozen=True, kw_only=True)
class _CurrentKey:
    fingerprint: str
    ends_with: str


@dataclass(frozen=True, kw_only=True)
class Round:
    """Looks after roles.

    Args:
        settings: what the deployment says.
        sight: looks at labels.
        rotators: every role's.
        trail: knows of failures.
        send: sends a request to Klaviyo.
        sleep: waits that many seconds.
        time_left: seconds in which something may still be begun.
        clock: the time now, with its zone.
        record: takes what is found.
    """

    settings: AuditorSettings
    sight: Sight
    rotators: Rotators
    trail: Trail
    send: Send
    sleep: Callable[[float], None]
    time_left: Callable[[], float]
    clock: Callable[[], datetime]
    record: Record = field(default_factory=Record)
    _hearing: Hearing = field(default_factory=Hearing, init=False)

    def go(self, chosen: Sequence[AuditedRole]) -> Record:
        """Look after ``chosen``; what fails for one role is a finding, and does not keep the others from their turn."""
        since = self.clock() - _LOOKS_BACK
        order, late = _order(chosen, self.clock()), set[AuditedRole]()
        share = self.time_left() * _SHARE_OF_DISPOSAL
        for role in order:
            with self._noting(role):  # before anything else, since what is proved dead is a roll-back's only trace
                self._tell(role, list(of_roll_back(self.sight.look(role), since=since)))
        failures = self._failures(since)
        working: dict[AuditedRole, _CurrentKey] = {}
        for role in self._in_time(order, late, keep=share):
            said: list[Said] = []
            with self._noting(role):  # first, since whatever is healed hides for how long nothing was done
                said += self._clear_wedge(role)
            with self._noting(role):
                working.update(self._try_current_key(role, said))
            with self._noting(role):
                said += self._check_labels(role, failures)
            if any(is_refusal(one) for one in said):
                self._hearing.refused[role] = said
            else:
                self._tell(role, said)
        self._check_shared()
        inventory, entries = self._list_keys()
        self._tell_refused()
        self._dispose(order, late, entries=entries, inventory=inventory)
        for role, key in working.items():
            with self._noting(role):
                self._check_current_entry(role, key, entries=entries, inventory=inventory)
        if late:
            self._tell_late(chosen, late)
        return self.record

    def _tell_refused(self) -> None:
        everybody = self._hearing.refuses_everybody
        for role, said in self._hearing.refused.items():
            self._tell(role, without_refusals(said) if everybody else said)
        if everybody:
            kind, message, *_ = self._hearing.said()
            self.record.find(kind, "", message)

    def _dispose(
        self,
        order: Sequence[AuditedRole],
        late: set[AuditedRole],
        *,
        entries: tuple[Entry, ...],
        inventory: Inventory | None,
    ) -> None:
        disposal = Disposal(
            sight=self.sight,
            rotators=self.rotators,
            roles=self.settings.roles,
            inventory=inventory,
            entries=entries if inventory else (),
            record=self.record,
        )
        for custodian in filter(None, (self.settings.custodian,)):
            with self._noting(custodian):
                disposal.end_revived()
        for role in self._in_time(order, late):
            with self._noting(role):
                disposal.dispose(self.sight.look(role))

    def _failures(self, since: datetime) -> dict[str, datetime]:
        try:
            return self.trail.failures(since)
        except StoreError as error:
            self.record.find(Kind.UNSEEN, "", f"Whether rotations failed is not known. {error}")
            return {}

    def _in_time(
        self, roles: Sequence[AuditedRole], late: set[AuditedRole], *, keep: float = 0.0
    ) -> Iterator[AuditedRole]:
        """The roles for which there is time, with some kept for what follows; the others are ``late``."""
        for done, role in enumerate(roles):
            if self.time_left() <= keep:
                late.update(roles[done:])
                return
            yield role

    def _tell_late(self, chosen: Sequence[AuditedRole], late: set[AuditedRole]) -> None:
        """No audit knows how far the one before came: this one's pace is taken for both."""
        message = f"The time was over before all was done for {', '.join(sorted(role.name for role in late))}."
        yesterdays = _order(chosen, self.clock() - timedelta(days=1))[-len(late) :]
        if twice := sorted(role.name for role in late.intersection(yesterdays)):
            message += f" At this pace {', '.join(twice)} had no turn yesterday either: see what holds the rotators up."
            self.record.find(Kind.UNATTENDED, "", message)
        else:
            self.record.find(Kind.UNFINISHED, "", f"{message} Tomorrow's audit begins with others.")

    @contextmanager
    def _noting(self, role: AuditedRole) -> Iterator[None]:
        try:
            yield
        except RotatorSilentError as error:
            self.record.find(Kind.ROTATOR_FAILED, role.name, str(error))
        except StoreError as error:
            self.record.find(Kind.UNSEEN, role.name, str(error))
        except InventoryError as error:
            self.record.find(Kind.NO_INVENTORY, role.name, str(error))

    def _try_current_key(self, role: AuditedRole, said: list[Said]) -> Mapping[AuditedRole, _CurrentKey]:
        """The role's current key, if it works; what is wrong with it is added to what is ``said``."""
        if self.sight.look(role).key.current is None:
            return {}
        answer = self.rotators.ask(role, "canary")
        self._hearing.hear(answer)
        if wrong := of_canary(role.name, answer):
            said.append(wrong)
        if "fingerprint" in answer and "ends_with" in answer:
            return {role: _CurrentKey(fingerprint=str(answer["fingerprint"]), ends_with=str(answer["ends_with"]))}
        return {}

    def _check_labels(self, role: AuditedRole, failures: Mapping[str, datetime]) -> Iterator[Said]:
        seen = self.sight.look(role)
        failed = failures.get(seen.arn)
        if failed and not (seen.rotated and seen.rotated >= failed):
            message = f"The last rotation of {role.name} failed at {failed.isoformat()}."
            yield Said(Kind.FAILED, message, needs_rotation=True)
        born = None
        if seen.key.current:
            with self._noting(role):
                born = self.sight.born(role, seen.key.current.id)
        yield from of_labels(seen, born=born, longest_age=self.settings.longest_age, now=self.clock())

    def _clear_wedge(self, role: AuditedRole) -> list[Said]:
        if not is_wedged(self.sight.look(role)):
            return []
        if self.rotators.ask(role, "unstick")["outcome"] != Outcome.UNSTUCK:
            return []  # it may be under way still
        message = f"A rotation of {role.name} was left unfinished, and was cleared away."
        return [Said(Kind.WEDGED, message, needs_rotation=True)]

    def _tell(self, role: AuditedRole, said: Sequence[Said]) -> None:
        """Note what was found, with what was done about it: whatever that meets, nothing found is lost."""
        again = self._start_again(role) if any(one.needs_rotation for one in said) else ""
        for kind, message, fingerprint, needs_rotation in said:
            self.record.find(kind, role.name, message + (again if needs_rotation else ""), fingerprint)

    def _start_again(self, role: AuditedRole) -> str:
        try:
            seen = self.sight.look(role)
            if is_wedged(seen):
                return ""
            if not seen.rotates:
                return " None was started, since rotation is switched off."
            if not seen.reserve.spares:
                return " There is no spare with which it could be started again."
            self.sight.rotate(role)
        except StoreError as error:
            return f" A rotation could not be started. {error}"
        return " A rotation was started again."

    def _check_shared(self) -> None:
        every = []
        for role in self.settings.roles:
            with self._noting(role):
                every.append(self.sight.look(role))
        for fingerprint, roles in shared(every).items():
            message = (
                f"The same key is in {', '.join(roles)}, so that disabling it for one would disable it for the others. "
                "Stage a key of its own for each, and rotate."
            )
            self.record.find(Kind.SHARED_KEY, roles[0], message, fingerprint)

    def _list_keys(self) -> tuple[Inventory | None, tuple[Entry, ...]]:
        """What Klaviyo lists; and with what keys are disabled, where the custodian's key may do so."""
        custodian = self.settings.custodian
        if custodian is None:
            return None, ()
        try:
            key = self.sight.key_of(custodian)
            if key is None:
                return None, ()  # an audit of all roles tells that it has no key
            inventory = Inventory(
                url=self.settings.klaviyo_url,
                key=key,
                transport=self.send,
                sleep=self.sleep,
                time_left=self.time_left,
                reserve=SECONDS_TO_ENABLE,
            )
            self._hearing.asked += 1
            entries = inventory.entries()
        except (StoreError, InventoryError) as error:
            self.record.find(Kind.NO_INVENTORY, custodian.name, f"{error} Keys are disabled by hand until it is there.")
            return None, ()
        self._hearing.accepted = True
        return inventory if custodian.may_disable else None, entries

    def _check_current_entry(
        self, role: AuditedRole, key: _CurrentKey, *, entries: Sequence[Entry], inventory: Inventory | None
    ) -> None:
        """Hold the current key against Klaviyo's list, and mark it there, so that it is known when its end comes."""
        fingerprint = key.fingerprint
        same_ending = [entry for entry in entries if entry.ends_with == key.ends_with]
        known = [entry for entry in same_ending if fingerprint in entry.marks] or same_ending
        if len(known) != 1:
            return
        tell_listed(role.name, fingerprint, known[0].scopes)
        for said in of_inventory(role, known[0], fingerprint):
            self.record.find(said.kind, role.name, said.message, said.fingerprint)
        entry = find(entries, fingerprint=fingerprint, ends_with=key.ends_with, scopes=role.scopes)
        if not entry or not inventory or self.time_left() <= 0:  # a mark can wait
            return
        name = entry.marked(fingerprint)
        if entry.name != name and self._works_yet(role, fingerprint):
            inventory.change(entry, name=name)

    def _works_yet(self, role: AuditedRole, fingerprint: str) -> bool:
        """Whether Klaviyo knows the key after it made its list: the one entry that fits is then no look-alike's."""
        answer = self.rotators.ask(role, "canary")
        return answer["outcome"] == Outcome.FINE and answer.get("fingerprint") == fingerprint


def _order(roles: Sequence[AuditedRole], day: datetime) -> list[AuditedRole]:
    """Each day's audit begins with another role: what it can reach on some days running covers the circle evenly."""
    start = int(day.toordinal() * _GOLDEN_RATIO % 1 * len(roles))
    return [*roles[start:], *roles[:start]]
