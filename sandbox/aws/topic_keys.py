"""The keys of encrypted topics: whoever publishes must be allowed to use them.

Source: SNS developer guide, "Configuring AWS KMS permissions"; the codes are those of botocore's model of Publish.
"""

from typing import Final

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


class TopicKeys:
    """Asks the key of a topic for a caller who publishes.

    Args:
        backend: where topics are kept.
        authorize: decides.
    """

    def __init__(self, *, backend: Backend, authorize: Authorize) -> None:
        self._backend = backend
        self._authorize = authorize

    async def check(self, call: Call) -> None:
        """Let a call pass, or refuse to publish to a topic whose key the caller may not use.

        Raises:
            AwsError: KMSAccessDenied and the like, as SNS answers for KMS.
        """
        topic = call.parameters.get("TopicArn") or call.parameters.get("TargetArn")
        if call.service != "sns" or call.operation not in _PUBLISHING or not topic:
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
