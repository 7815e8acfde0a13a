"""Answers the one question that every authorized service asks: may this caller do this here?"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from klaviyo_access.isolation.evaluator import (
    ContextValue,
    Decision,
    Principal,
    Request,
    UnsupportedPolicyError,
    decide,
)
from sandbox.aws.authorization import tag_keys
from sandbox.aws.authorization.modelled_keys import refuse_unmodelled_keys
from sandbox.aws.backend import Backend
from sandbox.aws.calls import AwsError, Call, Caller, Json
from sandbox.aws.identity.credentials import Sessions
from sandbox.aws.identity.identities import Identities
from sandbox.aws.kms.grants import allowed_by_grant
from sandbox.aws.kms.policies import KeyPolicies

_ERROR_CODES = {"sts": "AccessDenied"}


class Authorizer:
    """Evaluates identity policies and resource policies; implements ``sandbox.aws.calls.Authorize``.

    The policies of KMS keys and of Lambda functions it finds by itself; other resources' come with the question.
    """

    def __init__(
        self, *, backend: Backend, identities: Identities, sessions: Sessions, clock: Callable[[], float]
    ) -> None:
        self._backend = backend
        self._identities = identities
        self._sessions = sessions
        self._clock = clock
        self._keys = KeyPolicies(backend)

    async def __call__(
        self,
        call: Call,
        *,
        action: str,
        resource: str,
        context: Mapping[str, str | list[str]] | None = None,
        resource_policy: Json | None = None,
    ) -> None:
        """See ``sandbox.aws.calls.Authorize``."""
        asked: Mapping[str, str | list[str]] = context or {}
        if action.startswith("kms:"):
            if call.caller.kind != "AWSService":
                asked = {"kms:CallerAccount": call.caller.account, **asked}
            resource, resource_policy = await self._keys.resolve(resource, through_service="kms:ViaService" in asked)
        elif action.startswith("lambda:") and ":function:" in resource:
            resource_policy = await self._function_policy(resource, call)
        decision = await self.decide(
            call, action=action, resource=resource, context=asked, resource_policy=resource_policy
        )
        if not decision.allowed and not _granted(
            call, action=action, key_arn=resource, context=asked, decision=decision
        ):
            code = _ERROR_CODES.get(call.service, "AccessDeniedException")
            message = denial_message(call.caller, action=action, resource=resource, decision=decision)
            raise AwsError(code, message, status=400 if call.service in {"kms", "secretsmanager"} else 403)

    async def decide(
        self,
        call: Call,
        *,
        action: str,
        resource: str,
        context: Mapping[str, str | list[str]],
        resource_policy: Json | None,
    ) -> Decision:
        """Decide without refusing.

        Raises:
            AwsError: a policy holds what the evaluator does not understand; the message names it.
        """
        identity = await self._identities.of(call.caller)
        if action.startswith("kms:"):
            context = {**await tag_keys.of_key(self._backend, resource, call), **context}
        request = Request(
            principal=Principal(arn=call.caller.principal_arn, session_arn=call.caller.arn),
            action=action,
            resource=resource,
            context={**self._global_context(call, identity.tags), **_called_via(context), **context},
        )
        refuse_unmodelled_keys(action, [*identity.policies.values(), resource_policy or {}])
        ruled = action.startswith("kms:") and resource_policy is not None  # an alias of one's own has no policy
        try:
            return decide(
                request,
                identity_policies=identity.policies,
                resource_policy=resource_policy,
                resource_policy_rules=ruled or action == "sts:AssumeRole",
            )
        except UnsupportedPolicyError as error:
            raise AwsError("NotImplemented", f"The sandbox cannot decide {action}: {error}", status=501) from error

    def _global_context(self, call: Call, tags: Mapping[str, str]) -> dict[str, ContextValue]:
        """The global condition keys; the loopback stands for AWS's TLS endpoints, hence aws:SecureTransport."""
        now = self._clock()
        caller = call.caller
        context: dict[str, ContextValue] = {
            "aws:CurrentTime": datetime.fromtimestamp(now, UTC).isoformat(),
            "aws:EpochTime": str(int(now)),
            "aws:RequestedRegion": call.region,
            "aws:SecureTransport": "true",
            "aws:PrincipalIsAWSService": "false",
            "aws:ViaAWSService": "false",
            **tag_keys.of_request(call),
        }
        if caller.kind == "AWSService":
            return {**context, "aws:PrincipalIsAWSService": "true", "aws:PrincipalServiceName": caller.principal_arn}
        context |= {
            "aws:PrincipalArn": caller.principal_arn,
            "aws:PrincipalAccount": caller.account,
            "aws:PrincipalType": "AssumedRole" if caller.kind == "AssumedRole" else "User",
            "aws:userid": caller.principal_id,
            "aws:SourceIp": call.source_ip,
            "aws:UserAgent": call.user_agent,
        }
        context |= {f"aws:PrincipalTag/{key}": value for key, value in tags.items()}
        if caller.kind == "IAMUser":
            context["aws:username"] = caller.principal_arn.rpartition("/")[2]
        if session := self._sessions.find(caller.access_key_id):
            context["aws:TokenIssueTime"] = datetime.fromtimestamp(session.issued, UTC).isoformat()
        return context

    async def _function_policy(self, resource: str, call: Call) -> Json | None:
        try:
            answer = await self._backend.call("lambda", "GetPolicy", {"FunctionName": resource}, region=call.region)
        except AwsError as error:
            if error.code == "ResourceNotFoundException":
                return None
            raise
        policy: Json = json.loads(answer["Policy"])
        return policy


def _granted(
    call: Call, *, action: str, key_arn: str, context: Mapping[str, str | list[str]], decision: Decision
) -> bool:
    """Whether a grant allows what no policy does; what a policy denies stays denied."""
    if decision.explicit_deny or not action.startswith("kms:") or ":key/" not in key_arn:
        return False
    return allowed_by_grant(call, action=action, key_arn=key_arn, context=context)


def denial_message(caller: Caller, *, action: str, resource: str, decision: Decision) -> str:
    """AWS's own words for a refusal.

    Source: IAM user guide, "Troubleshoot access denied error messages".
    """
    article = "an" if decision.policy_kind == "identity-based" else "a"
    why = (
        f"with an explicit deny in {article} {decision.policy_kind} policy"
        if decision.explicit_deny
        else f"because no {decision.policy_kind} policy allows the {action} action"
    )
    target = f" on resource: {resource}" if resource != "*" else ""
    return f"User: {caller.arn} is not authorized to perform: {action}{target} {why}"


def _called_via(context: Mapping[str, str | list[str]]) -> dict[str, str | list[str]]:
    """What a request to KMS carries that a service makes on its caller's behalf."""
    via = context.get("kms:ViaService")
    if not isinstance(via, str):
        return {}
    service = f"{via.partition('.')[0]}.amazonaws.com"
    return {
        "aws:ViaAWSService": "true",
        "aws:CalledVia": [service],
        "aws:CalledViaFirst": service,
        "aws:CalledViaLast": service,
    }
