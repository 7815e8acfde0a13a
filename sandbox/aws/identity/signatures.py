"""Proves who sent a request: AWS Signature Version 4, in the header or in the query of a presigned URL.

The canonical forms are ministack's own pure functions (``ministack.core.sigv4``); whose key it is, is ours.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ministack.core import sigv4  # type: ignore[import-untyped]  # ministack has no types

from sandbox.aws.calls import AwsError, Caller
from sandbox.aws.http import Request
from sandbox.aws.identity.credentials import Sessions

_BODY_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class UserKey:
    """A long-lived access key of an IAM user."""

    caller: Caller
    secret_access_key: str = field(repr=False)


FindUserKey = Callable[[str], Awaitable[UserKey | None]]


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a signature says of the request it signs."""

    access_key_id: str
    region: str
    service: str


def scope_of(request: Request) -> Scope:
    """Read the credential scope, nothing being proved yet.

    Raises:
        AwsError: MissingAuthenticationToken for a request without a signature, IncompleteSignature for half a one.
    """
    signature = _signature(request)
    return Scope(access_key_id=signature.access_key_id, region=signature.region, service=signature.service)


class Signatures:
    """Verifies requests against the sandbox's sessions and the keys of IAM users.

    Args:
        sessions: the sessions the sandbox issued.
        find_user_key: looks up an IAM user's access key by its id.
        clocks: seconds since the epoch, by each clock that somebody signs by.
    """

    def __init__(
        self, *, sessions: Sessions, find_user_key: FindUserKey, clocks: Sequence[Callable[[], float]]
    ) -> None:
        self._sessions = sessions
        self._find_user_key = find_user_key
        self._clocks = clocks

    async def verify(self, request: Request) -> Caller:
        """Say who signed the request.

        Raises:
            AwsError: InvalidClientTokenId, ExpiredToken, SignatureDoesNotMatch, RequestTimeTooSkewed and their like.
        """
        signature = _signature(request)
        caller, secret = await self._credentials(signature.access_key_id, request)
        presigned = "authorization" not in request.headers
        self._refuse_wrong_time(request, signature, presigned=presigned)
        _refuse_wrong_body_hash(request)
        failure = sigv4.header_signature_failure(
            signature,
            secret,
            request.method,
            request.raw_path,
            request.query,
            request.headers,
            request.body,
            presigned=presigned,
        )
        if failure:
            raise AwsError(*failure, status=403)
        return caller

    async def _credentials(self, access_key_id: str, request: Request) -> tuple[Caller, str]:
        if session := self._sessions.find(access_key_id):
            token = request.headers.get("x-amz-security-token") or request.query.get("X-Amz-Security-Token", [""])[0]
            self._sessions.check(session, token)
            return session.caller, session.secret_access_key
        if key := await self._find_user_key(access_key_id):
            return key.caller, key.secret_access_key
        raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", status=403)

    def _refuse_wrong_time(self, request: Request, signature: sigv4.HeaderSignature, *, presigned: bool) -> None:
        """Refuse a time that is wrong by every clock: callers sign by the machine's, functions by the sandbox's."""
        failures = [
            _wrong_time(request, signature, datetime.fromtimestamp(clock(), UTC), presigned=presigned)
            for clock in self._clocks
        ]
        if all(failures) and failures[0]:
            raise failures[0]


def _wrong_time(
    request: Request, signature: sigv4.HeaderSignature, now: datetime, *, presigned: bool
) -> AwsError | None:
    if not presigned:
        failure = sigv4.request_time_failure(signature, now=now)
        return AwsError(*failure, status=403) if failure else None
    try:
        expired = sigv4.presigned_request_is_expired(
            signature.amz_date, request.query.get("X-Amz-Expires", ["x"])[0], now=now
        )
    except ValueError:
        return AwsError("AuthorizationQueryParametersError", "X-Amz-Expires must be a number of seconds.")
    return AwsError("AccessDenied", "Request has expired", status=403) if expired else None


def _signature(request: Request) -> sigv4.HeaderSignature:
    authorization = request.headers.get("authorization", "")
    if authorization.startswith("AWS4-HMAC-SHA256 "):
        signature = sigv4.parse_header_signature(request.headers)
    elif "X-Amz-Signature" in request.query:
        signature = sigv4.parse_query_signature(request.query)
    elif authorization or "AWSAccessKeyId" in request.query:
        message = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
        raise AwsError("InvalidRequest", message)
    elif b"Action=AssumeRoleWith" in request.body:
        raise AwsError("NotImplemented", "The sandbox's STS has no federated sign-in: use AssumeRole.", status=501)
    else:
        raise AwsError("MissingAuthenticationToken", "Missing Authentication Token", status=403)
    if isinstance(signature, tuple):
        raise AwsError(*signature, status=403)
    return signature


def _refuse_wrong_body_hash(request: Request) -> None:
    """The signature covers the hash that the header claims: hold the body to it."""
    claimed = request.headers.get("x-amz-content-sha256", "")
    if _BODY_HASH.fullmatch(claimed) and claimed != hashlib.sha256(request.body).hexdigest():
        raise AwsError(
            "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed."
        )
