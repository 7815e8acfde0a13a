"""Lets AWS services publish only where they may: to topics, and queues, whose policy and whose key let them.

ministack delivers whatever a rule, an alarm or a bucket sends. This module reaches into it; its version is pinned, and
a test holds what is relied on. What may not be delivered is dropped with a line in the log, as AWS drops it.

Source of the rules: SNS developer guide, "Enable compatibility between event sources from AWS services and encrypted
topics"; EventBridge user guide, "Resource-based policies": EventBridge sends topics no source, alarms and buckets do.
"""

import json
import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from ministack.services import cloudwatch, eventbridge, kms, s3, sns, sqs  # type: ignore[import-untyped]  # no types

from klaviyo_access.isolation.evaluator import Principal, Request, UnsupportedPolicyError, decide
from sandbox.aws.backend import ACCOUNT
from sandbox.aws.calls import Json
from sandbox.aws.kms.policies import effective

_USES_OF_A_KEY: Final = ("kms:GenerateDataKey", "kms:Decrypt")
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Sender:
    """A service that publishes, with the condition keys that it sends along."""

    service: str
    context: Mapping[str, str] = field(default_factory=dict)


_sender: ContextVar[_Sender | None] = ContextVar("sender", default=None)
_fan_out = sns._fanout  # noqa: SLF001 - see the module's docstring
_to_queue = sns._deliver_to_sqs  # noqa: SLF001 - the same
_of_rule = eventbridge._dispatch_to_sns  # noqa: SLF001 - the same
_of_alarm = cloudwatch._dispatch_alarm_actions  # noqa: SLF001 - the same
_of_bucket = s3._deliver_event_to_sns  # noqa: SLF001 - the same


def guard_topics() -> None:
    """Ask policies and keys before services publish; callers' own Publish is asked by the gateway."""
    sns._fanout = _fan_out_if_allowed  # noqa: SLF001 - the same
    sns._deliver_to_sqs = _to_queue_if_allowed  # noqa: SLF001 - the same
    eventbridge._dispatch_to_sns = _sent_by(_of_rule, lambda *_: _Sender(service="events.amazonaws.com"))  # noqa: SLF001 - the same
    cloudwatch._dispatch_alarm_actions = _sent_by(_of_alarm, _alarm)  # noqa: SLF001 - the same
    s3._deliver_event_to_sns = _sent_by(_of_bucket, _bucket)  # noqa: SLF001 - the same


def _alarm(alarm: Json, *_: Any) -> _Sender:
    return _Sender(service="cloudwatch.amazonaws.com", context=_source(alarm["AlarmArn"]))


def _bucket(_arn: str, _event: Json, _region: str, bucket_name: str = "") -> _Sender:
    return _Sender(service="s3.amazonaws.com", context=_source(f"arn:aws:s3:::{bucket_name}"))


def _source(arn: str) -> dict[str, str]:
    return {"aws:SourceArn": arn, "aws:SourceAccount": ACCOUNT, "aws:SourceOwner": ACCOUNT}


def _sent_by(send: Callable[..., Any], sender_of: Callable[..., _Sender]) -> Callable[..., Any]:
    def send_as(*args: Any, **named: Any) -> Any:
        token = _sender.set(sender_of(*args, **named))
        try:
            return send(*args, **named)
        finally:
            _sender.reset(token)

    return send_as


def _fan_out_if_allowed(topic_arn: str, *args: Any, **named: Any) -> None:
    sender, topic = _sender.get(), sns._topic_by_arn_any_scope(topic_arn)  # noqa: SLF001 - the same
    if sender is None or topic is None:
        _fan_out(topic_arn, *args, **named)
        return
    attributes = topic["attributes"]
    allowed = _allows(json.loads(attributes["Policy"]), sender, "sns:Publish", topic_arn)
    if allowed and _may_use(attributes.get("KmsMasterKeyId"), sender):
        _fan_out(topic_arn, *args, **named)
    else:
        why = "its key's policy" if allowed else "its policy"
        log.warning("%s publishes nothing to %s: %s does not let it.", sender.service, topic_arn, why)


def _to_queue_if_allowed(queue_arn: str, *args: Any, **named: Any) -> None:
    queue = sqs._queue_by_arn(queue_arn)  # noqa: SLF001 - the same
    sender = _Sender(service="sns.amazonaws.com", context=_source(str(named.get("topic_arn"))))
    if queue is None or _may_use(queue["attributes"].get("KmsMasterKeyId"), sender):
        _to_queue(queue_arn, *args, **named)
    else:
        log.warning("SNS delivers nothing to %s: its key's policy does not let it.", queue_arn)


def _may_use(key: str | None, sender: _Sender) -> bool:
    """Whether a service may encrypt with a key; an AWS managed one (``alias/aws/sns``) lets no service."""
    if not key:
        return True
    found = kms._resolve_key(key)  # noqa: SLF001 - the same
    if found is None or found["KeyState"] != "Enabled":
        return False
    policy = effective(json.loads(found["Policy"]))
    return all(_allows(policy, sender, action, found["Arn"]) for action in _USES_OF_A_KEY)


def _allows(policy: Json, sender: _Sender, action: str, resource: str) -> bool:
    request = Request(
        principal=Principal(arn=sender.service),
        action=action,
        resource=resource,
        context={
            "aws:PrincipalIsAWSService": "true",
            "aws:PrincipalServiceName": sender.service,
            "aws:SecureTransport": "true",
            **sender.context,
        },
    )
    try:
        return decide(request, identity_policies={}, resource_policy=policy, resource_policy_rules=True).allowed
    except UnsupportedPolicyError:
        log.exception("%s on %s", action, resource)
        return False
