"""Schedules: what happens in which order, what comes in between at which call, and whether all holds then."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from klaviyo_access.keys.labels import AwsLabel, Disabling, Retired
from klaviyo_access.keys.secret import fingerprint
from tests.rotation.rotation_world import key_value
from tests.rotation.state_machine.account import Account, Role, Seen
from tests.rotation.state_machine.auditing import audits_one_role
from tests.rotation.state_machine.change import Change
from tests.rotation.state_machine.faults import LAGS, UNKNOWN_KEY, Fault
from tests.rotation.state_machine.invariants import INVARIANTS
from tests.rotation.state_machine.rules import RULES

ROLES: Final = ("viewer", "editor")
LENGTH: Final = 14
_WEIGHTS: Final = {
    "stage": 6,
    "rotate": 8,
    "audit": 3,
    "clock jumps": 3,
    "klaviyo works": 2,
    "late step": 3,
    "uncrowd": 2,
    "put by hand": 2,
}
SOMEBODY_ELSE: Final = tuple(rule for rule in RULES if rule not in {"clock jumps", "audit", "crowd", "move back"})
"""What may come in between two calls."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that happens.

    Attributes:
        rule: which.
        role: to which role.
        pick: what the rule chooses by.
        at: the call of it at which ``trouble`` comes.
        trouble: a fault, or what somebody else does.
    """

    rule: str
    role: str = ROLES[0]
    pick: int = 0
    at: int = 0
    trouble: "Fault | Step | None" = None

    def __str__(self) -> str:
        told = f"{self.rule}({self.role}, {self.pick})"
        return told + (f" [{self.trouble} {self.at}]" if self.trouble else "")


class ViolationError(AssertionError):
    """An invariant does not hold."""


@dataclass
class Play:
    """Plays steps on an account, and looks at it after each."""

    account: Account

    def step(self, step: Step) -> None:
        """Let one thing happen.

        Raises:
            ViolationError: what does not hold any more.
        """
        roles = self.account.roles.values()
        before = {role.name: self.account.see(role) for role in roles}
        past = {role.name: (len(role.errors), len(role.events)) for role in roles}
        troubled = self._play(step)
        for role in roles:
            errors, events = past[role.name]
            after = self.account.see(role)
            if after == before[role.name] and not _is_concerned(role, step):
                continue
            self._note_superseded(role, before[role.name], after, by_hand=step.rule == "move back")
            change = Change(
                account=self.account,
                role=role,
                rule=step.rule if role.name == step.role or step.rule == "audit" else "",
                left_out=step.rule == "audit" and step.role != role.name and audits_one_role(step.pick),
                lagged=troubled and step.trouble in LAGS,
                troubled=troubled,
                before=before[role.name],
                after=after,
                failed=tuple(type(error).__name__ for error in role.errors[errors:]),
                events=tuple(role.events[events:]),
            )
            _require(found for invariant in INVARIANTS for found in invariant(change))
            self._note_ended(role, after)

    def _play(self, step: Step) -> bool:
        """Let it happen, and say whether its trouble came."""
        account = self.account
        account.hit.clear()
        account.leaked_in_use.clear()
        account.wrongs.clear()
        for role in account.roles.values():
            role.asked_to_finish.clear()
        without_key = {role.name for role in account.roles.values() if account.see(role).key.current is None}
        refuses_everybody = account.klaviyo.status == UNKNOWN_KEY[0]
        self._plan(step)
        with account.failing():
            RULES[step.rule](account, account.roles[step.role], step.pick)
        troubled = account.process.happened
        account.process.clear()
        if step.rule == "audit" and troubled and (isinstance(step.trouble, Fault) or account.klaviyo.status):
            account.repair_due = True
        refuses_everybody |= account.klaviyo.status == UNKNOWN_KEY[0]
        account.uncontrolled = without_key if refuses_everybody else set()
        account.refused |= {name for owner, name in account.staged if owner in account.uncontrolled}
        account.refused |= {name for _, name in account.staged if key_value(name) not in account.klaviyo.scopes}
        return troubled

    def converge(self) -> None:
        """Faults stop: audits, what they ask of people, a spare and a rotation put everything right.

        Raises:
            ViolationError: what they did not.
        """
        account = self.account
        for rule, pick in (*_RECOVERY, *(_NEXT_AUDIT if account.klaviyo.closed else ())):
            for role in ROLES if rule in _FOR_EACH_ROLE else ROLES[:1]:
                self.step(Step(rule=rule, role=role, pick=pick))
        if self.account.left_to_people:
            self.step(Step(rule="disable by hand"))
            self.step(Step(rule="audit"))
        for one in account.roles.values():
            _require(_not_converged(account, one, account.see(one)))

    def _plan(self, step: Step) -> None:
        process, trouble = self.account.process, step.trouble
        process.clear()
        process.happened = False
        if isinstance(trouble, Step):
            process.plan(step.at, act=lambda: self._act(trouble))
        elif trouble:
            process.plan(step.at, fault=trouble)

    def _act(self, step: Step) -> None:
        with self.account.failing():
            RULES[step.rule](self.account, self.account.roles[step.role], step.pick)

    def _note_superseded(self, role: Role, before: Seen, after: Seen, *, by_hand: bool) -> None:
        """Since when a key is superseded; of one that a person moves to and fro, with no run of ours between, labels
        show the first end alone."""
        known = {version.id for version in before.key}
        passed = {after.key_of(one) for one in after.key if one.id in self.account.by_hand and one.id not in known}
        was, live = before.live.union(one for one in passed if one), after.live
        told = {one.fingerprint: one.time.timestamp() for one in _retired(after)} if by_hand else {}
        now = self.account.clock.now
        self.account.superseded.update({(role.name, ended): told.get(ended, now) for ended in was - live})
        for begun in live - was:
            self.account.superseded.pop((role.name, begun), None)
            self.account.ended.discard((role.name, begun))

    def _note_ended(self, role: Role, seen: Seen) -> None:
        labels = [label for version in seen.key for label in version.ours]
        self.account.ended |= {(role.name, label.fingerprint) for label in labels if isinstance(label, Disabling)}


_RECOVERY: Final = (
    ("klaviyo works", 0),
    ("uncrowd", 0),
    ("clock jumps", 3),
    ("audit", 0),
    ("disable by hand", 0),
    ("stage", 1),
    ("rotate", 1),
    ("clock jumps", 3),
    ("audit", 0),
)
_NEXT_AUDIT: Final = (("clock jumps", 3), ("audit", 0))
"""A rotation that had no spare but one of which Klaviyo says nothing is under way until an audit ends it."""
_FOR_EACH_ROLE: Final = {"uncrowd", "stage", "rotate"}


def _retired(seen: Seen) -> Iterator[Retired]:
    return (label for version in seen.key for label in version.ours if isinstance(label, Retired))


def _is_concerned(role: Role, step: Step) -> bool:
    return step.rule == "audit" or role.name in {step.role, getattr(step.trouble, "role", None)}


def _not_converged(account: Account, role: Role, seen: Seen) -> Iterator[str]:
    current, pending = seen.key.current, seen.key.pending
    if pending and not pending.has(AwsLabel.CURRENT):
        yield f"{role.name}: AWSPENDING is left"
    if current is None or current.verdict or seen.key_of(current) not in seen.accepted:
        yield f"{role.name}: no good key is current ({role.events[-1]}, {role.errors[-1:]})"
    shared = {fingerprint(key_value(name)) for _, name in account.staged if _is_shared(account, name)}
    for held in seen.key.held_fingerprints - seen.live - shared:
        if any(fingerprint(key) == held for key in account.klaviyo.scopes) and held in seen.accepted:
            yield f"{role.name}: {role.names[held]} is superseded and alive"
    yield from _leaked_and_alive(account)


def _leaked_and_alive(account: Account) -> Iterator[str]:
    """Also where somebody enabled it again, unless a role uses it, or somebody took the label from it."""
    live = {held for role in account.roles.values() for held in account.see(role).live}
    alive = {fingerprint(key) for key in account.klaviyo.scopes}
    exempt = {fingerprint(key_value(name)) for name in account.stolen}
    for _, leaked in account.leaked:
        if leaked in alive - live - exempt:
            yield f"{leaked} leaked, and is alive"


def _is_shared(account: Account, name: str) -> bool:
    return len({owner for owner, known in {*account.staged, *account.by_hand.values()} if known == name}) > 1


def _require(found: Iterator[str]) -> None:
    if told := list(found):
        raise ViolationError("; ".join(told))


def random_steps(seed: int) -> tuple[Step, ...]:
    """The steps of the schedule with that seed."""
    chance = random.Random(seed)  # noqa: S311 - tests are chosen with it
    used = [Step(rule=rule, role=role, pick=1) for role in ROLES for rule in ("stage", "rotate") * chance.randrange(3)]
    return (*used, *(_random_step(chance) for _ in range(LENGTH - len(used))))


def _random_step(chance: random.Random) -> Step:
    rules = list(RULES)
    rule = chance.choices(rules, [_WEIGHTS.get(rule, 1) for rule in rules])[0]
    step = Step(rule=rule, role=chance.choice(ROLES), pick=chance.randrange(60))
    if chance.random() < 0.6:
        return step
    if chance.random() < 0.6:
        trouble: Fault | Step = chance.choice(tuple(Fault))
    else:
        trouble = Step(rule=chance.choice(SOMEBODY_ELSE), role=chance.choice(ROLES), pick=chance.randrange(60))
    return replace(step, at=chance.randrange(chance.choice((8, 40))), trouble=trouble)


def first_value(seed: int) -> Literal["also-current", "as-asked"]:
    """Which reading of AWS's documents a schedule is played under."""
    return "as-asked" if seed % 2 else "also-current"


def violation(steps: Sequence[Step], *, seed: int = 0) -> str | None:
    """What does not hold in a schedule, after which step; None where all holds."""
    play = Play(Account(first_value=first_value(seed)))
    for number, step in enumerate(steps):
        try:
            play.step(step)
        except ViolationError as error:
            return f"after step {number + 1}, {step}: {error}"
    try:
        play.converge()
    except ViolationError as error:
        return f"at the end: {error}"
    return None


def shortest(steps: Sequence[Step], *, seed: int) -> tuple[Step, ...]:
    """What of a schedule with a violation is enough for one."""
    kept = list(steps)
    for step in reversed(list(steps)):
        fewer = [one for one in kept if one is not step]
        if violation(fewer, seed=seed):
            kept = fewer
    return tuple(kept)
