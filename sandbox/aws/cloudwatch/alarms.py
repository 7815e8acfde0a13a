"""Alarms on their own metric alone, and without data: ministack heeds no dimensions, and looks when data comes alone.

This module reads inside it where alarms are; its version is pinned, and a test holds what is relied on.

Source: CloudWatch user guide, "Dimensions" and "Configuring how CloudWatch alarms treat missing data".
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from ministack.services import cloudwatch  # type: ignore[import-untyped]  # ministack has no types

from sandbox.aws.backend import Backend
from sandbox.aws.calls import Json

_STATE_OF_SILENCE: Final = {"notBreaching": "OK", "breaching": "ALARM", "missing": "INSUFFICIENT_DATA"}
_REASON: Final = (
    "no datapoints were received for the last {periods} period(s) of {seconds} s, which are treated as {how}"
)


_evaluate = cloudwatch._evaluate_alarm  # noqa: SLF001 - see the module's docstring


def heed_dimensions() -> None:
    """Look at no alarm of a metric whose data points all have other dimensions: those are other metrics."""
    cloudwatch._evaluate_alarm = _evaluate_its_own  # noqa: SLF001 - the same


def _evaluate_its_own(alarm: Json) -> None:
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions") or []))  # noqa: SLF001 - the same
    if (alarm.get("Namespace"), alarm.get("MetricName"), dimensions) in cloudwatch._metrics:  # noqa: SLF001 - the same
        _evaluate(alarm)


class SilentAlarms:
    """Gives alarms the state that they have without data.

    Args:
        backend: where alarms and metrics are kept.
        clock: seconds since the epoch.
    """

    def __init__(self, *, backend: Backend, clock: Callable[[], float]) -> None:
        self._backend = backend
        self._clock = clock

    async def tick(self) -> None:
        """Look at every alarm of a metric, in every region."""
        for region in {region for _, region, _ in cloudwatch._alarms._data}:  # noqa: SLF001 - no call lists regions
            await self._look(region)

    async def _look(self, region: str) -> None:
        for alarm in (await self._call("DescribeAlarms", {}, region)).get("MetricAlarms", []):
            state = _STATE_OF_SILENCE.get(alarm.get("TreatMissingData", "missing"))
            if state and state != alarm["StateValue"] and alarm.get("MetricName") and await self._silent(alarm, region):
                reason = _REASON.format(
                    periods=alarm["EvaluationPeriods"], seconds=alarm["Period"], how=alarm["TreatMissingData"]
                )
                changed = {"AlarmName": alarm["AlarmName"], "StateValue": state, "StateReason": reason}
                await self._call("SetAlarmState", changed, region)

    async def _silent(self, alarm: Json, region: str) -> bool:
        now = self._clock()
        asked = {
            "Namespace": alarm["Namespace"],
            "MetricName": alarm["MetricName"],
            "Dimensions": alarm.get("Dimensions", []),
            "StartTime": datetime.fromtimestamp(now - alarm["Period"] * alarm["EvaluationPeriods"], UTC),
            "EndTime": datetime.fromtimestamp(now + 1, UTC),
            "Period": alarm["Period"],
            "Statistics": ["SampleCount"],
        }
        return not (await self._call("GetMetricStatistics", asked, region))["Datapoints"]

    async def _call(self, operation: str, parameters: Any, region: str) -> Json:
        return await self._backend.call("cloudwatch", operation, parameters, region=region)
