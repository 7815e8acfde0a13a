"""What is asked of Klaviyo about a key before it is staged, from the operator's machine, which has the key anyway."""

import re
import time
from typing import Final

from klaviyo_access.access_model import RoleAccess
from klaviyo_access.access_model.catalog import REVISION
from klaviyo_access.access_model.environment import Environment
from klaviyo_access.cli.console import note
from klaviyo_access.cli.errors import CommandError, UnreachableError
from klaviyo_access.cli.keys.reasons import meaning
from klaviyo_access.keys.labels import REFUSED
from klaviyo_access.keys.secret import Key
from klaviyo_access.klaviyo.probe_table import ACCOUNT_SCOPE
from klaviyo_access.klaviyo.probes import KeyRefusedError, NoAnswerError, Prober
from klaviyo_access.klaviyo.transport import send

_PATIENCE_SECONDS: Final = 90.0
"""For one key: Klaviyo answers some questions 15 times a minute in the whole account."""

_ACCOUNT_IN_KEY: Final = re.compile(r"pk_([A-Za-z0-9]{6})_")


def check_known(key: Key, role: RoleAccess, environment: Environment) -> None:
    """Refuse a key that Klaviyo does not know, and one of another account, where the stack names its own.

    One question a key. Newer keys show their account, so that any question will do: it is the one that Klaviyo answers
    most often. Of an older key the account is asked, which Klaviyo answers 15 times a minute. A key is staged unasked
    where Klaviyo does not answer, and noted where it lacks the scope of the question: the rotator asks again.

    Raises:
        CommandError: it is of another account, or Klaviyo does not know it.
    """
    expected = environment.klaviyo_account_id
    shown = _ACCOUNT_IN_KEY.match(key.reveal())
    if shown and expected and shown[1] != expected:
        raise _refused(key, f"it is of the Klaviyo account {shown[1]}; {environment.name} has {expected}")
    prober, asks_account = _prober(environment), bool(expected) and not shown
    try:
        if asks_account:
            prober.prove(key, (ACCOUNT_SCOPE,), account_id=expected)
        else:
            prober.confirm(key, role.scopes)
    except NoAnswerError as silence:
        note(f"Not known whether Klaviyo knows {key.fingerprint}: {silence}")
    except KeyRefusedError as refused:
        if asks_account or refused.reason == REFUSED:
            raise _refused(key, meaning(refused.reason)) from None
        note(f"The rotator will reject {key.fingerprint}: {meaning(refused.reason)}.")


def prove(key: Key, role: RoleAccess, environment: Environment) -> None:
    """Ask Klaviyo for each scope of the role that can be asked for without changing anything.

    Raises:
        CommandError: the key is not the one that the role needs.
        UnreachableError: Klaviyo gave no definite answer.
    """
    try:
        proof = _prober(environment).prove(key, role.scopes, account_id=environment.klaviyo_account_id)
    except KeyRefusedError as refused:
        raise _refused(key, meaning(refused.reason)) from None
    except NoAnswerError as silence:
        raise UnreachableError(
            f"{key.fingerprint} could not be proved: {silence}",
            cure="Try again, or stage it without --probe: the rotator proves it before services see it.",
        ) from None
    proved = len(proof.evidence) - len(proof.unproved)
    unproved = f"; without proof: {', '.join(proof.unproved)}" if proof.unproved else ""
    note(f"Klaviyo accepts {key.fingerprint}; scopes proved: {proved} of {len(proof.evidence)}{unproved}.")


def _prober(environment: Environment) -> Prober:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    return Prober(
        url=environment.klaviyo_url,
        revision=REVISION,
        transport=send,
        sleep=time.sleep,
        time_left=lambda: deadline - time.monotonic(),
    )


def _refused(key: Key, why: str) -> CommandError:
    return CommandError(
        f"{key.fingerprint} is not the key that is needed: {why}.",
        cure="Create a key as 'klaviyo-access scopes' says, in this environment's Klaviyo account, and stage that one.",
    )
