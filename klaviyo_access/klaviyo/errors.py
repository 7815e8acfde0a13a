"""Every error that the library raises at run time, each with its cause and its cure. Standard library only.

::

    KlaviyoAccessError            catch this one to catch them all
    ├── KeyStoreError             the role's key could not be had
    │   ├── KeyStoreNotConfigured cause: no environment or region named    cure: set the variables that it names
    │   ├── NoKeyYet              cause: the role's secret has no value    cure: stage a key, then rotate
    │   ├── KeyReadDenied         cause: IAM lets this principal not read  cure: run as the role's service
    │   ├── KeyValueMalformed     cause: a value that no rotator wrote     cure: rotate, or roll back
    │   └── KeyStoreUnavailable   cause: AWS not reached, or it failed     cure: wait, look at network and credentials
    ├── KlaviyoError              Klaviyo did not do what was asked
    │   ├── KeyRejected           cause: 401, and so with a fresh key      cure: rotate in a good spare
    │   ├── ScopeMissing          cause: 403 that names scopes             cure: a role that has them, or a wider key
    │   ├── FeatureForbidden      cause: 403 that names none               cure: the account's plan or entitlement
    │   ├── RateLimited           cause: 429, the account's quota          cure: wait `retry_after` seconds
    │   ├── RequestRefused        cause: any other 4xx                     cure: mend the request
    │   ├── RequestMalformed      cause: a call that cannot be sent        cure: mend the call
    │   ├── AnswerNotUnderstood   cause: a body unlike its description     cure: look what was done, then update
    │   └── KlaviyoUnreachable    cause: no connection, 5xx, a challenge   cure: wait, look at network and status page
    ├── OAuthError                an account's consent could not be had or used
    │   ├── OAuthNotConfigured    cause: app or secrets not named or there cure: set or stage what it names
    │   ├── OAuthStateMismatch    cause: a callback of another browser     cure: start again in this one
    │   ├── OAuthStateExpired     cause: more than ten minutes at Klaviyo  cure: send the user to Klaviyo again
    │   ├── OAuthConsentDenied    cause: the account's owner said no       cure: tell what it is for, ask again
    │   ├── OAuthCodeExpired      cause: the code is used, or 5 min old    cure: send the user to Klaviyo again
    │   ├── OAuthAccountMismatch  cause: another account gave its consent  cure: sign in to the right one
    │   ├── OAuthReauthorizationNeeded  cause: consent withdrawn, or widened   cure: ask the account's owner anew
    │   ├── OAuthAppRefused       cause: Klaviyo knows not the app's secret    cure: stage the client secret again
    │   ├── OAuthRequestRefused   cause: any other refusal by Klaviyo      cure: mend the app's registration
    │   └── OAuthUnavailable      cause: Klaviyo or AWS not reached, 429   cure: wait, look at the network
    ├── AuditNotConfigured        cause: no disk or log group for entries  cure: name what it asks for
    ├── AuthorizationError        the application's user may not do this
    │   ├── RoleNotAssigned       cause: the user has no Klaviyo role      cure: sign in, or assign a role
    │   └── PermissionDenied      cause: the role lacks the permission     cure: a role that has it, in access.yaml
    ├── DeclarationError          service and access model do not fit: it must not start
    │   ├── UnknownRole           cause: a role that is not declared       cure: the one that the message names
    │   ├── UnknownPermission     cause: a permission that is not declared cure: the one that the message names
    │   ├── UnguardedRoutes       cause: open routes under its prefix      cure: require a permission, or give a reason
    │   └── PermissionsUnusable   cause: no export, or one from elsewhere  cure: export the permissions again
    └── WebhookError              a webhook's delivery was not handed over
        ├── WebhookRefused        cause: forged, changed, or too old       cure: none, answer 401
        ├── WebhookRepeated       cause: it was handled, or is being so    cure: none, answer 200, or 409 meanwhile
        └── WebhookSecretsUnavailable  cause: no secret to verify with     cure: what it names, answer 503 meanwhile

The error of the layer below stays as ``__cause__``. No message, attribute or cause holds a key.
"""

