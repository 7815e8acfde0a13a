"""Before a key is disabled at Klaviyo: whether it may be, and the label that keeps it from coming back meanwhile."""

from datetime import datetime

from klaviyo_access.keys.labels import Disabling, Rejected, Retired, Version
from rotation.errors import EventRefusedError, LabelsFullError
from rotation.events import BeginDisable, Retire
from rotation.keys.live import live_fingerprints
from rotation.keys.role_keys import RoleKeys, value_of
from rotation.keys.undecryptable import UNDECRYPTABLE, decrypted
from rotation.keys.values import find_key
from rotation.keys.verdicts import make_room
from rotation.report import Outcome, Report
from rotation.store import Where


def retire(keys: RoleKeys, request: Retire) -> Report:
    """As `begin_disable` for a version of the key secret, without waiting for a retired key's grace."""
    return begin_disable(keys, BeginDisable(Where.KEY, request.version), with_grace=False)


def begin_disable(keys: RoleKeys, request: BeginDisable, *, with_grace: bool = True) -> Report:
    """Say whether the key of a version may be disabled at Klaviyo now, and from then on keep it from coming back.

    A key with a verdict may be at once, a retired one after its grace. What is current or pending never may be, by
    whichever version holds it.

    Args:
        keys: the role's keys, healed.
        request: the version.
        with_grace: whether a retired key's grace is waited for.

    Raises:
        EventRefusedError: there is no such version, or it holds no key.
        LabelsFullError: there is no room for the label.
        StoreError: a call to Secrets Manager failed.
    """
    secret = keys.secret(request.secret)
    version = secret.labels().version(request.version)
    if version is None or not version.ours:
        raise EventRefusedError("The version holds no key of this role.")
    if request.secret is Where.RESERVE and decrypted(keys, version.id) is None:
        return Report(outcome=Outcome.DISABLING, fingerprint=version.ours[0].fingerprint, reason=UNDECRYPTABLE)
    if not_yet := _not_yet(keys, version, request.secret, with_grace=with_grace):
        return not_yet
    key = find_key(value_of(secret, version.id))
    if key is None:
        return Report(outcome=Outcome.DISABLING, fingerprint=version.ours[0].fingerprint, reason="malformed")
    # Of the value alone: the label of a spare can name one key and lie on another.
    if key.fingerprint in live_fingerprints(keys):
        return Report(outcome=Outcome.IN_USE, fingerprint=key.fingerprint)
    if request.secret is Where.KEY:
        _mark(keys, version, key.fingerprint)
    return Report(outcome=Outcome.DISABLING, fingerprint=key.fingerprint, ends_with=key.reveal()[-4:])


def _not_yet(keys: RoleKeys, version: Version, where: Where, *, with_grace: bool) -> Report | None:
    fingerprint = version.ours[0].fingerprint
    if where is Where.RESERVE:
        waits = not any(isinstance(label, Rejected) for label in version.ours)
        return Report(outcome=Outcome.IN_USE, fingerprint=fingerprint) if waits else None
    if version.in_use:
        return Report(outcome=Outcome.IN_USE, fingerprint=fingerprint)
    if version.verdict or not with_grace or any(isinstance(label, Disabling) for label in version.ours):
        return None
    until = _retired_since(keys, version) + keys.settings.grace
    return Report(outcome=Outcome.TOO_EARLY, fingerprint=fingerprint, until=until) if keys.clock() < until else None


def _retired_since(keys: RoleKeys, version: Version) -> datetime:
    """When its grace began; a version that waits for a free label has not begun yet."""
    return max((label.time for label in version.ours if isinstance(label, Retired)), default=keys.clock())


def _mark(keys: RoleKeys, version: Version, fingerprint: str) -> None:
    """RETIRED becomes DISABLING."""
    if Disabling(fingerprint) not in version.ours:
        try:
            make_room(keys, version)
            keys.key.add(Disabling(fingerprint), version.id)
        except LabelsFullError:
            if not version.verdict:  # which keeps the key from coming back as well
                raise
    marked = keys.key.labels().version(version.id)
    for label in marked.ours if marked else ():
        if isinstance(label, Retired):
            keys.key.remove(label, version.id)
