"""STS: who am I, and may I be that role."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from sandbox.aws.authorization.authorizer import Authorizer
from sandbox.aws.calls import AwsError, Call, Json
from sandbox.aws.identity.credentials import Session, Sessions
from sandbox.aws.identity.identities import Identities

_NOT_MODELLED = ("Policy", "PolicyArns", "Tags", "TransitiveTagKeys", "SerialNumber", "TokenCode", "ProvidedContexts")


class Sts:
    """GetCallerIdentity and AssumeRole; every other operation is refused by name."""

    def __init__(self, *, authorize: Authorizer, identities: Identities, sessions: Sessions) -> None:
        self._authorize = authorize
        self._identities = identities
        self._sessions = sessions
        self._operations: dict[str, Callable[[Call], Awaitable[Json]]] = {
            "GetCallerIdentity": self._get_caller_identity,
            "AssumeRole": self._assume_role,
        }

    async def handle(self, call: Call) -> Json:
        """Answer a call.

        Raises:
            AwsError: the caller may not, the role does not exist, or the sandbox does not model what is asked.
        """
        operation = self._operations.get(call.operation)
        if operation is None:
            raise AwsError("NotImplemented", f"The sandbox's STS has no {call.operation}: use AssumeRole.", status=501)
        return await operation(call)

    async def assume(
        self, call: Call, *, context: Mapping[str, str] | None = None, seconds: int | None = None
    ) -> Session:
        """Issue a session of the role that ``call`` names, if its trust policy and the caller's policies allow it.

        Args:
            call: with RoleArn, RoleSessionName and perhaps DurationSeconds and ExternalId.
            context: more condition keys, as a service sets them.
            seconds: how long the session lives, in place of what the call may ask for.

        Raises:
            AwsError: AccessDenied, also where the role does not exist, as AWS does; ValidationError.
        """
        arn = call.parameters["RoleArn"]
        stored = await self._identities.role(arn)
        if stored is None:
            message = f"User: {call.caller.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}"
            raise AwsError("AccessDenied", message, status=403)
        keys = {**(context or {}), "sts:RoleSessionName": call.parameters["RoleSessionName"]}
        if "ExternalId" in call.parameters:
            keys["sts:ExternalId"] = call.parameters["ExternalId"]
        await self._authorize(
            call, action="sts:AssumeRole", resource=arn, context=keys, resource_policy=stored.trust_policy
        )
        return self._sessions.issue(
            stored.role,
            session_name=call.parameters["RoleSessionName"],
            seconds=seconds or _wanted_seconds(call, stored.max_session_seconds),
        )

    async def _get_caller_identity(self, call: Call) -> Json:
        caller = call.caller
        return {"Arn": caller.arn, "UserId": caller.principal_id, "Account": caller.account}

    async def _assume_role(self, call: Call) -> Json:
        for name in _NOT_MODELLED:
            if name in call.parameters:
                raise AwsError(
                    "NotImplemented", f"The sandbox's AssumeRole does not model {name}: leave it out.", status=501
                )
        for name in ("RoleArn", "RoleSessionName"):
            if name not in call.parameters:
                raise AwsError("ValidationError", f"AssumeRole needs {name}.")
        session = await self.assume(call)
        credentials = {
            "AccessKeyId": session.access_key_id,
            "SecretAccessKey": session.secret_access_key,
            "SessionToken": session.session_token,
            "Expiration": datetime.fromtimestamp(session.expires, UTC),
        }
        user = {"AssumedRoleId": session.caller.principal_id, "Arn": session.caller.arn}
        return {"Credentials": credentials, "AssumedRoleUser": user}


def _wanted_seconds(call: Call, most: int) -> int:
    """One role's session gets another's for an hour at most."""
    longest = 3600 if call.caller.kind == "AssumedRole" else most
    wanted = int(call.parameters.get("DurationSeconds", 3600))
    if not 900 <= wanted <= longest:
        message = f"DurationSeconds is from 900 to {longest} for this caller and role; got {wanted}."
        raise AwsError("ValidationError", message)
    return wanted
