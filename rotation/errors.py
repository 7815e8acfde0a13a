"""Every error that leaves the rotator: fixed texts, without a value of a secret or of an event.

::

    RotationError
    ├── SettingsError               an environment variable of the function is missing or wrong
    ├── EventRefusedError           the event is none that this rotator serves: nothing was changed
    ├── KlaviyoSilentError          no definite answer by Klaviyo: nothing was changed, the next try decides
    ├── StoreError                  Secrets Manager refused a call, or could not be reached
    ├── RotatorFailedError          a fault of the rotator itself
    └── DeadEndError                this rotation cannot succeed: AWSPENDING is off, so that another one can start
        ├── NoSpareError            the reserve holds no good spare
        ├── EverybodyRefusedError   Klaviyo answered 401 to the keys in use as well: no verdict was passed
        ├── LabelsFullError         too few of AWS's 20 labels are free, for a rotation or an action
        ├── ScopesUnprovedError     a scope cannot be proved, and the settings ask for all proofs
        ├── WriteProbeError         Klaviyo took a malformed write, by which it was only to be asked for a scope
        ├── PendingKeyRefusedError  the pending key was refused, or a verdict was passed on it
        ├── NoRoleKeyError          there is no key with which a webhook's secret could be changed
        └── ChangeRefusedError      Klaviyo did not take a webhook's new secret
"""

from collections.abc import Sequence

from klaviyo_access.keys.labels import LABEL_LIMIT, Rejected
from rotation.commands import command


class RotationError(Exception):
    """What leaves the rotator, instead of anything that could show a value."""


class SettingsError(RotationError):
    """An environment variable of the function is missing or wrong."""


class EventRefusedError(RotationError):
    """The event is none that this rotator serves. The text never quotes it: an event can hold anything."""


class KlaviyoSilentError(RotationError):
    """Klaviyo gave no definite answer, so that nothing was promoted; the next try decides."""


class StoreError(RotationError):
    """A call to Secrets Manager failed.

    Attributes:
        code: AWS's error code, or the name of the connection error.
    """

    def __init__(self, operation: str, code: str) -> None:
        self.code = code
        super().__init__(f"Secrets Manager: {operation} failed with {code}. The same rotation may be tried again.")


class RotatorFailedError(RotationError):
    """Something unforeseen; only the kind of error is named, since its text could hold a value."""

    def __init__(self, action: str, kind: str) -> None:
        super().__init__(f"The rotator failed in {action} with {kind}: this is a fault of the rotator; report it.")


class DeadEndError(RotationError):
    """This rotation cannot succeed; AWSPENDING is taken off before it leaves, so that another one can start."""


class NoSpareError(DeadEndError):
    """The reserve holds no spare that Klaviyo accepts."""

    def __init__(self, role: str, rejected: Sequence[Rejected]) -> None:
        found = ", ".join(f"{label.fingerprint}: {label.reason}" for label in rejected)
        tried = f" Rejected now: {found}." if rejected else ""
        super().__init__(
            f"Role {role} has no good spare left.{tried} Create a key in Klaviyo's dashboard, stage it with "
            f"{command(f'keys stage {role}')}, then rotate again. The current key stays in use."
        )


class EverybodyRefusedError(DeadEndError):
    """Klaviyo refused every key of the role that was tried: its login is down, or the account is suspended."""

    def __init__(self, role: str) -> None:
        super().__init__(
            f"Klaviyo answers 401 to every key of role {role} that could be tried, which says nothing about one key: "
            "nothing was changed. Look whether Klaviyo has an incident, or suspended the "
            f"account; if the keys were disabled, stage a good one with {command(f'keys stage {role}')}. Then "
            "rotate again."
        )


class LabelsFullError(DeadEndError):
    """More labels are needed than AWS has left on a secret."""

    def __init__(self, secret: str, *, free: int, needed: int) -> None:
        super().__init__(
            f"The {secret} secret needs {needed} free labels for this, and {free} of AWS's {LABEL_LIMIT} are free. "
            "Wait until retired and rejected keys are proved dead, then try again."
        )


class ScopesUnprovedError(DeadEndError):
    """The settings ask for a proof of every scope, and for some there is none."""

    def __init__(self, role: str, unproved: Sequence[str]) -> None:
        super().__init__(
            f"REQUIRE_PROOF is 'all', and these scopes of role {role} cannot be proved: {', '.join(unproved)}. "
            "Set requireProof to 'available', or take the scopes from the role."
        )


class WriteProbeError(DeadEndError):
    """Klaviyo took a malformed write; this rotation sends no further one, and its failure reaches the alerts."""

    def __init__(self, role: str, accepted: str) -> None:
        super().__init__(
            f"Role {role}: {accepted} Look there for what it made, set writeProbes to false and deploy: until then "
            "the role rotates without write probes. The spare waits as before, and the current key stays in use."
        )


class PendingKeyRefusedError(DeadEndError):
    """The key that was to become current was refused."""

    def __init__(self, role: str, reason: str) -> None:
        super().__init__(
            f"The pending key of role {role} is not promoted ({reason}). The current key stays in use; rotate again to "
            "take the next spare."
        )


class NoRoleKeyError(DeadEndError):
    """The role whose key changes webhooks has none."""

    def __init__(self, webhook: str) -> None:
        super().__init__(
            f"The secret of the webhook {webhook} is changed with a role's key, and that role has no good key yet: "
            "stage one and rotate the role, then rotate the webhook's secret. The current secret stays in use."
        )


class ChangeRefusedError(DeadEndError):
    """Klaviyo did not take the new secret.

    Attributes:
        never_taken: whether no earlier try of the same run may have been taken without an answer.
    """

    def __init__(self, reason: str, status: int, *, never_taken: bool) -> None:
        self.never_taken = never_taken
        super().__init__(
            f"Klaviyo did not take the webhook's new secret ({status}, {reason}). Look whether the webhook's id is "
            "right and the role's key has webhooks:write; Klaviyo keeps webhooks for some plans alone. The secret "
            "that Klaviyo signs with stays in use."
        )
