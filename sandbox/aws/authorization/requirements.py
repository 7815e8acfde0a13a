"""Which permissions a call needs that ministack answers: for KMS and Lambda, each action with its resource and context.

Source: AWS's service authorization reference, "Actions, resources, and condition keys".
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.aws.backend import Backend
from sandbox.aws.calls import AwsError, Call
from sandbox.aws.kms.grants import named_grant

_KEY_ID_LENGTH = 36
_GRANT_OPERATIONS = ("CreateGrant", "ListGrants", "RevokeGrant")
_ALIAS_OPERATIONS = ("CreateAlias", "UpdateAlias", "DeleteAlias")


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """One permission that a call needs."""

    action: str
    resource: str = "*"
    context: Mapping[str, str | list[str]] = field(default_factory=dict)


class Requirements:
    """Derives requirements from calls.

    Args:
        backend: where keys and aliases are looked up.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def of(self, call: Call) -> list[Requirement]:
        """What ``call`` needs; nothing for services that the sandbox does not authorize.

        Raises:
            AwsError: the key that the call names does not exist.
        """
        if call.service == "kms":
            return await self._of_kms(call)
        if call.service == "lambda":
            return _of_lambda(call)
        return []

    async def _of_kms(self, call: Call) -> list[Requirement]:
        parameters = call.parameters
        action = f"kms:{call.operation}"
        if call.operation == "ReEncrypt":
            source = parameters.get("SourceKeyId") or key_of_ciphertext(parameters["CiphertextBlob"])
            return [
                await self._on_key(call, "kms:ReEncryptFrom", source, "SourceEncryptionContext"),
                await self._on_key(
                    call, "kms:ReEncryptTo", parameters["DestinationKeyId"], "DestinationEncryptionContext"
                ),
            ]
        if call.operation in _ALIAS_OPERATIONS:
            alias = f"arn:aws:kms:{call.region}:{call.caller.account}:{parameters['AliasName']}"
            key = parameters.get("TargetKeyId") or parameters["AliasName"]
            return [Requirement(action=action, resource=alias), await self._on_key(call, action, key)]
        if call.operation == "RetireGrant":
            grant = named_grant(call)
            return [await self._on_key(call, action, grant["KeyId"])] if grant else []
        key = parameters.get("KeyId")
        if key is None and call.operation == "Decrypt":
            key = key_of_ciphertext(parameters["CiphertextBlob"])
        if key is None:
            return [Requirement(action=action, context=_lockout_context(call))]
        return [await self._on_key(call, action, key)]

    async def _on_key(
        self, call: Call, action: str, key: str, encryption_context: str = "EncryptionContext"
    ) -> Requirement:
        found = await self._backend.call("kms", "DescribeKey", {"KeyId": key}, region=call.region)
        context: dict[str, str | list[str]] = {"kms:CallerAccount": call.caller.account}
        if alias := key.rpartition(":")[2] if "alias/" in key else "":
            context["kms:RequestAlias"] = alias
        pairs = call.parameters.get(encryption_context) or {}
        context |= {f"kms:EncryptionContext:{name}": value for name, value in pairs.items()}
        if pairs:
            context["kms:EncryptionContextKeys"] = list(pairs)
        context |= _grant_context(call) | _lockout_context(call)
        return Requirement(action=action, resource=found["KeyMetadata"]["Arn"], context=context)


def _grant_context(call: Call) -> dict[str, str | list[str]]:
    """What a policy may ask of a call on grants, which no AWS service makes here for its own resources."""
    if call.operation not in _GRANT_OPERATIONS:
        return {}
    parameters = call.parameters
    context: dict[str, str | list[str]] = {"kms:GrantIsForAWSResource": "false"}
    if call.operation == "CreateGrant":
        context["kms:GrantOperations"] = parameters.get("Operations", [])
        named = {key: parameters[key] for key in ("GranteePrincipal", "RetiringPrincipal") if key in parameters}
        context |= {f"kms:{key}": value for key, value in named.items()}
        if constraints := parameters.get("Constraints"):
            context["kms:GrantConstraintType"] = next(iter(constraints))
    return context


def _lockout_context(call: Call) -> dict[str, str | list[str]]:
    if call.operation not in {"CreateKey", "PutKeyPolicy"}:
        return {}
    return {
        "kms:BypassPolicyLockoutSafetyCheck": str(bool(call.parameters.get("BypassPolicyLockoutSafetyCheck"))).lower()
    }


def key_of_ciphertext(blob: str) -> str:
    """The id of the key that made a ciphertext: ministack's start with it.

    Raises:
        AwsError: the ciphertext has no such start.
    """
    start = base64.b64decode(blob)[:_KEY_ID_LENGTH]
    if len(start) < _KEY_ID_LENGTH or not start.isascii():
        raise AwsError("InvalidCiphertextException", "The ciphertext is none of KMS's.")
    return start.decode()


def _of_lambda(call: Call) -> list[Requirement]:
    parameters = call.parameters
    operation = "InvokeFunction" if call.operation in {"Invoke", "InvokeWithResponseStream"} else call.operation
    needed = [Requirement(action=f"lambda:{operation}", resource=_lambda_resource(call))]
    if "Role" in parameters:
        context = {"iam:PassedToService": "lambda.amazonaws.com"}
        needed.append(Requirement(action="iam:PassRole", resource=parameters["Role"], context=context))
    return needed


def _lambda_resource(call: Call) -> str:
    named: Any = call.parameters.get("FunctionName")
    if named and "EventSourceMapping" not in call.operation:
        return function_arn(named, call, qualifier=call.parameters.get("Qualifier"))
    return str(call.parameters.get("Resource", "*"))


def function_arn(named: str, call: Call, *, qualifier: str | None = None) -> str:
    """The ARN of a function that a call names by name, by partial ARN or by ARN."""
    arn = named
    if not named.startswith("arn:"):
        name = named.partition(":function:")[2] or named
        arn = f"arn:aws:lambda:{call.region}:{call.caller.account}:function:{name}"
    return f"{arn}:{qualifier}" if qualifier else arn
