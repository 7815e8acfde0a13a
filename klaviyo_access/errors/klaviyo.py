"""Klaviyo did not do what was asked."""

from collections.abc import Iterable

from klaviyo_access.errors.base import KlaviyoAccessError


class KlaviyoError(KlaviyoAccessError):
    """Klaviyo did not do what was asked.

    Attributes:
        role: the role whose key was sent; empty where an account's access token was.
        account: the Klaviyo account whose access token was sent; empty where a role's key was.
        operation: the SDK's name of the operation, as in ``create_event``.
    """

    def __init__(self, message: str, *, role: str, operation: str) -> None:
        self.role = role
        self.account = ""
        self.operation = operation
        super().__init__(message)


class KeyRejected(KlaviyoError):
    """Klaviyo answered 401, and there is no newer key, or none that could be fetched.

    Attributes:
        key: the key as it prints: its last four characters and its fingerprint.
        refresh_failure: why a newer key could not be fetched, empty where the secret holds none.
    """

    def __init__(self, *, role: str, operation: str, key: str, refresh_failure: str = "") -> None:
        self.key = key
        self.refresh_failure = refresh_failure
        then = (
            f"and whether there is a newer one is not known, because the refresh failed: {refresh_failure}"
            if refresh_failure
            else "and the secret holds no newer one. It was disabled or deleted: stage a good key, then run "
            f"'klaviyo-access keys rotate {role}'."
        )
        super().__init__(
            f"{operation}: Klaviyo rejected the key {key} of role {role!r} (401), {then}",
            role=role,
            operation=operation,
        )


class ScopeMissing(KlaviyoError):
    """Klaviyo answered 403: the role's key, or the account's consent, lacks scopes that the operation needs.

    Attributes:
        missing: the scopes that Klaviyo named, sorted.
        held_by: the roles that have them all, sorted; None where the session was not told what roles have.
    """

    def __init__(
        self,
        *,
        role: str,
        operation: str,
        missing: Iterable[str],
        held_by: Iterable[str] | None = None,
        account: str = "",
    ) -> None:
        self.missing = tuple(sorted(missing))
        self.held_by = None if held_by is None else tuple(sorted(held_by))
        lacks = f"the Klaviyo account {account} did not grant" if account else f"the key of role {role!r} lacks"
        super().__init__(
            f"{operation} needs {', '.join(self.missing)}, which {lacks} (403). {self._cure(account)}",
            role=role,
            operation=operation,
        )

    def _cure(self, account: str) -> str:
        if account:
            return "Add the permission to the app in access.yaml, deploy, and have its owner give consent again."
        widen = "add it to the role in access.yaml, stage a key with it and rotate"
        if self.held_by is None:
            return f"Use a role that has it ('klaviyo-access scopes' shows each role's), or {widen}."
        return f"Roles that have it: {', '.join(self.held_by) or 'none'}. Use one, or {widen}."


class FeatureForbidden(KlaviyoError):
    """Klaviyo answered 403 without naming a scope: the account is not entitled to the feature."""

    def __init__(self, detail: str, *, role: str, operation: str) -> None:
        said = detail or "it gave no reason"
        super().__init__(
            f"{operation}: Klaviyo forbids this to the account, whatever the key's scopes (403: {said}). "
            "Look whether the account's plan includes the feature.",
            role=role,
            operation=operation,
        )


class RateLimited(KlaviyoError):
    """Klaviyo answered 429, and did so after the SDK's own retries.

    Attributes:
        retry_after: whole seconds to wait, None where Klaviyo did not say.
    """

    def __init__(self, *, role: str, operation: str, retry_after: int | None) -> None:
        self.retry_after = retry_after
        wait = "a minute" if retry_after is None else f"{retry_after} s"
        super().__init__(
            f"{operation}: the account's rate limit is used up (429); all private keys of an account share it. "
            f"Try again in {wait}.",
            role=role,
            operation=operation,
        )


class RequestRefused(KlaviyoError):
    """Klaviyo refused the request itself.

    Attributes:
        status: the HTTP status, as in 400, 404 or 409.
        detail: Klaviyo's own sentence, empty where there is none.
    """

    def __init__(self, detail: str, *, role: str, operation: str, status: int) -> None:
        self.status = status
        self.detail = detail
        super().__init__(
            f"{operation}: Klaviyo refused the request ({status}): {detail or 'it gave no reason'}",
            role=role,
            operation=operation,
        )


class RequestMalformed(KlaviyoError):
    """The call cannot be sent as it is; Klaviyo saw nothing of it."""

    def __init__(self, reason: str, *, role: str, operation: str) -> None:
        super().__init__(
            f"{operation}: the call cannot be sent: {reason}. Klaviyo saw nothing of it; mend the call.",
            role=role,
            operation=operation,
        )


class AnswerNotUnderstood(KlaviyoError):
    """Klaviyo did what was asked, and its answer is not of the form that the SDK or httpx reads."""

    def __init__(self, reason: str, *, role: str, operation: str) -> None:
        super().__init__(
            f"{operation}: Klaviyo accepted the request, and its answer cannot be read: {reason}. Look what was done "
            "before you send it again; a newer klaviyo-api may read the answer.",
            role=role,
            operation=operation,
        )


class KlaviyoUnreachable(KlaviyoError):
    """Klaviyo could not be asked: no connection, a server error, or a challenge on the way."""

    def __init__(self, reason: str, *, role: str, operation: str) -> None:
        super().__init__(
            f"{operation}: Klaviyo could not be reached: {reason}. The key is not in question: try again, "
            "then look at this machine's way to Klaviyo and at https://status.klaviyo.com.",
            role=role,
            operation=operation,
        )
