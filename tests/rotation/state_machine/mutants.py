"""Wrong rotators and auditors: what a slip of the hand, or a bad idea, could make of one of their rules."""

import ast
import inspect
import json
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Final
from unittest.mock import patch

from rotation import rotator, serving
from rotation.actions import death, disabling, fall_back, healing, leak, promotion, spares
from rotation.auditor import inventory as auditor_inventory
from rotation.auditor.disposal import Disposal
from rotation.auditor.round import Round
from rotation.keys import control, values
from tests.rotation.state_machine.account import Role


@dataclass(frozen=True)
class Slip:
    """One piece of a function's text in place of another."""

    function: Any
    right: str
    wrong: str

    @contextmanager
    def made(self) -> Iterator[None]:
        """The function is wrong, wherever it is called from."""
        function = self.function
        assert isinstance(function, FunctionType)
        text = textwrap.dedent(inspect.getsource(function))
        assert text.count(self.right) == 1, f"{function.__name__} has not once: {self.right}"
        made: dict[str, Any] = {}
        tree = ast.parse(text.replace(self.right, self.wrong))
        exec(compile(tree, function.__code__.co_filename, "exec"), function.__globals__, made)  # noqa: S102 - its own text
        right, function.__code__ = function.__code__, made[function.__name__].__code__
        try:
            yield
        finally:
            function.__code__ = right


@contextmanager
def _trusting(field: str) -> Iterator[None]:
    """A field of a staged value ends in the promoted one."""
    staged: dict[str, Any] = {}
    read_key, promoted_value = values.read_key, values.promoted_value

    def read(value: str) -> Any:
        key = read_key(value)
        staged.update(json.loads(value))
        return key

    def promoted(key: Any, settings: Any) -> str:
        return json.dumps(json.loads(promoted_value(key, settings)) | {field: staged.get(field, "none")})

    with ExitStack() as stack:
        stack.enter_context(patch.object(promotion, "read_key", read))
        stack.enter_context(patch.object(promotion, "promoted_value", promoted))
        yield


@contextmanager
def _with_times() -> Iterator[None]:
    promoted_value, count = values.promoted_value, iter(range(1_000_000))

    def promoted(key: Any, settings: Any) -> str:
        return json.dumps(json.loads(promoted_value(key, settings)) | {"created": next(count)})

    with patch.object(promotion, "promoted_value", promoted):
        yield


@contextmanager
def _two_at_once() -> Iterator[None]:
    """The function has no reserved concurrency of 1."""
    with patch.object(Role, "one_at_a_time", new=False):
        yield


Mutant = Callable[[], Any]

_VERDICT: Final = """\
    if not current.verdict:
        _condemn(keys, current, reason)
"""
_PENDING_OFF: Final = """\
    if current.has(AwsLabel.PENDING):
        keys.key.remove(AwsLabel.PENDING, current.id)
"""
_RETIRED_OFF: Final = "    _end_retirement(keys, previous.id)\n"
_MOVE: Final = "    keys.key.move(AwsLabel.CURRENT, to=previous.id, holder=current.id)\n"


def _slip(function: Any, right: str, wrong: str) -> Mutant:
    return Slip(function, right, wrong).made


