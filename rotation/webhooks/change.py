"""The four steps in which a webhook's secret changes, so that receivers refuse no delivery at any moment.

1. createSecret: a new random secret becomes the pending version. Klaviyo signs with the current one.
2. setSecret: the pending version lies for longer than receivers hold off, so that whoever meets an unknown signature
   finds it. It gets its label OFFERED, which keeps it readable whatever comes. Then Klaviyo is told.
3. testSecret: Klaviyo shows no secret, so that its answer in step 2 is all the proof there is.
4. finishSecret: the pending version becomes current, and the current one previous.

Killed between any two calls, Klaviyo signs with a version that is current, pending, previous or offered, and receivers
take all of these. So a rotation that nobody finishes may be ended at any moment: the next one makes another secret.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from klaviyo_access.keys.labels import AwsLabel, Foreign, Version
from klaviyo_access.keys.secret import Key, MalformedKeyError
from klaviyo_access.webhooks.labels import Stages, offered, offered_label, superseded
from klaviyo_access.webhooks.secret import SigningSecret, read_value, write_value
from rotation.errors import ChangeRefusedError, EventRefusedError, NoRoleKeyError
from rotation.keys.values import read_key
from rotation.report import Outcome, Report
from rotation.store import StoredSecret
from rotation.webhooks.klaviyo import KlaviyoWebhooks
from rotation.webhooks.settings import WebhookSettings

PUBLISHED_FOR: Final = 20.0
"""Seconds that a new secret lies readable before Klaviyo is told of it: four times as long as receivers hold off."""


@dataclass(frozen=True, kw_only=True)
class SecretChange:
    """What every step works on.

    Attributes:
        settings: what the deployment says.
        secret: the webhook's secret.
        role_key: the secret with the key that may change webhooks.
        klaviyo: takes the new secret.
        make_secret: makes a new random one.
        clock: the time now, with its zone.
        sleep: waits that many seconds.
    """

    settings: WebhookSettings
    secret: StoredSecret
    role_key: StoredSecret
    klaviyo: KlaviyoWebhooks
    make_secret: Callable[[], SigningSecret]
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]


def create_secret(change: SecretChange, token: str) -> Report:
    """Put a new secret as the pending version, and drop the labels that keep older ones for nothing.

    Raises:
        StoreError: a call to Secrets Manager failed.
    """
    if change.secret.value(token) is not None:
        return Report(outcome="already created")
    for version, label in superseded(_stages(change.secret)):
        change.secret.remove(Foreign(label), version)
    value = write_value(change.make_secret(), webhook_id=change.settings.webhook_id)
    change.secret.put(token, value, [AwsLabel.PENDING])
    return Report(outcome="created")


def set_secret(change: SecretChange, token: str) -> Report:
    """Tell Klaviyo the pending secret, once it is certain that receivers can read it.

    Raises:
        EventRefusedError: the pending version has no secret.
        NoRoleKeyError: there is no key to change webhooks with.
        ChangeRefusedError: Klaviyo does not take it.
        KlaviyoSilentError: no definite answer.
        StoreError: a call to Secrets Manager failed.
    """
    pending = change.secret.labels().version(token)
    if pending is None or not pending.has(AwsLabel.PENDING):
        return Report(outcome="already promoted")
    secret = read_value(change.secret.value(token) or "")
    if secret is None:
        raise EventRefusedError("The pending version holds no secret yet: createSecret comes first.")
    _offer(change, pending, secret, _role_key(change))
    return Report(outcome="taken by Klaviyo")


def test_secret(change: SecretChange, token: str) -> Report:  # noqa: ARG001 - all steps are called alike
    """Do nothing: Klaviyo shows no secret, and said in the step before that it took this one."""
    return Report(outcome="nothing to ask")


def finish_secret(change: SecretChange, token: str) -> Report:
    """Move AWSCURRENT to the version that Klaviyo was told of.

    Raises:
        EventRefusedError: Klaviyo was not told of it.
        StoreError: a call to Secrets Manager failed, or another version became current meanwhile.
    """
    labels = change.secret.labels()
    pending, current = labels.version(token), labels.current
    if pending is None or not _is_offered(pending):
        raise EventRefusedError("Klaviyo was not told of the pending secret: setSecret comes first.")
    if pending.has(AwsLabel.CURRENT):
        return Report(outcome="already current")
    change.secret.move(AwsLabel.CURRENT, to=token, holder=current.id if current else None)
    return Report(outcome="promoted")


def end_rotation(change: SecretChange) -> Report:
    """Take AWSPENDING off a rotation that nobody finishes, which would keep Secrets Manager from starting another.

    Raises:
        StoreError: a call to Secrets Manager failed.
    """
    pending = change.secret.labels().pending
    if pending is None or pending.has(AwsLabel.CURRENT):
        return Report(outcome=Outcome.NOTHING_PENDING)
    change.secret.remove(AwsLabel.PENDING, pending.id)
    return Report(outcome=Outcome.UNSTUCK)


def _stages(secret: StoredSecret) -> Stages:
    return {version.id: [str(label) for label in version.labels] for version in secret.labels()}


def _offer(change: SecretChange, pending: Version, secret: SigningSecret, key: Key) -> None:
    before, label = _is_offered(pending), Foreign(offered_label(change.clock()))
    if not before:
        change.sleep(PUBLISHED_FOR)
        change.secret.add(label, pending.id)
    try:
        change.klaviyo.change_secret(change.settings.webhook_id, secret, key=key)
    except ChangeRefusedError as refused:
        if refused.never_taken and not before:
            change.secret.remove(label, pending.id)  # or labels of refused secrets would fill the secret
        raise


def _is_offered(version: Version) -> bool:
    return offered([str(label) for label in version.labels]) is not None


def _role_key(change: SecretChange) -> Key:
    current = change.role_key.labels().current
    value = change.role_key.value(current.id) if current else None
    try:
        return read_key(value or "")
    except MalformedKeyError:
        raise NoRoleKeyError(change.settings.webhook) from None
