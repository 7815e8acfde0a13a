"""Times and spans as the commands print them."""

from datetime import UTC, datetime, timedelta


def in_utc(time: datetime) -> str:
    """A time to the minute: ``2026-11-22 16:05 UTC``."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def day(time: datetime | None) -> str:
    """A day, or nothing."""
    return f"{time.astimezone(UTC):%Y-%m-%d}" if time else ""


def span(length: timedelta) -> str:
    """A span in its largest whole unit: ``3 d``, ``5 h``, ``12 min``."""
    seconds = max(int(length.total_seconds()), 0)
    if seconds >= 172_800:
        return f"{seconds // 86_400} d"
    return f"{seconds // 3600} h" if seconds >= 7200 else f"{seconds // 60} min"
