"""The account's own trail as the record of every read: looked at, never changed, and watched by our alerts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from components.alerts.alerts import Alerts, AlertsArgs
from components.alerts.detections import Detection
from components.alerts.detections import to_json as pattern_json
from components.alerts.tampering import existing_trail_tampered_with
from components.names import AuditNames
from components.policies.encryption_keys import KeyPlace, alerts_key_policy
from components.secrets.encryption_key import EncryptionKey, EncryptionKeyArgs

SECRETS_MANAGER: Final = "secretsmanager.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class ExistingTrailArgs:
    """What an `ExistingTrail` is made of.

    Attributes:
        trail_arn: the trail that the account has.
        names: physical names and ARNs of the alerts.
        key_place: where the alerts' KMS key is, and who may manage it.
        detections: what the trail's events are watched for, beside tampering with the trail itself.
        alert_emails: who is told.
        tags: tags of everything.
        protect: whether Pulumi refuses to delete the key.
    """

    trail_arn: str
    names: AuditNames
    key_place: KeyPlace
    detections: Sequence[Detection]
    alert_emails: Sequence[str]
    tags: Mapping[str, str]
    protect: bool


class ExistingTrail(pulumi.ComponentResource):
    """Alerts on a trail that is not ours, which must see every read of a secret in every region.

    Outputs:
        topic_arn: topic of the alerts.
    """

    topic_arn: pulumi.Output[str]

    def __init__(self, name: str, args: ExistingTrailArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("klaviyo-access:index:ExistingTrail", name, None, opts)
        home = args.trail_arn.split(":")[3]  # elsewhere AWS answers for a trail's shadow, and not every question
        trail = aws.cloudtrail.Trail.get(f"{name}-trail", args.trail_arn, ResourceOptions(parent=self), region=home)
        sees_every_read = pulumi.Output.all(
            is_multi_region_trail=trail.is_multi_region_trail,
            enable_logging=trail.enable_logging,
            event_selectors=trail.event_selectors,
            advanced_event_selectors=trail.advanced_event_selectors,
        ).apply(lambda found: refuse_deaf_trail(args.trail_arn, found))
        key = EncryptionKey(f"{name}-encryption", _key(args), ResourceOptions(parent=self))
        alerts = AlertsArgs(
            topic=args.names.topic,
            topic_arn=args.names.topic_arn,
            alarm_arn=args.names.alarm_arns,
            encryption_key_arn=key.key_arn,
            emails=args.alert_emails,
            detections=[*args.detections, _tampering(args, key, sees_every_read)],
            tags=args.tags,
        )
        self.topic_arn = Alerts(f"{name}-alerts", alerts, ResourceOptions(parent=self)).topic_arn
        self.register_outputs({"topic_arn": self.topic_arn})


def refuse_deaf_trail(trail_arn: str, found: Mapping[str, Any]) -> None:
    """Refuse a trail by which a read of a secret could go unseen.

    Args:
        trail_arn: the trail.
        found: its properties, as AWS has them.

    Raises:
        RunError: it is of one region, stands still, or leaves out some of the management events.
    """
    lacking = []
    if not found.get("is_multi_region_trail"):
        lacking.append("covers one region alone")
    if found.get("enable_logging") is False:
        lacking.append("stands still")
    if not _sees_management_events(found):
        lacking.append("does not log every management event of Secrets Manager, reads and writes")
    if lacking:
        raise pulumi.RunError(
            f"klaviyo-access:audit.trailArn: {trail_arn} {' and '.join(lacking)}, so reads of keys would go unseen. "
            "Have its owner change that, or take `trail: own`."
        )


def _sees_management_events(found: Mapping[str, Any]) -> bool:
    selectors, advanced = found.get("event_selectors") or [], found.get("advanced_event_selectors") or []
    if not selectors and not advanced:
        return True  # what a trail logs where nobody said otherwise
    return any(map(_takes_all, selectors)) or any(map(_takes_all_of_secrets_manager, advanced))


def _takes_all(selector: Mapping[str, Any]) -> bool:
    takes_any: bool = selector.get("include_management_events", True)
    return takes_any and selector.get("read_write_type", "All") == "All"


def _takes_all_of_secrets_manager(selector: Mapping[str, Any]) -> bool:
    fields = {field["field"]: field for field in selector.get("field_selectors", [])}
    category, source = fields.pop("eventCategory", {}), fields.pop("eventSource", {})
    left_out = SECRETS_MANAGER in source.get("not_equals", [])
    only_others = bool(source.keys() - {"field", "not_equals"}) and SECRETS_MANAGER not in source.get("equals", [])
    return category.get("equals") == ["Management"] and not fields and not left_out and not only_others


def _key(args: ExistingTrailArgs) -> EncryptionKeyArgs:
    return EncryptionKeyArgs(
        alias=args.names.key_alias,
        description="Encrypts the alerts on who read which Klaviyo key",
        policy=alerts_key_policy(args.key_place),
        tags=args.tags,
        protect=args.protect,
    )


def _tampering(args: ExistingTrailArgs, key: EncryptionKey, checked: pulumi.Output[None]) -> Detection:
    trail = [args.trail_arn.rpartition("/")[2], args.trail_arn]
    pattern = pulumi.Output.all(key.key_id, key.key_arn, checked).apply(
        lambda known: existing_trail_tampered_with(trail=trail, key=known[:2])
    )
    return Detection(
        label="trail-tampered",
        rule_name=args.names.tampering_rule,
        description="Somebody touched the record of who read which key, or its alerts",
        pattern=pattern.apply(lambda pattern: pattern_json(pattern, what="tampering with the trail")),
    )
