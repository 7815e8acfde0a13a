"""AWS's list prices that a stack's bill is made of. The pages named here are what counts: look there in doubt."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

REGION: Final = "us-east-1"
"""Other regions are up to about a third dearer."""

NOTED: Final = "2026-11-22"
"""When the table was last gone through."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """A list price, without free tiers and without discounts for volume.

    Attributes:
        dollars: US dollars for ``units`` of ``unit``.
        unit: what is counted.
        units: how many of it cost that much.
        page: where AWS publishes it.
    """

    dollars: Decimal
    unit: str
    page: str
    units: int = 1

    def of(self, quantity: float) -> Decimal:
        """What a quantity costs, in US dollars."""
        return self.dollars * Decimal(str(quantity)) / self.units


_SECRETS, _KMS = "https://aws.amazon.com/secrets-manager/pricing/", "https://aws.amazon.com/kms/pricing/"
_LAMBDA, _TRAIL = "https://aws.amazon.com/lambda/pricing/", "https://aws.amazon.com/cloudtrail/pricing/"
_S3, _WATCH = "https://aws.amazon.com/s3/pricing/", "https://aws.amazon.com/cloudwatch/pricing/"
_SNS, _EVENTS = "https://aws.amazon.com/sns/pricing/", "https://aws.amazon.com/eventbridge/pricing/"

PRICES: Final[Mapping[str, Price]] = MappingProxyType(
    {
        "secret": Price(dollars=Decimal("0.40"), unit="secret and month", page=_SECRETS),
        "secret-call": Price(dollars=Decimal("0.05"), unit="calls", units=10_000, page=_SECRETS),
        "key": Price(dollars=Decimal("1.00"), unit="key and month", page=_KMS),
        "key-request": Price(dollars=Decimal("0.03"), unit="requests", units=10_000, page=_KMS),
        "lambda-request": Price(dollars=Decimal("0.20"), unit="requests", units=1_000_000, page=_LAMBDA),
        "lambda-arm64": Price(dollars=Decimal("0.0000133334"), unit="GB-seconds", page=_LAMBDA),
        "lambda-x86_64": Price(dollars=Decimal("0.0000166667"), unit="GB-seconds", page=_LAMBDA),
        "first-trail": Price(dollars=Decimal("0.00"), unit="management events", units=100_000, page=_TRAIL),
        "further-trail": Price(dollars=Decimal("2.00"), unit="management events", units=100_000, page=_TRAIL),
        "data-event": Price(dollars=Decimal("0.10"), unit="data events", units=100_000, page=_TRAIL),
        "bucket-put": Price(dollars=Decimal("0.005"), unit="files put", units=1_000, page=_S3),
        "bucket-storage": Price(dollars=Decimal("0.023"), unit="GB and month", page=_S3),
        "log-ingestion": Price(dollars=Decimal("0.50"), unit="GB", page=_WATCH),
        "log-storage": Price(dollars=Decimal("0.03"), unit="GB and month", page=_WATCH),
        "alarm": Price(dollars=Decimal("0.10"), unit="alarm and month", page=_WATCH),
        "metric": Price(dollars=Decimal("0.30"), unit="metric and month", page=_WATCH),
        "email": Price(dollars=Decimal("2.00"), unit="e-mails", units=100_000, page=_SNS),
        "schedule": Price(dollars=Decimal("1.00"), unit="invocations", units=1_000_000, page=_EVENTS),
        "aws-event": Price(dollars=Decimal("0.00"), unit="events of AWS", units=1_000_000, page=_EVENTS),
    }
)
