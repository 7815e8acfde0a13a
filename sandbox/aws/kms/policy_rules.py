"""Which key policies and grants KMS takes: well formed, of principals that exist, and never locking their writer out.

Source of the rules: botocore's model of CreateKey, PutKeyPolicy and CreateGrant.
"""

from collections.abc import Iterator
from typing import Any, Final

from sandbox.aws.authorization.authorizer import Authorizer
from sandbox.aws.authorization.policy_syntax import INVALID_PRINCIPALS, PolicySyntaxError, parse_policy, statements_of
from sandbox.aws.authorization.requirements import key_of_ciphertext
from sandbox.aws.backend import ACCOUNT
from sandbox.aws.calls import AwsError, Call, Json
from sandbox.aws.identity.identities import Identities
from sandbox.aws.kms.policies import effective

_LARGEST_POLICY: Final = 32768


class KeyPolicyRules:
    """Refuses what KMS would not store, before ministack stores it.

    Args:
        authorize: decides whether a policy leaves its writer in.
        identities: knows which principals exist.
    """

    def __init__(self, *, authorize: Authorizer, identities: Identities) -> None:
        self._authorize = authorize
        self._identities = identities

    async def check(self, call: Call) -> None:
        """Let a call pass, or refuse it as KMS does.

        Raises:
            AwsError: MalformedPolicyDocumentException, LimitExceededException, InvalidArnException or
                IncorrectKeyException.
        """
        match call.service, call.operation:
            case "kms", "CreateKey" if "Policy" in call.parameters:
                await self._check_policy(call, f"arn:aws:kms:{call.region}:{ACCOUNT}:key/{call.request_id}")
            case "kms", "PutKeyPolicy":
                key = call.parameters["KeyId"]
                arn = key if key.startswith("arn:") else f"arn:aws:kms:{call.region}:{ACCOUNT}:key/{key}"
                await self._check_policy(call, arn)
            case "kms", "CreateGrant":
                await self._check_grant(call)
            case "kms", "Decrypt" if "KeyId" in call.parameters:
                _refuse_another_key(call)

    async def _check_policy(self, call: Call, key_arn: str) -> None:
        policy = _parse(call.parameters["Policy"])
        for arn in _principals(policy):
            if not await self._exists(arn):
                raise _malformed(INVALID_PRINCIPALS)
        if not call.parameters.get("BypassPolicyLockoutSafetyCheck"):
            await self._refuse_lockout(call, key_arn, policy)

    async def _refuse_lockout(self, call: Call, key_arn: str, policy: Json) -> None:
        decision = await self._authorize.decide(
            call,
            action="kms:PutKeyPolicy",
            resource=key_arn,
            context={"kms:CallerAccount": call.caller.account, "kms:BypassPolicyLockoutSafetyCheck": "false"},
            resource_policy=effective(policy),
        )
        if not decision.allowed:
            raise _malformed("The new key policy will not allow you to update the key policy in the future.")

    async def _check_grant(self, call: Call) -> None:
        for role in ("GranteePrincipal", "RetiringPrincipal"):
            arn = call.parameters.get(role)
            if arn and not await self._exists(arn):
                raise AwsError("InvalidArnException", f"ARN does not refer to a valid principal: {arn}")

    async def _exists(self, principal: str) -> bool:
        """Whether KMS would find a principal; those of other accounts are taken on trust."""
        if principal == "*" or (principal.isdecimal() and len(principal) == 12):
            return True
        parts = principal.split(":", 5)
        if len(parts) != 6 or parts[2] not in {"iam", "sts"} or "*" in principal:
            return False
        if parts[4] != ACCOUNT or parts[5] == "root" or parts[2] == "sts":
            return True
        return await self._identities.exists(principal)


def _parse(text: str) -> Json:
    if len(text.encode()) > _LARGEST_POLICY:
        raise AwsError("LimitExceededException", f"A key policy has at most {_LARGEST_POLICY} bytes.")
    try:
        return parse_policy(text, required={"Principal"})
    except PolicySyntaxError as error:
        raise _malformed(str(error)) from error


def _principals(policy: Json) -> Iterator[str]:
    """The AWS principals that a policy names."""
    for statement in statements_of(policy):
        principal = statement.get("Principal", statement.get("NotPrincipal"))
        named = principal.get("AWS", []) if isinstance(principal, dict) else principal
        yield from _as_list(named)


def _refuse_another_key(call: Call) -> None:
    key = call.parameters["KeyId"]
    if "alias/" not in key and key.rpartition("/")[2] != key_of_ciphertext(call.parameters["CiphertextBlob"]):
        message = "The key ID in the request does not identify a CMK that can perform this operation."
        raise AwsError("IncorrectKeyException", message)


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocumentException", message)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
