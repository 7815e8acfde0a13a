"""A key that somebody else put becomes this rotator's: it is named by a label, as it is, and its value stays.

Healing gives the label, in any run. What an operator asks for beside it is what Klaviyo says of such a key: nobody else
has proved it. The next rotation writes the value in its own form.
"""

from klaviyo_access.klaviyo.probes import KeyRefusedError, NoAnswerError
from rotation.errors import LabelsFullError
from rotation.events import Adopt
from rotation.keys.role_keys import RoleKeys, value_of
from rotation.keys.values import find_key
from rotation.report import Outcome, Report


def adopt(keys: RoleKeys, request: Adopt) -> Report:  # noqa: ARG001 - all actions are called alike
    """Say whether the key that services read is managed now, and what Klaviyo has against it.

    Args:
        keys: the role's keys, healed.
        request: names nothing.

    Raises:
        LabelsFullError: there is no room for the label.
        StoreError: a call to Secrets Manager failed.
    """
    current = keys.key.labels().current
    if current is None:
        return Report(outcome=Outcome.NOTHING_TO_ADOPT, reason="no key")
    key = find_key(value_of(keys.key, current.id))
    if key is None:
        return Report(outcome=Outcome.NOTHING_TO_ADOPT, reason="malformed")
    if current.fingerprint is None:
        raise LabelsFullError("key", free=0, needed=1)
    settings = keys.settings
    try:
        proof = keys.klaviyo.prove(key, settings.scopes, account_id=settings.klaviyo_account_id)
    except KeyRefusedError as refused:
        return Report(outcome=Outcome.ADOPTED, fingerprint=key.fingerprint, reason=refused.reason)
    except NoAnswerError:
        return Report(outcome=Outcome.NO_ANSWER, fingerprint=key.fingerprint)
    return Report(outcome=Outcome.ADOPTED, fingerprint=key.fingerprint, unproved=proof.unproved)
