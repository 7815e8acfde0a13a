"""What is done elsewhere, told at home: CloudTrail gives each region's events to that region's own event bus."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws
from pulumi import Alias, ResourceOptions

from components.alerts.detections import ALL_MANAGEMENT_EVENTS, Detection
from components.policies.statements import allow, document, to_json
from components.policies.trust import trust_service

_FORMER: Final = Alias(type_="klaviyo-access:index:ReplicaWatch")
"""What this was when it watched replicas alone, so that no rule is deleted after it was made under the same name."""


@dataclass(frozen=True, kw_only=True)
class FarWatchArgs:
    """What a `FarWatch` is made of.

    Attributes:
        region: where it is done.
        events: what is passed on.
        home_bus_arn: the event bus at home, where the detections are.
        role_name: name of the IAM role by which events are passed on.
        iam_path: path of that role.
        account_id: account of both regions.
        tags: tags of rule and role.
    """

    region: str
    events: Detection
    home_bus_arn: str
    role_name: str
    iam_path: str
    account_id: str
    tags: Mapping[str, str]


class FarWatch(pulumi.ComponentResource):
    """A rule in another region that passes what the alerts look for on to them at home.

    Outputs:
        rule_arn: ARN of the rule.
    """

    rule_arn: pulumi.Output[str]

    def __init__(self, name: str, args: FarWatchArgs, opts: ResourceOptions | None = None) -> None:
        former = ResourceOptions(aliases=[_FORMER])
        super().__init__("klaviyo-access:index:FarWatch", name, None, ResourceOptions.merge(opts, former))
        child = ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-role",
            name=args.role_name,
            path=args.iam_path,
            description=f"Passes what concerns Klaviyo keys in {args.region} on",
            assume_role_policy=to_json(trust_service("events.amazonaws.com", account_id=args.account_id)),
            tags=args.tags,
            opts=child,
        )
        grant = aws.iam.RolePolicy(
            f"{name}-policy",
            name="pass-events-on",
            role=role.name,
            policy=to_json(document(allow("PassEventsOn", ["events:PutEvents"], [args.home_bus_arn]))),
            opts=child,
        )
        rule = aws.cloudwatch.EventRule(
            f"{name}-rule",
            name=args.events.rule_name,
            description=args.events.description,
            event_pattern=args.events.pattern,
            state=ALL_MANAGEMENT_EVENTS,
            region=args.region,
            tags=args.tags,
            opts=child,
        )
        aws.cloudwatch.EventTarget(
            f"{name}-target",
            rule=rule.name,
            target_id="home",
            arn=args.home_bus_arn,
            role_arn=role.arn,
            region=args.region,
            opts=ResourceOptions(parent=self, depends_on=[grant]),
        )
        self.rule_arn = rule.arn
        self.register_outputs({"rule_arn": self.rule_arn})
