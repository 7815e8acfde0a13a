"""A stack's bill for a month, line by line: a pure function of its rendered resources and of how it is used."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from klaviyo_access.cli.cost.counted_stack import DAYS, SECRET, CountedStack
from klaviyo_access.cli.cost.lambda_work import machine, works
from klaviyo_access.cli.cost.prices import PRICES
from klaviyo_access.cli.rendering import Resource

EVENT_BYTES: Final = 1_500
"""A management event as CloudTrail writes it."""
ENTRY_BYTES: Final = 800
"""A service's audit entry."""
COMPRESSED: Final = Decimal("0.15")
"""What is left of logs where they are kept, as CloudWatch's pricing page assumes it; files of a trail are gzip too."""
FILES_A_DAY: Final = 12 * 24 + 24
"""Of a trail for a region with events: one every five minutes, and a digest an hour."""
SHARED_CALLS: Final = 5
"""Calls in which a process reads a webhook's secrets, or an OAuth app's: each version, or a look before each write."""
AUDIT_METRICS: Final = 5
"""Metrics that an audit writes."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How a stack is used in a month; what no resource says.

    Attributes:
        readers: how many keys the services read, each service counted with each role that it has.
        processes: of each service.
        reads_a_day: how often a process asks for its key.
        account_events: management events of the account, in all regions, which the trail records.
        active_regions: in which the account has such events.
        first_trail: whether the stack's trail is the account's first, whose events are free.
        audit_entries: that services write.
        alerts: that are raised.
    """

    readers: int
    processes: int = 2
    reads_a_day: int = 96
    account_events: int = 500_000
    active_regions: int = 2
    first_trail: bool = True
    audit_entries: int = 100_000
    alerts: int = 10

    def reads(self, secrets: int) -> int:
        """How often in a month the processes read so many secrets, each of one service."""
        return round(secrets * self.processes * self.reads_a_day * DAYS)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the bill.

    Attributes:
        service: of AWS.
        what: is charged.
        quantity: in the price's unit.
        price: its name in the table of prices.
        because: where the quantity comes from.
    """

    service: str
    what: str
    quantity: float
    price: str
    because: str

    @property
    def dollars(self) -> Decimal:
        """What the line costs a month, in US dollars."""
        return PRICES[self.price].of(self.quantity)


def bill(resources: Sequence[Resource], usage: Usage) -> list[Line]:
    """The lines of a month's bill, in the state that a stack reaches when its logs are as old as they get."""
    stack = CountedStack(resources)
    return [
        *_secrets(stack, usage),
        *_keys(stack, usage),
        *_functions(stack),
        *_trail(stack, usage),
        *_logs(stack, usage),
        *_alerts(stack, usage),
    ]


def _secrets(stack: CountedStack, usage: Usage) -> Iterator[Line]:
    secrets = stack.count(SECRET)
    replicas = sum(len(one.inputs.get("replicas") or ()) for one in stack.of(SECRET))
    reads, others = usage.reads(usage.readers), usage.reads(stack.shared) * SHARED_CALLS
    because = f"{secrets} secrets, {replicas} replicas" if replicas else f"{secrets} secrets"
    yield Line(service="Secrets Manager", what="secrets", quantity=secrets + replicas, price="secret", because=because)
    yield Line(
        service="Secrets Manager",
        what="calls",
        quantity=_calls(stack, usage),
        price="secret-call",
        because=f"{reads:,} reads of keys: {usage.readers} readers x {usage.processes} processes x "
        f"{usage.reads_a_day} a day; "
        + (f"{others:,} for {stack.shared} secrets of webhooks and OAuth; " if others else "")
        + f"{_own_calls(stack):,} by rotators and audits",
    )


def _calls(stack: CountedStack, usage: Usage) -> int:
    """Calls to Secrets Manager in a month."""
    return usage.reads(usage.readers) + usage.reads(stack.shared) * SHARED_CALLS + _own_calls(stack)


def _own_calls(stack: CountedStack) -> int:
    return round(sum(work.runs * work.calls for work in works(stack)))


def _keys(stack: CountedStack, usage: Usage) -> Iterator[Line]:
    keys, files = stack.count("aws:kms/key:Key"), _files(stack, usage)
    yield Line(
        service="KMS",
        what="keys",
        quantity=keys,
        price="key",
        because=f"{keys} keys in their first year; each of the first two yearly rotations adds a dollar a month a key",
    )
    yield Line(
        service="KMS",
        what="requests",
        quantity=_calls(stack, usage) + files,
        price="key-request",
        because=f"at most one for each call above, {files:,} for files of the trail",
    )


