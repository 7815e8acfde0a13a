"""A service that sends events: its key is fetched at startup and follows rotation by itself."""

import sys
from datetime import UTC, datetime

from klaviyo_access.errors import KlaviyoAccessError
from klaviyo_access.klaviyo import session_for_role


def main() -> None:
    klaviyo = session_for_role("event-tracker")
    event = {
        "type": "event",
        "attributes": {
            "properties": {"order": "1001", "value": 42.5},
            "time": datetime.now(UTC).isoformat(),
            "metric": {"data": {"type": "metric", "attributes": {"name": "Placed Order"}}},
            "profile": {"data": {"type": "profile", "attributes": {"email": "ada@example.com"}}},
        },
    }
    klaviyo.Events.create_event({"data": event})
    print("event-tracker\tcreate_event\tevent accepted")


if __name__ == "__main__":
    try:
        main()
    except KlaviyoAccessError as trouble:
        sys.exit(f"{type(trouble).__name__}: {trouble}")
