"""What SNS refuses: malformed policies of topics, and to publish with a key that the caller may not use.

Source: SNS developer guide, "Configuring AWS KMS permissions"; the codes are those of botocore's model of Publish.
"""

from typing import Final

from sandbox.aws.authorization.policy_syntax import PolicySyntaxError, parse_policy
from sandbox.aws.backend import Backend
from sandbox.aws.calls import Authorize, AwsError, Call

_PUBLISHING: Final = {"Publish", "PublishBatch"}
_USES_OF_A_KEY: Final = ("kms:GenerateDataKey", "kms:Decrypt")
_CODES: Final = {
    "AccessDeniedException": "KMSAccessDenied",
    "DisabledException": "KMSDisabled",
    "KMSInvalidStateException": "KMSInvalidState",
    "NotFoundException": "KMSNotFound",
}


class TopicRules:
    """Checks calls to SNS before they are answered.

    Args:
        backend: where topics are kept.
        authorize: decides.
    """

    def __init__(self, *, backend: Backend, authorize: Authorize) -> None:
        self._backend = backend
        self._authorize = authorize

    async def check(self, call: Call) -> None:
        """Let a call pass, or refuse it as SNS does.

        Raises:
            AwsError: InvalidParameter for a malformed policy; KMSAccessDenied and the like, as SNS answers for KMS.
        """
        if call.service != "sns":
            return
        if (policy := _policy(call)) is not None:
            _check_policy(policy)
        topic = call.parameters.get("TopicArn") or call.parameters.get("TargetArn")
        if call.operation not in _PUBLISHING or not topic:
            return
        found = await self._backend.call("sns", "GetTopicAttributes", {"TopicArn": topic}, region=call.region)
        if key := found["Attributes"].get("KmsMasterKeyId"):
            await self._check_key(call, key)

    async def _check_key(self, call: Call, key: str) -> None:
        kind = "" if key.startswith("alias/") else "key/"
        arn = key if key.startswith("arn:") else f"arn:aws:kms:{call.region}:{call.caller.account}:{kind}{key}"
        for action in _USES_OF_A_KEY:
            try:
                await self._authorize(
                    call, action=action, resource=arn, context={"kms:ViaService": f"sns.{call.region}.amazonaws.com"}
                )
            except AwsError as error:
                raise AwsError(_CODES.get(error.code, error.code), error.message) from error


def _policy(call: Call) -> str | None:
    """The topic's policy that a call brings."""
    if call.parameters.get("AttributeName") == "Policy":
        return str(call.parameters.get("AttributeValue", ""))
    return (call.parameters.get("Attributes") or {}).get("Policy")


def _check_policy(text: str) -> None:
    try:
        parse_policy(text, required={"Principal", "Action", "Resource"})
    except PolicySyntaxError as error:
        raise AwsError("InvalidParameter", f"Invalid parameter: Policy Error: {error}") from error
