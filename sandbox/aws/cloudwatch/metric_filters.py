"""Metric filters of CloudWatch Logs: what matches in a log group's entries becomes data points of a metric.

ministack stores the filters and makes no metric of them. Entries that reach the gateway are filtered, those that
functions write are not.

Source of the rules: CloudWatch Logs user guide, "Creating metrics from log events using filters".
"""

from datetime import UTC, datetime

from sandbox.aws.backend import Backend
from sandbox.aws.calls import Call, Json
from sandbox.aws.cloudwatch.filter_patterns import Pattern, parse_entry, select


class MetricFilters:
    """Publishes the metrics of a log group's filters.

    Args:
        backend: where filters, entries and metrics are kept.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def check(self, call: Call) -> None:
        """Refuse a filter whose pattern would never match here though it does on AWS.

        Raises:
            AwsError: NotImplemented, naming the part that is not understood.
        """
        if (call.service, call.operation) == ("logs", "PutMetricFilter"):
            Pattern.parse(call.parameters["filterPattern"])

    def test(self, call: Call) -> Json:
        """TestMetricFilter: which of the messages match a pattern, and what its selectors find in them."""
        pattern = Pattern.parse(call.parameters["filterPattern"])
        return {
            "matches": [
                {"eventNumber": number, "eventMessage": message, "extractedValues": _extracted(pattern, message)}
                for number, message in enumerate(call.parameters["logEventMessages"], start=1)
                if pattern.matches(message)
            ]
        }

    async def follow(self, call: Call) -> None:
        """Publish what the entries of a PutLogEvents call mean to the filters of their group."""
        if (call.service, call.operation) != ("logs", "PutLogEvents"):
            return
        group = {"logGroupName": call.parameters["logGroupName"]}
        found = await self._backend.call("logs", "DescribeMetricFilters", group, region=call.region)
        for stored in found.get("metricFilters", []):
            pattern = Pattern.parse(stored["filterPattern"])
            for transformation in stored["metricTransformations"]:
                if points := _points(call.parameters["logEvents"], pattern, transformation):
                    metric = {"Namespace": transformation["metricNamespace"], "MetricData": points}
                    await self._backend.call("cloudwatch", "PutMetricData", metric, region=call.region)


def _extracted(pattern: Pattern, message: str) -> dict[str, str]:
    entry = parse_entry(message) or {}
    found = {selector: select(entry, selector) for selector in pattern.selectors}
    return {selector: str(value) for selector, value in found.items() if value is not None}


def _points(events: list[Json], pattern: Pattern, transformation: Json) -> list[Json]:
    """The data points of the entries of one call, which stands for the minute in which AWS looks for matches."""
    matching = [event for event in events if pattern.matches(event["message"])]
    default = transformation.get("defaultValue")
    if matching or default is None:
        return [point for event in matching if (point := _point(event, transformation))]
    return [_data(events[-1], transformation, value=default, dimensions={})]


def _point(event: Json, transformation: Json) -> Json | None:
    """The data point of one entry; None where it lacks the value or a dimension."""
    entry = parse_entry(event["message"]) or {}
    value = _number(entry, transformation["metricValue"])
    dimensions = {name: select(entry, selector) for name, selector in (transformation.get("dimensions") or {}).items()}
    if value is None or None in dimensions.values():
        return None
    return _data(event, transformation, value=value, dimensions=dimensions)


def _data(event: Json, transformation: Json, *, value: float, dimensions: Json) -> Json:
    return {
        "MetricName": transformation["metricName"],
        "Timestamp": datetime.fromtimestamp(event["timestamp"] / 1000, UTC),
        "Value": float(value),
        "Unit": transformation.get("unit", "None"),
        "Dimensions": [{"Name": name, "Value": str(text)} for name, text in dimensions.items()],
    }


def _number(entry: Json, value: str) -> float | None:
    found = select(entry, value) if value.startswith("$") else value
    try:
        return float(found)
    except (TypeError, ValueError):
        return None
