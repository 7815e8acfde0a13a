"""Which rotations failed lately, as CloudTrail recorded it: DescribeSecret does not say so."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from rotation.errors import StoreError

_FAILURES: Final = ("RotationFailed", "RotationAbandoned")


class TrailClient(Protocol):
    """The part of boto3's client for CloudTrail that is used."""

    def lookup_events(self, **parameters: Any) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Trail:
    """Asks CloudTrail.

    Args:
        client: a CloudTrail client.
    """

    client: TrailClient

    def failures(self, since: datetime) -> dict[str, datetime]:
        """When a rotation of each secret, by its ARN, failed last; a secret without failures is not there.

        Raises:
            StoreError: CloudTrail did not answer.
        """
        last: dict[str, datetime] = {}
        for name in _FAILURES:
            for event in self._events(name, since):
                secret = _secret_of(event)
                last[secret] = max(event["EventTime"], last.get(secret, since))
        return last

    def _events(self, name: str, since: datetime) -> list[Mapping[str, Any]]:
        asked = {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": name}], "StartTime": since}
        found: list[Mapping[str, Any]] = []
        while True:
            try:
                page = self.client.lookup_events(**asked)
            except ClientError as error:
                raise StoreError("lookup_events", str(error.response["Error"]["Code"])) from None
            except BotoCoreError as error:
                raise StoreError("lookup_events", type(error).__name__) from None
            found += page["Events"]
            if not page.get("NextToken"):
                return found
            asked["NextToken"] = page["NextToken"]


def _secret_of(event: Mapping[str, Any]) -> str:
    try:
        return str(json.loads(event["CloudTrailEvent"])["additionalEventData"]["SecretId"])
    except (ValueError, LookupError, TypeError):
        return ""
