"""A service that loads what campaigns achieved into the warehouse."""

import sys

from klaviyo_access.errors import KlaviyoAccessError
from klaviyo_access.klaviyo import session_for_role


def main() -> None:
    klaviyo = session_for_role("reporting")
    campaigns = klaviyo.Campaigns.get_campaigns(filter="equals(archived,false)")
    metrics = klaviyo.Metrics.get_metrics()
    print(f"reporting\tget_campaigns\t{len(campaigns.data)} campaigns")
    print(f"reporting\tget_metrics\t{len(metrics.data)} metrics")


if __name__ == "__main__":
    try:
        main()
    except KlaviyoAccessError as trouble:
        sys.exit(f"{type(trouble).__name__}: {trouble}")