from collections.abc import Iterable
from typing import Any


class KlaviyoAccessError(Exception):
    """What the library could not do; the message says why and what to do."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors cross process boundaries (process pools, task queues), and the constructors below differ.
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[KlaviyoAccessError], args: tuple[Any, ...], state: dict[str, Any]) -> KlaviyoAccessError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


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


class KlaviyoError(KlaviyoAccessError):
    """Klaviyo did not do what was asked.

    Attributes:
        role: the role whose key was sent.
        operation: the SDK's name of the operation, as in ``create_event``.
    """

    def __init__(self, message: str, *, role: str, operation: str) -> None:
        self.role = role
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
    """Klaviyo answered 403: the role's key lacks scopes that the operation needs.

    Attributes:
        missing: the scopes that Klaviyo named, sorted.
        held_by: the roles that have them all, sorted; None where the session was not told what roles have.
    """

    def __init__(
        self, *, role: str, operation: str, missing: Iterable[str], held_by: Iterable[str] | None = None
    ) -> None:
        self.missing = tuple(sorted(missing))
        self.held_by = None if held_by is None else tuple(sorted(held_by))
        super().__init__(
            f"{operation} needs {', '.join(self.missing)}, which the key of role {role!r} lacks (403). {self._cure()}",
            role=role,
            operation=operation,
        )

    def _cure(self) -> str:
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


class OAuthError(KlaviyoAccessError):
    """An account's consent could not be had, or could not be used.

    Source: https://developers.klaviyo.com/en/docs/set_up_oauth
    """


class OAuthNotConfigured(OAuthError):
    """Nothing says which OAuth app this is, or AWS does not hand out the secrets that say it."""


class OAuthStateMismatch(OAuthError):
    """The callback's state was not made for this browser's session: the answer to somebody else's request."""

    def __init__(self) -> None:
        super().__init__(
            "A callback's state belongs to the browser session that asked for it; this one does not belong to this "
            "session. Nothing was exchanged: send the user to the authorization URL again, in this browser."
        )


class OAuthStateExpired(OAuthError):
    """The callback came too late."""

    def __init__(self, *, minutes: int) -> None:
        super().__init__(
            f"A request for consent is good for {minutes} minutes, so that a link left lying about is worth nothing; "
            "this one is older. Send the user to the authorization URL again."
        )


class OAuthConsentDenied(OAuthError):
    """The account's owner did not give consent."""

    def __init__(self) -> None:
        super().__init__(
            "The account's owner did not agree to what the app asked for (access_denied). Nothing has changed; say "
            "what each scope is for, and ask again."
        )


class OAuthCodeExpired(OAuthError):
    """Klaviyo takes an authorization code once, within five minutes."""

    def __init__(self) -> None:
        super().__init__(
            "Klaviyo did not take the authorization code: it is good once, for five minutes. "
            "Send the user to the authorization URL again."
        )


class OAuthReauthorizationNeeded(OAuthError):
    """The tokens of an account are of no more use: its owner must give consent again.

    Attributes:
        account: the Klaviyo account, empty where it is not known.
    """

    def __init__(self, reason: str, *, account: str) -> None:
        self.account = account
        super().__init__(
            f"The Klaviyo account {account or '(unknown)'} must give its consent again: {reason}. "
            "Send its owner to the authorization URL."
        )


class OAuthAccountMismatch(OAuthError):
    """Another Klaviyo account gave its consent than the one that was to be connected.

    Attributes:
        expected: the account that was to be connected.
        given: the account whose owner consented.
    """

    def __init__(self, *, expected: str, given: str) -> None:
        self.expected = expected
        self.given = given
        super().__init__(
            f"The Klaviyo account {expected} was to be connected, and the owner of {given} gave consent: one account's "
            "data must never be taken for another's, so nothing was stored. Sign in to the right account and start "
            "again."
        )


