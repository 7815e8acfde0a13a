"""EventBridge Scheduler's schedules, in the group that every account has."""
# ruff: noqa: ARG002 -- every entry has the same methods, whether or not it needs all that they are given

from sandbox.provider.table import AutoName, Aws, Change, Place, ResourceType, camel, chosen, names, pascal, values
from sandbox.provider.wire import Properties

SETTINGS = (
    "description",
    "flexibleTimeWindow",
    "groupName",
    "name",
    "scheduleExpression",
    "scheduleExpressionTimezone",
    "state",
    "target",
)


class Schedule(ResourceType):
    aws_type = "aws:scheduler/schedule:Schedule"
    updatable = names("description flexibleTimeWindow scheduleExpression scheduleExpressionTimezone state target")
    replacing = names("groupName name")
    required = names("flexibleTimeWindow scheduleExpression target")
    computed = names("arn")
    defaults = values(groupName="default", scheduleExpressionTimezone="UTC", state="ENABLED")
    auto_name = AutoName()

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        schedule_id = f"{inputs['groupName']}/{inputs['name']}"
        return schedule_id, {"arn": place.arn("scheduler", f"schedule/{schedule_id}")}

    def create(self, aws: Aws, inputs: Properties) -> str:
        aws.client("scheduler").create_schedule(**pascal(chosen(inputs, SETTINGS)))
        return f"{inputs['groupName']}/{inputs['name']}"

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        found = camel(aws.client("scheduler").get_schedule(**_named(resource_id)))
        return {name: value for name, value in chosen(found, (*SETTINGS, "arn")).items() if value != ""}

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        aws.client("scheduler").update_schedule(**pascal(chosen(change.new, SETTINGS)))

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        aws.client("scheduler").delete_schedule(**_named(resource_id))


def _named(resource_id: str) -> dict[str, str]:
    group, _, name = resource_id.partition("/")
    return {"GroupName": group, "Name": name}
