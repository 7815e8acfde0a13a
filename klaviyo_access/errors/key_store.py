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
            f"An operator runs {_command('stage', role, secret_id)}, then {_command('rotate', role, secret_id)}."
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
            "Run as the IAM role of one of its services (the program's output 'serviceRoleArns' names it), or ask for "
            "the role that this service reads. Or role, environment or region is misspelt: AWS answers the same for a "
            "secret that is not there to whoever may not look."
        )


class KeyValueMalformed(KeyStoreError):
    """The secret's current value is none that the rotator writes, or what a platform hands over holds no key.

    Args:
        role: the role whose key was asked for.
        place: the secret, or the variable or file that the platform fills.
        reason: what is wrong with the value, as the end of a sentence; it quotes none of it.
        is_injected: whether a platform handed it over.
    """

    def __init__(self, role: str, place: str, *, reason: str, is_injected: bool = False) -> None:
        self.role = role
        rule, cure = (
            ("A platform hands over a role's key, bare, or its secret's JSON", "Have it inject the role's secret.")
            if is_injected
            else (
                "The value of a role's secret is the JSON that its rotator writes",
                f"An operator runs {_command('rotate', role, place)}, or rolls back.",
            )
        )
        super().__init__(f"{rule}; the value of {place} {reason}. {cure}")


class KeyStoreUnavailable(KeyStoreError):
    """AWS could not be reached, or failed for a reason that is not the key's."""


def _command(word: str, role: str, secret_id: str) -> str:
    """A command of the operators, with the stack that a secret's name or ARN shows, where it has the usual form."""
    environment = secret_id.rpartition(f"/{role}/key")[0].rpartition("/")[2]
    return f"'klaviyo-access keys {word} {role}{f' --stack {environment}' if environment else ''}'"
