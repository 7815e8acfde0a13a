"""What tags put into IAM's decision: those that a call brings, and those that a KMS key has."""

from collections.abc import Mapping
from typing import Any

from sandbox.aws.backend import Backend
from sandbox.aws.calls import AwsError, Call

_PARAMETERS = ("Tags", "tags", "TagsList")
_KEYS = ("TagKeys", "tagKeys")


def of_request(call: Call) -> dict[str, str | list[str]]:
    """``aws:RequestTag/<key>`` and ``aws:TagKeys`` of a call that brings tags or takes some away."""
    tags: dict[str, str] = {}
    for parameter in _PARAMETERS:
        tags |= _pairs(call.parameters.get(parameter) or {})
    keys = [*tags, *(key for parameter in _KEYS for key in call.parameters.get(parameter) or ())]
    context: dict[str, str | list[str]] = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    return {**context, "aws:TagKeys": keys} if keys else context


async def of_key(backend: Backend, arn: str, call: Call) -> dict[str, str | list[str]]:
    """``aws:ResourceTag/<key>`` of a KMS key; nothing where ``arn`` names none.

    A key that ``call`` is about to create has the tags that the call brings.
    """
    if ":key/" not in arn or arn.endswith("/*"):
        return {}
    if call.operation == "CreateKey":
        tags = _pairs(call.parameters.get("Tags") or [])
    else:
        try:
            answer = await backend.call("kms", "ListResourceTags", {"KeyId": arn}, region=arn.split(":")[3])
        except AwsError:  # of another account, or gone: whoever asks for it next will say so
            return {}
        tags = _pairs(answer.get("Tags", []))
    return {f"aws:ResourceTag/{key}": value for key, value in tags.items()}


def _pairs(tags: Any) -> dict[str, str]:
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items()}
    return {str(tag.get("Key", tag.get("TagKey"))): str(tag.get("Value", tag.get("TagValue", ""))) for tag in tags}