MUTANTS: Final[Mapping[str, Mutant]] = {
    "AWSPENDING is left after a refusal": _slip(serving.take_step, "secret.abandon(token)", "pass"),
    "finishSecret returns early, unhealed, when already current": _slip(
        rotator._step, "heal(keys)", "request.step is Step.FINISH or heal(keys)"
    ),
    "a roll-back moves AWSCURRENT before it marks the bad key": _slip(
        fall_back._fall_back,
        _VERDICT + _PENDING_OFF + _RETIRED_OFF + _MOVE,
        _MOVE + _VERDICT + _PENDING_OFF + _RETIRED_OFF,
    ),
    "RETIRED is dropped after the move instead of before": _slip(
        fall_back._fall_back, _RETIRED_OFF + _MOVE, _MOVE + _RETIRED_OFF
    ),
    "RETIRED stays on what is live again": _slip(healing._revive, "Retired | Disabling", "Disabling"),
    "the auditor looks no second time": _slip(Disposal._disable, "self._went_live(fingerprint)", "False"),
    "a time-out promotes": _slip(
        spares._prove,
        "raise KlaviyoSilentError(str(silence)) from None",
        "proof = Proof(evidence={})",
    ),
    "the auditor disables by the label alone": _slip(Disposal._live_in, "self._is_live(seen, fingerprint)", "False"),
    "a staged endpoint is trusted": lambda: _trusting("endpoint"),
    "staged scopes are trusted": lambda: _trusting("scopes"),
    "a staged apiKeyId is trusted": lambda: _trusting("apiKeyId"),
    "KEY is forgotten": _slip(promotion.create_secret, ", HoldsKey(fingerprint)]", "]"),
    "a spare is picked though its key is live": _slip(spares._is_spare_still, "not is_promoted and ", ""),
    "values hold times": _with_times,
    "a key that is put again keeps its end under the version that it left": _slip(
        healing._gather, "keys.key.remove(label, version.id)", "pass"
    ),
    "what the reserve calls leaked is forgotten once it is put by hand": _slip(
        healing._clear_reserve, "ended = label.fingerprint in leaked", "pass"
    ),
    "what was put by hand is named only while services read it": _slip(
        healing._name, "not holder.in_use", "version.in_use and not holder.in_use"
    ),
    "a roll-back returns to the same key": _slip(
        fall_back._against, "previous.fingerprint == current.fingerprint", "False"
    ),
    "healing drops a verdict": _slip(healing._revive, "Retired | Disabling", "Retired | Disabling | Rejected"),
    "healing drops the verdict of what is superseded": _slip(
        healing._retire_superseded,
        "superseded = ",
        "[keys.key.remove(label, v.id) for v in key for label in v.ours if isinstance(label, Rejected)]\n"
        "    superseded = ",
    ),
    "the auditor looks at one role alone": _slip(
        Disposal._every_role, "for role in self.roles:", "for role in self.roles[:1]:"
    ),
    "the reserve's labels govern the key secret": _slip(
        healing._clear_reserve,
        "        for label in version.ours:\n",
        "        for label in version.ours:\n"
        "            for held in keys.key.labels():\n"
        "                if isinstance(label, Rejected) and held.fingerprint == label.fingerprint:\n"
        "                    keys.key.add(label, held.id)\n",
    ),
    "two runs of a rotator at once": _two_at_once,
    "AWSPENDING is left when labels are full": _slip(
        serving.take_step,
        "    except hopeless:\n",
        "    except hopeless as error:\n        if type(error).__name__ == 'LabelsFullError':\n            raise\n",
    ),
    "begin-disable does not wait for the grace": _slip(disabling._not_yet, "keys.clock() < until", "False"),
    "labels that lag let a leaked spare pass": _slip(
        spares._is_spare_still, "not is_leaked and keys.reserve.value_under(spare) is not None", "True"
    ),
    "a leaked key stays pending": _slip(leak._mark, "    if pending:\n", "    if False:\n"),
    "labels that lag for a whole run let a leaked spare pass": _slip(
        spares._is_spare_still, " and keys.reserve.value_under(spare) is not None", ""
    ),
    "a leaked spare is not marked": _slip(
        leak._reject, "reject_spare(keys, version, Rejected(keys.clock(), fingerprint, LEAKED_SPARE))", "pass"
    ),
    "a canary rolls back without looking at the previous key": _slip(
        fall_back._against, "not _is_better(keys, key, reason)", "False"
    ),
    "a canary stays with a dead key, since the one before lacks a scope": _slip(
        fall_back._is_known, "bool(_missing(refused.reason))", "False"
    ),
    "a 401 for everybody condemns spares": _slip(spares._require_answers, "if refused:", "if False:"),
    "a login that comes back condemns a spare": _slip(
        spares._pass_verdicts, "ask(keys, bad.key) is not Word.REFUSED", "False"
    ),
    "a spare of which Klaviyo says nothing holds up the good one": _slip(
        spares._try_spares, "passed_over.silent.append(spare.fingerprint)", "raise"
    ),
    "a 401 for everybody condemns a pending key": _slip(
        promotion._require_own_refusal, "require_control(keys, {key.fingerprint})", "pass"
    ),
    "its own 401 condemns the only key": _slip(
        control.require_control, "len(refused) > 1 or _services_read_a_key(keys)", "len(refused) > 1"
    ),
    "a login that comes back condemns a pending key": _slip(
        promotion._require_own_refusal, "ask(keys, key) is not Word.REFUSED", "False"
    ),
    "a login that comes back condemns the key in use": _slip(
        fall_back._fall_back, "ask(keys, refused) is not Word.REFUSED", "False"
    ),
    "a key without a name is rolled back without a verdict": _slip(
        fall_back._condemn, "elif find_keys(value_of(keys.key, current.id)):", "elif False:"
    ),
    "a 401 for everybody proves a key dead": _slip(death.prove_dead, "others is not Word.KNOWN", "False"),
    "the 401 of the only key proves it dead": _slip(
        death.prove_dead, "others is not Word.KNOWN", "others is Word.REFUSED"
    ),
    "a login that comes back proves a key dead": _slip(
        death.prove_dead, "        outcome = _ask(keys, held)\n    if", "        pass\n    if"
    ),
    "labels that lag for a whole run let a leaked key become current": _slip(
        promotion._require_no_verdict, "is_called_leaked(keys, pending.fingerprint)", "False"
    ),
    "labels that lag for a whole run let a roll-back return to a leaked key": _slip(
        fall_back._against, " or is_called_leaked(keys, previous.fingerprint)", ""
    ),
    "a roll-back returns to a condemned key": _slip(fall_back._against, "previous.verdict or ", ""),
    "finishSecret heeds no verdict": _slip(promotion.finish_secret, "_require_no_verdict(keys, pending)", "pass"),
    "a live key that was disabled stays so": _slip(Disposal._enable, "reversed(range(_TRIES))", "()"),
    "the auditor guesses which entry is meant": _slip(
        auditor_inventory.find, "len(same_ending) == len(fitting) == 1", "fitting"
    ),
    "the auditor believes a name alone": _slip(
        auditor_inventory.find,
        "[entry for entry in same_ending if fingerprint",
        "[entry for entry in entries if fingerprint",
    ),
    "the auditor takes what fits a key that is gone": _slip(
        Disposal._end, "self._is_alive(role, where, version)\n    is_known", "True\n    is_known"
    ),
    "the auditor heeds no grace of another role": _slip(
        Disposal._end, "any(seen.is_graced(fingerprint) for seen in self._every_role())", "False"
    ),
    "the auditor believes that what no label names is not live": _slip(
        Disposal._every_role, "{version.id for version in seen.unnamed} - self._unnamed.keys()", "()"
    ),
    "the auditor does not look for leaked keys that are back": _slip(
        Disposal.end_revived, "if one.is_to_end", "if False"
    ),
    "the auditor forgets which keys have no label": _slip(
        Disposal._is_live, "any(fingerprint in self._unnamed.get(one.id, ()) for one in seen.unnamed)", "False"
    ),
    "the auditor asks a person for what is live": _slip(
        Disposal._end,
        "self._leave_alone(role, entry, fingerprint, live)",
        "self._by_hand(role, fingerprint, ends_with)",
    ),
    "the auditor leaves a dead rotation where it is": _slip(
        Round._clear_wedge, "is_wedged(self.sight.look(role))", "False"
    ),
    "the auditor has labels healed before it ends a dead rotation": _slip(
        Round.go, "said += self._clear", "self._try_current_key(role, []); said += self._clear"
    ),
    "the auditor starts no rotation": _slip(Round._start_again, "self.sight.rotate(role)", "pass"),
    "the auditor tries no key": _slip(Round._try_current_key, '"canary"', '"unstick"'),
}
"""Each wrong rule as a context in which it holds."""

