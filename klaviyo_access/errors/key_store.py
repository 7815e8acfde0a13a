"""The role's key could not be had."""

from klaviyo_access.errors.base import KlaviyoAccessError


class KeyStoreError(KlaviyoAccessError):
    """The role's key could not be had."""


class KeyStoreNotConfigured(KeyStoreError):
    """Neither arguments nor environment variables say where the role's secret is."""


class NoKeyYet(KeyStoreError):
    """The role's secret exists and holds no key yet."""

    def __init__(self, role: str, secret_id: str) -> None:
        self.role = role
        super().__init__(
            f"Role {role!r} has no key yet: stage one, then rotate. The secret {secret_id} has no current value. "
            f"An operator runs 'klaviyo-access keys stage {role}', then 'klaviyo-access keys rotate {role}'."
        )


class KeyReadDenied(KeyStoreError):
    """AWS lets this principal not read the role's secret.

    Attributes:
        role: the role whose key was asked for.
        principal: the ARN that AWS saw, empty where its answer does not name it.
    """

    def __init__(self, role: str, secret_id: str, *, principal: str) -> None:
        self.role = role
        self.principal = principal
        who = principal or "this principal"
        super().__init__(
            f"Only the services of role {role!r} read its key; {who} may not read the secret {secret_id}. "
            "Run as the IAM role of one of its services (the program's output 'serviceRoleArns' names it), "
            "or ask for the role that this service reads."
        )


class KeyValueMalformed(KeyStoreError):
    """The secret's current value is none that the rotator writes."""

    def __init__(self, role: str, secret_id: str, *, reason: str) -> None:
        self.role = role
        super().__init__(
            f"The value of a role's secret is the JSON that its rotator writes; the value of {secret_id} "
            f"{reason}. An operator runs 'klaviyo-access keys rotate {role}', or rolls back."
        )


class KeyStoreUnavailable(KeyStoreError):
    """AWS could not be reached, or failed for a reason that is not the key's."""
