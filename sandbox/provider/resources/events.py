"""EventBridge's rules and their targets, on the default bus or on one by name."""
# ruff: noqa: ARG002 -- every entry has the same methods, whether or not it needs all that they are given

from sandbox.provider.table import (
    AutoName,
    Aws,
    Change,
    Place,
    ResourceType,
    camel,
    chosen,
    names,
    pascal,
    tag_list,
    tag_map,
    values,
)
from sandbox.provider.wire import Properties

SETTINGS = ("description", "eventBusName", "eventPattern", "name", "state")


class EventRule(ResourceType):
    aws_type = "aws:cloudwatch/eventRule:EventRule"
    updatable = names("description eventPattern forceDestroy state")
    replacing = names("eventBusName name")
    computed = names("arn")
    defaults = values(eventBusName="default", forceDestroy=False, state="ENABLED")
    documents = names("eventPattern")
    auto_name = AutoName()
    taggable = True

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        return _rule_id(inputs["eventBusName"], inputs["name"]), {"arn": place.arn("events", f"rule/{_path(inputs)}")}

    def create(self, aws: Aws, inputs: Properties) -> str:
        aws.client("events").put_rule(**pascal(chosen(inputs, SETTINGS)), Tags=tag_list(inputs["tagsAll"]))
        return _rule_id(inputs["eventBusName"], inputs["name"])

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        bus, name = _split(resource_id)
        rule = aws.client("events").describe_rule(Name=name, EventBusName=bus)
        found = camel(chosen(rule, ("Arn", "Description", "EventPattern", "Name")))
        tags = aws.client("events").list_tags_for_resource(ResourceARN=rule["Arn"])["Tags"]
        return {**found, "eventBusName": bus, "state": rule["State"], "tagsAll": tag_map(tags)}

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        aws.client("events").put_rule(**pascal(chosen(change.new, SETTINGS)))

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        bus, name = _split(resource_id)
        aws.client("events").delete_rule(Name=name, EventBusName=bus, Force=bool(inputs.get("forceDestroy")))

    def retag(self, aws: Aws, resource_id: str, change: Change) -> None:
        bus, name = _split(resource_id)
        arn = aws.place.arn("events", f"rule/{_path({'eventBusName': bus, 'name': name})}")
        if put := change.tags_put:
            aws.client("events").tag_resource(ResourceARN=arn, Tags=tag_list(put))
        if remove := change.tags_removed:
            aws.client("events").untag_resource(ResourceARN=arn, TagKeys=remove)


class EventTarget(ResourceType):
    aws_type = "aws:cloudwatch/eventTarget:EventTarget"
    updatable = names("arn input roleArn")
    replacing = names("eventBusName rule targetId")
    required = names("arn rule")
    defaults = values(eventBusName="default")
    documents = names("input")
    auto_name = AutoName(property="targetId")

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        return self._id(inputs), {}

    def create(self, aws: Aws, inputs: Properties) -> str:
        target = {"Id": inputs["targetId"], **pascal(chosen(inputs, ("arn", "input", "roleArn")))}
        aws.client("events").put_targets(Rule=inputs["rule"], EventBusName=inputs["eventBusName"], Targets=[target])
        return self._id(inputs)

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        where = {"Rule": inputs["rule"], "EventBusName": inputs["eventBusName"]}
        targets = aws.client("events").list_targets_by_rule(**where)["Targets"]
        target = next((found for found in targets if found["Id"] == inputs["targetId"]), None)
        if target is None:
            return None
        return {
            "arn": target["Arn"],
            "input": target.get("Input"),
            "roleArn": target.get("RoleArn"),
            **chosen(inputs, ("eventBusName", "rule", "targetId")),
        }

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        self.create(aws, change.new)

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        aws.client("events").remove_targets(
            Rule=inputs["rule"], EventBusName=inputs["eventBusName"], Ids=[inputs["targetId"]]
        )

    def _id(self, inputs: Properties) -> str:
        return f"{_rule_id(inputs['eventBusName'], inputs['rule'])}-{inputs['targetId']}"


def _rule_id(bus: str, name: str) -> str:
    return name if bus == "default" else f"{bus}/{name}"


def _split(resource_id: str) -> tuple[str, str]:
    """Bus and name of a rule's id."""
    bus, _, name = resource_id.rpartition("/")
    return bus or "default", name


def _path(inputs: Properties) -> str:
    return _rule_id(inputs["eventBusName"], inputs["name"])
