"""Metrics of log groups, and the alarms on them."""
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


class LogMetricFilter(ResourceType):
    aws_type = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
    updatable = names("metricTransformation pattern")
    replacing = names("logGroupName name")
    required = names("logGroupName metricTransformation pattern")
    auto_name = AutoName(longest=512)

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        return str(inputs["name"]), {}

    def create(self, aws: Aws, inputs: Properties) -> str:
        self._put(aws, inputs)
        return str(inputs["name"])

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        asked = {"logGroupName": inputs["logGroupName"], "filterNamePrefix": resource_id}
        pages = aws.client("logs").get_paginator("describe_metric_filters").paginate(**asked)
        found = [one for page in pages for one in page["metricFilters"] if one["filterName"] == resource_id]
        if not found:
            return None
        (transformation,) = found[0]["metricTransformations"]
        return {
            "name": resource_id,
            "logGroupName": inputs["logGroupName"],
            "pattern": found[0]["filterPattern"],
            "metricTransformation": {
                short: str(transformation[f"metric{short.capitalize()}"]) for short in ("name", "namespace", "value")
            },
        }

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        self._put(aws, change.new)

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        aws.client("logs").delete_metric_filter(logGroupName=inputs["logGroupName"], filterName=resource_id)

    def _put(self, aws: Aws, inputs: Properties) -> None:
        given = inputs["metricTransformation"]
        aws.client("logs").put_metric_filter(
            logGroupName=inputs["logGroupName"],
            filterName=inputs["name"],
            filterPattern=inputs["pattern"],
            metricTransformations=[{f"metric{short.capitalize()}": text for short, text in given.items()}],
        )


ALARM = (
    "alarmActions",
    "alarmDescription",
    "comparisonOperator",
    "dimensions",
    "evaluationPeriods",
    "insufficientDataActions",
    "metricName",
    "namespace",
    "period",
    "statistic",
    "threshold",
    "treatMissingData",
)


class MetricAlarm(ResourceType):
    aws_type = "aws:cloudwatch/metricAlarm:MetricAlarm"
    updatable = names(" ".join(ALARM))
    replacing = names("name")
    required = names("comparisonOperator evaluationPeriods")
    computed = names("arn")
    defaults = values(treatMissingData="missing")
    auto_name = AutoName(longest=255)
    taggable = True

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        return str(inputs["name"]), {"arn": place.arn("cloudwatch", f"alarm:{inputs['name']}")}

    def create(self, aws: Aws, inputs: Properties) -> str:
        self._put(aws, inputs, Tags=tag_list(inputs["tagsAll"]))
        return str(inputs["name"])

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        cloudwatch = aws.client("cloudwatch")
        found = cloudwatch.describe_alarms(AlarmNames=[resource_id], AlarmTypes=["MetricAlarm"])["MetricAlarms"]
        if not found:
            return None
        alarm = {name: value for name, value in camel(found[0]).items() if value not in ("", [])}
        return {
            **chosen(alarm, ALARM),
            **({"dimensions": tag_map(found[0]["Dimensions"], key="Name")} if found[0].get("Dimensions") else {}),
            "name": resource_id,
            "arn": alarm["alarmArn"],
            "tagsAll": tag_map(cloudwatch.list_tags_for_resource(ResourceARN=alarm["alarmArn"])["Tags"]),
        }

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        self._put(aws, change.new)

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        aws.client("cloudwatch").delete_alarms(AlarmNames=[resource_id])

    def retag(self, aws: Aws, resource_id: str, change: Change) -> None:
        arn = aws.place.arn("cloudwatch", f"alarm:{resource_id}")
        if put := change.tags_put:
            aws.client("cloudwatch").tag_resource(ResourceARN=arn, Tags=tag_list(put))
        if remove := change.tags_removed:
            aws.client("cloudwatch").untag_resource(ResourceARN=arn, TagKeys=remove)

    def _put(self, aws: Aws, inputs: Properties, **more: object) -> None:
        settings = pascal(chosen(inputs, ALARM))
        if "dimensions" in inputs:
            settings["Dimensions"] = tag_list(inputs["dimensions"], key="Name")
        settings |= {name: int(settings[name]) for name in ("EvaluationPeriods", "Period") if name in settings}
        aws.client("cloudwatch").put_metric_alarm(AlarmName=inputs["name"], **settings, **more)