DANGER_OF: Final[Mapping[str, str]] = {
    "a key that is put again keeps its end under the version that it left": "what was is put by hand",
    "what the reserve calls leaked is forgotten once it is put by hand": "a leaked spare is put by hand",
    "what was put by hand is named only while services read it": "what was is put by hand",
    "a roll-back returns to the same key": "what was put by hand twice is rolled back",
    "AWSPENDING is left after a refusal": "labels are full",
    "AWSPENDING is left when labels are full": "labels are full",
    "finishSecret returns early, unhealed, when already current": "a rotation is killed",
    "a roll-back moves AWSCURRENT before it marks the bad key": "a roll-back is killed",
    "healing drops a verdict": "a roll-back is killed",
    "the auditor looks no second time": "a key becomes live elsewhere during an audit",
    "a live key that was disabled stays so": "a key becomes live elsewhere during an audit",
    "the auditor disables by the label alone": "a key is live elsewhere",
    "the auditor asks a person for what is live": "a key is live elsewhere",
    "the auditor does not look for leaked keys that are back": "somebody enables a leaked key again",
    "the auditor forgets which keys have no label": "what another role used is put where labels are full",
    "the auditor believes that what no label names is not live": "a role is audited beside one with a key by hand",
    "the auditor guesses which entry is meant": "somebody's key ends like ours",
    "the auditor believes a name alone": "somebody's key is called like ours",
    "the auditor takes what fits a key that is gone": "somebody's key ends like one that is gone",
    "the auditor heeds no grace of another role": "a key that was live elsewhere until now",
    "the auditor leaves a dead rotation where it is": "a rotation is left",
    "the auditor has labels healed before it ends a dead rotation": "a rotation is left, and labels wait for healing",
    "the auditor starts no rotation": "what services use leaks",
    "the auditor tries no key": "the new key dies",
    "RETIRED is dropped after the move instead of before": "a roll-back is killed",
    "the auditor looks at one role alone": "a key is live elsewhere",
    "a time-out promotes": "a call about a bad spare is lost",
    "a spare is picked though its key is live": "a live key is staged again during a rotation",
    "the reserve's labels govern the key secret": "the reserve speaks of a live key",
    "two runs of a rotator at once": "a key leaks during its rotation",
    "labels that lag let a leaked spare pass": "labels that lag behind a leak",
    "labels that lag for a whole run let a leaked spare pass": "labels lag for a run behind a spare's leak",
    "a leaked spare is not marked": "labels that lag behind a leak",
    "a leaked key stays pending": "a pending key leaks",
    "a canary rolls back without looking at the previous key": "both keys die",
    "a 401 for everybody condemns spares": "nobody is known while a rotation runs",
    "a 401 for everybody condemns a pending key": "nobody is known while a pending key is tried",
    "its own 401 condemns the only key": "nobody is known while a step comes late to the only key",
    "a key without a name is rolled back without a verdict": "labels that lag behind a key put by hand",
    "a 401 for everybody proves a key dead": "nobody is known while a key is asked whether it is dead",
    "the 401 of the only key proves it dead": "nobody is known during an audit of a leaked key",
    "a login that comes back condemns a spare": "the login comes back during a rotation",
    "a login that comes back condemns a pending key": "the login comes back while a pending key is tried",
    "a login that comes back condemns the key in use": "the login comes back while the key in use is tried",
    "a login that comes back proves a key dead": "the login comes back while a key is asked whether it is dead",
    "a spare of which Klaviyo says nothing holds up the good one": "klaviyo says nothing of the first spare",
    "a canary stays with a dead key, since the one before lacks a scope": "the key before lacks a scope by",
    "labels that lag for a whole run let a leaked key become current": "labels lag for a run behind a pending key",
    "labels that lag for a whole run let a roll-back return to a leaked key": "labels lag for a run behind a leak",
    "a roll-back returns to a condemned key": "back to a key that was rolled back",
    "RETIRED stays on what is live again": "labels are moved back by hand",
    "finishSecret heeds no verdict": "a leak's mark on a pending key is killed",
}
"""The danger in which a wrong rule does harm, where it takes a particular one; the others do with each key's life."""
