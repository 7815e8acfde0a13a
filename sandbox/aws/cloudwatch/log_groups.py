"""What ministack does not know of log groups: protection, another KMS key than the first, JSON filter patterns.

This module reaches into it where log groups are; its version is pinned, and a test holds what is relied on.

Source: CloudWatch Logs API reference, PutLogGroupDeletionProtection: "blocks all deletion operations until it is
explicitly disabled". Which error says so no document names; ValidationException is one of DeleteLogGroup's.
"""

import json
from collections.abc import Callable
from typing import Any, Final

from ministack.core.responses import request_scope  # type: ignore[import-untyped]  # ministack has no types
from ministack.services import cloudwatch_logs  # type: ignore[import-untyped]  # the same

from sandbox.aws.calls import AwsError, Call, Json
from sandbox.aws.cloudwatch.filter_patterns import Pattern

_ENABLED: Final = "deletionProtectionEnabled"
_describe = cloudwatch_logs._describe_log_groups  # noqa: SLF001 - see the module's docstring
_terms = cloudwatch_logs._compile_filter_pattern  # noqa: SLF001 - the same


def show_protection() -> None:
    """Let DescribeLogGroups say which groups are protected."""
    cloudwatch_logs._describe_log_groups = _describe_with_protection  # noqa: SLF001 - the same


def heed_patterns() -> None:
    """Let FilterLogEvents find by a JSON pattern only what matches it; ministack takes every event for a match."""
    cloudwatch_logs._compile_filter_pattern = _matcher  # noqa: SLF001 - the same


def _matcher(pattern: str) -> Callable[[str], bool]:
    matches: Callable[[str], bool] = (
        Pattern.parse(pattern).matches if pattern.lstrip().startswith("{") else _terms(pattern)
    )
    return matches


def refuse_deletion(call: Call) -> None:
    """Refuse to delete a protected group, or a stream of one.

    Raises:
        AwsError: ValidationException.
    """
    if (call.service, call.operation) in {("logs", "DeleteLogGroup"), ("logs", "DeleteLogStream")}:
        group = _group(call, str(call.parameters["logGroupName"]))
        if group and group.get(_ENABLED):
            message = "The log group has deletion protection. Disable it first, by PutLogGroupDeletionProtection."
            raise AwsError("ValidationException", message)


def protect_new(call: Call) -> None:
    """Remember the protection that CreateLogGroup asked for."""
    if (call.service, call.operation) == ("logs", "CreateLogGroup") and _ENABLED in call.parameters:
        _protect(call, call.parameters["logGroupName"])


def protect(call: Call) -> Json:
    """PutLogGroupDeletionProtection.

    Raises:
        AwsError: ResourceNotFoundException.
    """
    _protect(call, call.parameters["logGroupIdentifier"].removesuffix(":*").rpartition(":log-group:")[2])
    return {}


def encrypt(call: Call) -> Json:
    """AssociateKmsKey and DisassociateKmsKey: by which key the group's next events are encrypted.

    Raises:
        AwsError: ResourceNotFoundException.
    """
    _existing(call, call.parameters["logGroupName"])["kmsKeyId"] = call.parameters.get("kmsKeyId")
    return {}


def _protect(call: Call, name: str) -> None:
    _existing(call, name)[_ENABLED] = call.parameters[_ENABLED]


def _existing(call: Call, name: str) -> Json:
    group = _group(call, name)
    if group is None:
        raise AwsError("ResourceNotFoundException", f"The specified log group does not exist: {name}")
    return group


def _group(call: Call, name: str) -> Json | None:
    with request_scope(call.caller.account, call.region):
        group: Json | None = cloudwatch_logs._log_groups.get(name)  # noqa: SLF001 - the same
    return group


def _describe_with_protection(data: Json) -> Any:
    status, headers, body = _describe(data)
    document = json.loads(body)
    for group in document.get("logGroups", []):
        stored = cloudwatch_logs._log_groups[group["logGroupName"]]  # noqa: SLF001 - the same
        group[_ENABLED] = stored.get(_ENABLED, False)
    return status, headers, json.dumps(document).encode()
