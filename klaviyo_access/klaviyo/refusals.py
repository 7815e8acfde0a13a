"""The typed error for an answer of Klaviyo's, whichever client received it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from klaviyo_access.errors import (
    FeatureForbidden,
    KeyRejected,
    KlaviyoAccessError,
    KlaviyoError,
    KlaviyoUnreachable,
    OAuthReauthorizationNeeded,
    RateLimited,
    RequestRefused,
    ScopeMissing,
)
from klaviyo_access.hidden import Hidden
from klaviyo_access.klaviyo.answers import Answer, Meaning

RoleScopes = Mapping[str, Collection[str]]
"""What the application knows of access.yaml: role to the scopes of its key."""


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Who sent a request, for the message.

    Attributes:
        role: the role whose key was sent; empty where an account's access token was.
        key: the newest key of the role; None where no role's key was sent.
        roles: see `RoleScopes`; None where the application did not say.
        account: the Klaviyo account that gave its consent; empty where a role's key was sent.
    """

    role: str
    key: Hidden[str] | None
    roles: RoleScopes | None = None
    account: str = ""


def refusal(answer: Answer, *, sender: Sender, operation: str, refresh_failure: str = "") -> KlaviyoAccessError:
    """What a caller is told about an answer that is no 2xx.

    Args:
        answer: the answer as read.
        sender: who sent the request.
        operation: the SDK's name of the operation, as in ``create_event``.
        refresh_failure: why no newer key could be fetched after a 401.
    """
    named = {"role": sender.role, "operation": operation}
    error: KlaviyoError
    match answer.meaning:
        case Meaning.KEY_REFUSED if sender.account:
            reason = f"{operation}: Klaviyo rejects its newest access token (401)"
            return OAuthReauthorizationNeeded(reason, account=sender.account)
        case Meaning.KEY_REFUSED if sender.key is not None:
            error = KeyRejected(key=str(sender.key), refresh_failure=refresh_failure, **named)
        case Meaning.SCOPES_MISSING:
            missing = answer.missing_scopes
            held_by = _holders(sender.roles, missing)
            error = ScopeMissing(missing=missing, held_by=held_by, account=sender.account, **named)
        case Meaning.FORBIDDEN:
            error = FeatureForbidden(answer.detail, **named)
        case Meaning.RATE_LIMITED:
            error = RateLimited(retry_after=answer.retry_after, **named)
        case Meaning.CHALLENGED:
            error = KlaviyoUnreachable("Cloudflare challenged this machine (403)", **named)
        case Meaning.SERVER_ERROR:
            error = KlaviyoUnreachable(f"it answered {answer.status}", **named)
        case _ if answer.status == 401 and (sender.key is not None or sender.account):
            also = f"; fetching a newer key failed too: {refresh_failure}" if refresh_failure else ""
            error = KlaviyoUnreachable(f"a 401 came without Klaviyo's own words for a refused key{also}", **named)
        case _:
            error = RequestRefused(answer.detail, status=answer.status, **named)
    return of_account(error, sender)


def of_account(error: KlaviyoError, sender: Sender) -> KlaviyoError:
    """``error`` with the sender's account, where it is one."""
    error.account = sender.account
    return error


def _holders(roles: RoleScopes | None, scopes: Collection[str]) -> list[str] | None:
    return None if roles is None else [role for role, held in roles.items() if set(scopes) <= set(held)]