def _functions(stack: CountedStack) -> Iterator[Line]:
    done = works(stack)
    because = "; ".join(work.what for work in done)
    yield Line(
        service="Lambda",
        what="calls",
        quantity=round(sum(work.runs for work in done)),
        price="lambda-request",
        because=because,
    )
    yield Line(
        service="Lambda",
        what=f"time on {machine(stack)}",
        quantity=round(sum(work.gigabyte_seconds for work in done), 1),
        price=f"lambda-{machine(stack)}",
        because="those calls' seconds x memory",
    )
    yield Line(
        service="EventBridge",
        what="schedules",
        quantity=round(stack.scheduled),
        price="schedule",
        because="each call of Scheduler; it starts the audit",
    )


def _trail(stack: CountedStack, usage: Usage) -> Iterator[Line]:
    if not stack.has_trail:
        return
    which = "first" if usage.first_trail else "further"
    yield Line(
        service="CloudTrail",
        what="management events",
        quantity=usage.account_events,
        price=f"{which}-trail",
        because=f"of the whole account, by its {which} trail (a second copy is charged: --other-trail)",
    )
    yield Line(
        service="CloudTrail",
        what="data events",
        quantity=0,
        price="data-event",
        because="the trail records none: reads of secrets are management events",
    )
    kept = stack.days_in_bucket / DAYS
    stored = _gigabytes(usage.account_events * EVENT_BYTES) * float(COMPRESSED) * kept
    files = _files(stack, usage)
    yield Line(
        service="S3",
        what="files of the trail",
        quantity=files,
        price="bucket-put",
        because=f"{FILES_A_DAY} a day in each of {usage.active_regions} active regions",
    )
    yield Line(
        service="S3",
        what="storage",
        quantity=round(stored, 3),
        price="bucket-storage",
        because=f"{EVENT_BYTES:,} bytes an event, compressed to {COMPRESSED:%}, kept {kept:.0f} months",
    )


def _logs(stack: CountedStack, usage: Usage) -> Iterator[Line]:
    sources = {
        "events of the trail": (usage.account_events * EVENT_BYTES if stack.has_trail else 0, "/audit"),
        "audit entries of services": (usage.audit_entries * ENTRY_BYTES, "/application-audit"),
        "Lambdas": (sum(work.runs * work.logged for work in works(stack)), "/aws/lambda/"),
    }
    for what, (size, group) in sources.items():
        taken, kept = _gigabytes(size), stack.months_kept(group)
        yield Line(
            service="CloudWatch Logs",
            what=what,
            quantity=round(taken, 4),
            price="log-ingestion",
            because=f"{size / 1_000_000:,.2f} MB a month",
        )
        yield Line(
            service="CloudWatch Logs",
            what=f"{what}, kept",
            quantity=round(taken * float(COMPRESSED) * kept, 4),
            price="log-storage",
            because=f"for {kept:.0f} months, compressed to {COMPRESSED:%}",
        )


def _alerts(stack: CountedStack, usage: Usage) -> Iterator[Line]:
    alarms = stack.count("aws:cloudwatch/metricAlarm:MetricAlarm")
    emails = usage.alerts * stack.count("aws:sns/topicSubscription:TopicSubscription")
    rules = stack.count("aws:cloudwatch/eventRule:EventRule")
    filters = stack.count("aws:cloudwatch/logMetricFilter:LogMetricFilter")
    audited = AUDIT_METRICS if stack.functions("auditor") else 0
    yield Line(
        service="CloudWatch",
        what="custom metrics",
        quantity=filters + audited,
        price="metric",
        because=f"{audited} of the audit, {filters} of log filters; at most, since hours without data are free",
    )
    yield Line(service="CloudWatch", what="alarms", quantity=alarms, price="alarm", because=f"{alarms} alarms")
    yield Line(
        service="EventBridge",
        what=f"{rules} rules",
        quantity=usage.alerts,
        price="aws-event",
        because="rules and events of AWS's own services are free",
    )
    yield Line(
        service="SNS",
        what="alerts by e-mail",
        quantity=emails,
        price="email",
        because=f"{usage.alerts} alerts to each address",
    )


def _files(stack: CountedStack, usage: Usage) -> int:
    return round(FILES_A_DAY * DAYS * usage.active_regions) if stack.has_trail else 0


def _gigabytes(size: float) -> float:
    return size / 1_000_000_000
