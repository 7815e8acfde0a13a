"""Metrics that a function writes into its log, in the embedded metric format; ministack makes none of them.

Source: CloudWatch user guide, "Specification: Embedded metric format".
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from sandbox.aws.backend import Backend
from sandbox.aws.calls import Json


async def publish_embedded(lines: Sequence[str], *, backend: Backend, region: str) -> None:
    """Publish the metrics that lines of a log hold; other lines are none of them."""
    for line in lines:
        for directive, document in _directives(line):
            metric = {"Namespace": directive["Namespace"], "MetricData": list(_points(directive, document))}
            await backend.call("cloudwatch", "PutMetricData", metric, region=region)


def _directives(line: str) -> Iterator[tuple[Json, Json]]:
    try:
        document = json.loads(line)
    except ValueError:
        return
    metadata = document.get("_aws") if isinstance(document, dict) else None
    if isinstance(metadata, dict):
        for directive in metadata.get("CloudWatchMetrics", ()):
            yield directive, document


def _points(directive: Json, document: Json) -> Iterator[Json]:
    """One data point of each metric for each set of dimensions."""
    moment = datetime.fromtimestamp(document["_aws"]["Timestamp"] / 1000, UTC)
    for dimensions in directive["Dimensions"]:
        for metric in directive["Metrics"]:
            yield {
                "MetricName": metric["Name"],
                "Timestamp": moment,
                "Value": float(document[metric["Name"]]),
                "Unit": metric.get("Unit", "None"),
                "Dimensions": [{"Name": name, "Value": str(document[name])} for name in dimensions],
            }
