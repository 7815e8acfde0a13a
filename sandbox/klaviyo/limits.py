"""Klaviyo's rate limits: fixed windows of a second, a minute and for some operations a day, for each operation.

Source: https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from klaviyo_access.klaviyo.operations import Operation
from sandbox.klaviyo.forms import daily_limit
from sandbox.klaviyo.problems import throttled

_SECOND = 1
_MINUTE = 60
_DAY = 86_400


@dataclass(kw_only=True)
class _Window:
    number: int = -1
    used: int = 0

    def roll_to(self, number: int) -> None:
        if number != self.number:
            self.number, self.used = number, 0


class RateLimits:
    """The windows of one account: its private keys draw on one set together, each of its OAuth apps on its own.

    Args:
        clock: the time in seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._windows: dict[tuple[str, str, int], _Window] = {}

    def take(self, operation: Operation, quota: str) -> dict[str, str]:
        """Count one request against a quota and return the RateLimit headers of its answer.

        Raises:
            Problem: 429 with Retry-After; the request is not counted.
        """
        now = self._clock()
        limits = {_SECOND: operation.burst, _MINUTE: operation.steady}
        if daily := daily_limit(operation.name):
            limits[_DAY] = daily
        windows = {length: self._window((quota, operation.name, length), now) for length in limits}
        # The longest window first: its wait covers the shorter ones'.
        for length in reversed(limits):
            if windows[length].used >= limits[length]:
                raise throttled(_seconds_left(now, length))
        for window in windows.values():
            window.used += 1
        return {
            "RateLimit-Limit": ", ".join(
                [str(operation.burst), *(f"{most};w={length}" for length, most in limits.items())]
            ),
            "RateLimit-Remaining": str(operation.steady - windows[_MINUTE].used),
            "RateLimit-Reset": str(_seconds_left(now, _MINUTE)),
        }

    def _window(self, name: tuple[str, str, int], now: float) -> _Window:
        window = self._windows.setdefault(name, _Window())
        window.roll_to(int(now // name[-1]))
        return window


def _seconds_left(now: float, length: int) -> int:
    return max(1, math.ceil(length - now % length))