class OAuthAppRefused(OAuthError):
    """Klaviyo does not accept the app's client id and secret (invalid_client)."""

    def __init__(self) -> None:
        super().__init__(
            "Klaviyo does not accept this app's client id and secret (invalid_client). Compare the client id with "
            "Klaviyo's app page, generate a new client secret there if need be, and stage it again."
        )


class OAuthRequestRefused(OAuthError):
    """Klaviyo refused an OAuth request for a reason that trying again does not mend.

    Attributes:
        error: the code, as in ``invalid_request`` (RFC 6749, sections 4.1.2.1 and 5.2).
    """

    def __init__(self, error: str, *, description: str) -> None:
        self.error = error
        super().__init__(
            f"Klaviyo refused the OAuth request ({error}): {description or 'it gave no reason'}. Compare redirect URI "
            "and scopes with the app's registration at Klaviyo."
        )


class OAuthUnavailable(OAuthError):
    """Klaviyo or AWS could not be asked; consent and tokens are not in question.

    Attributes:
        retry_after: whole seconds to wait, None where nobody said.
    """

    def __init__(self, reason: str, *, retry_after: int | None = None) -> None:
        self.retry_after = retry_after
        wait = "Try again" if retry_after is None else f"Try again in {retry_after} s"
        super().__init__(f"{reason}. Consent and tokens are not in question. {wait}, then look at the network.")


class AuditNotConfigured(KlaviyoAccessError):
    """An audit log has no place for its entries, on disk or at AWS."""


class AuthorizationError(KlaviyoAccessError):
    """The application's user may not do this."""


class RoleNotAssigned(AuthorizationError):
    """The application's user has no Klaviyo role: HTTP 401."""

    def __init__(self) -> None:
        super().__init__("No Klaviyo role assigned")


class PermissionDenied(AuthorizationError):
    """The role of the application's user has not the permission: HTTP 403.

    Attributes:
        role: the user's role, as in access.yaml.
        permission: what it lacks, as in access.yaml.

    The message ends with ``why``, where there is more to say than that.
    """

    def __init__(self, *, role: str, permission: str, why: str = "") -> None:
        self.role = role
        self.permission = permission
        super().__init__(f"Role {role!r} does not have the permission {permission!r}{why}.")


class DeclarationError(KlaviyoAccessError):
    """What the service declares does not fit the access model; it must not start so."""


class UnknownRole(DeclarationError):
    """A route names a role that cannot pass it: the access model does not have it, or not with the permission."""


class UnknownPermission(DeclarationError):
    """A route requires a permission that the access model does not have."""


class UnguardedRoutes(DeclarationError):
    """Routes under the Klaviyo prefix require no permission."""


class PermissionsUnusable(DeclarationError):
    """The exported permissions are missing, malformed, or those of another environment."""


class WebhookError(KlaviyoAccessError):
    """A webhook's delivery was not handed over."""


class WebhookRefused(WebhookError):
    """The delivery is not Klaviyo's, not this webhook's, or too old; who sent it is told nothing more."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"A delivery is received when Klaviyo signed it, for this webhook, a short while ago; this one is refused: "
            f"{reason}. Answer 401. If it was Klaviyo's, look at the webhook's id, its secret and this machine's clock."
        )


class WebhookRepeated(WebhookError):
    """The same delivery came before.

    Attributes:
        handled: whether it was handled; if not, it is being handled now, and that may fail yet.
    """

    def __init__(self, *, handled: bool) -> None:
        self.handled = handled
        said = "was handled: answer 200" if handled else "is being handled: answer 409, so that Klaviyo asks again"
        super().__init__(f"A delivery is handled once, and this one {said}.")


class WebhookSecretsUnavailable(WebhookError):
    """There are no secrets to verify deliveries with; the message says why and what to do."""
