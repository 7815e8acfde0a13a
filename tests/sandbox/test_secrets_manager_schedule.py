"""Rotation schedules: when windows open and close, and which expressions are refused.

Quotations are botocore's model text of RotationRules.
"""

from datetime import UTC, datetime

import pytest

from sandbox.aws.calls import AwsError
from sandbox.aws.secrets_manager.schedule import schedule_of, window_end
from sandbox.aws.secrets_manager.state import RotationRules


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("expression", "openings"),
    [
        ("rate(10 days)", ["2026-02-10 00:00", "2026-02-20 00:00"]),
        ("rate(1 day)", ["2026-02-01 00:00", "2026-02-02 00:00"]),
        ("rate(12 hours)", ["2026-02-01 00:00", "2026-02-01 12:00"]),
        ("rate(5 hours)", ["2026-01-31 20:00", "2026-02-01 01:00"]),
        ("cron(0 16 * * ? *)", ["2026-01-31 16:00", "2026-02-01 16:00"]),
        ("cron(0 8,20 * * ? *)", ["2026-01-31 20:00", "2026-02-01 08:00"]),
        ("cron(0 /6 * * ? *)", ["2026-01-31 18:00", "2026-02-01 00:00"]),
        ("cron(0 4 1 * ? *)", ["2026-02-01 04:00", "2026-03-01 04:00"]),
        ("cron(0 4 28 1/3 ? *)", ["2026-04-28 04:00", "2026-07-28 04:00"]),
        ("cron(0 4 5 FEB,MAY ? *)", ["2026-02-05 04:00", "2026-05-05 04:00"]),
        ("cron(0 4 L * ? *)", ["2026-02-28 04:00", "2026-03-31 04:00"]),
        ("cron(0 4 29 2 ? *)", ["2028-02-29 04:00", "2032-02-29 04:00"]),
        ("cron(0 4 ? * MON-FRI *)", ["2026-02-02 04:00", "2026-02-03 04:00"]),
        ("cron(0 4 ? * 1 *)", ["2026-02-01 04:00", "2026-02-08 04:00"]),
        ("cron(0 4 ? * 6L *)", ["2026-02-27 04:00", "2026-03-27 04:00"]),
        ("cron(0 4 ? * TUE#2 *)", ["2026-02-10 04:00", "2026-03-10 04:00"]),
    ],
)
def test_when_windows_open(expression: str, openings: list[str]) -> None:
    """ "Secrets Manager rotation schedules use UTC time zone." "If you use a rate() expression, the rotation window
    starts at midnight."
    """
    schedule = schedule_of(RotationRules(expression=expression))
    first = schedule.next(at("2026-01-31 15:30"))
    assert [first, schedule.next(first)] == [at(opening) for opening in openings]


@pytest.mark.parametrize(
    ("rules", "closing"),
    [
        (RotationRules(days=30), "2026-02-02 00:00"),
        (RotationRules(expression="rate(10 days)"), "2026-02-02 00:00"),
        (RotationRules(expression="rate(12 hours)"), "2026-02-01 05:00"),
        (RotationRules(expression="cron(0 4 * * ? *)"), "2026-02-02 00:00"),
        (RotationRules(expression="cron(0 4,16 * * ? *)"), "2026-02-01 05:00"),
        (RotationRules(expression="cron(0 4 * * ? *)", duration=3), "2026-02-01 07:00"),
    ],
)
def test_when_a_window_closes(rules: RotationRules, closing: str) -> None:
    """ "for a ScheduleExpression in hours, the window automatically closes after one hour. For a ScheduleExpression in
    days, the window automatically closes at the end of the UTC day."
    """
    assert window_end(rules, at("2026-02-01 04:00")) == at(closing)


@pytest.mark.parametrize(
    "rules",
    [
        RotationRules(),
        RotationRules(days=30, expression="rate(30 days)"),
        RotationRules(expression="rate(3 hours)"),
        RotationRules(expression="rate(0 days)"),
        RotationRules(expression="rate(1000 days)"),
        RotationRules(expression="rate(2 weeks)"),
        RotationRules(expression="every day"),
        RotationRules(expression="cron(0 4 * *)"),
        RotationRules(expression="cron(30 4 * * ? *)"),
        RotationRules(expression="cron(* 4 * * ? *)"),
        RotationRules(expression="cron(0 4 * * ? 2026)"),
        RotationRules(expression="cron(0 4 1 * MON *)"),
        RotationRules(expression="cron(0 4 ? * ? *)"),
        RotationRules(expression="cron(0 24 * * ? *)"),
        RotationRules(expression="cron(0 * * * ? *)"),
        RotationRules(expression="cron(0 0/3 * * ? *)"),
        RotationRules(expression="cron(0 1,22 * * ? *)"),
        RotationRules(expression="cron(0 4 0 * ? *)"),
        RotationRules(expression="cron(0 4 9-3 * ? *)"),
        RotationRules(expression="cron(0 4 1,, * ? *)"),
        RotationRules(expression="cron(0 4 1/0 * ? *)"),
        RotationRules(expression="cron(0 4 ? * FUNDAY *)"),
        RotationRules(expression="cron(0 4 15W * ? *)"),
        RotationRules(expression="cron(0 4 * * ? *)", duration=21),
        RotationRules(expression="cron(0 4,10 * * ? *)", duration=7),
        RotationRules(expression="rate(4 hours)", duration=5),
        RotationRules(expression="rate(2 days)", duration=25),
        RotationRules(days=30, duration=0),
    ],
    ids=str,
)
def test_schedules_that_are_refused(rules: RotationRules) -> None:
    """ "You can rotate a secret as often as every four hours." "The rotation window must not extend into the next UTC
    day or into the next rotation window."
    """
    with pytest.raises(AwsError) as refused:
        schedule_of(rules)
    assert refused.value.code == "InvalidParameterException"


def test_a_day_that_never_comes_is_refused() -> None:
    with pytest.raises(AwsError) as refused:
        schedule_of(RotationRules(expression="cron(0 4 31 2 ? *)")).next(at("2026-01-31 15:30"))
    assert refused.value.code == "InvalidParameterException"
