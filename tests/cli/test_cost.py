"""The bill: its lines from what is rendered and how it is used, and what the command refuses."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from klaviyo_access.cli.cost.bill import AUDIT_METRICS, Usage, bill
from klaviyo_access.cli.cost.counted_stack import times_a_month
from klaviyo_access.cli.cost.free_types import FREE
from klaviyo_access.cli.cost.prices import PRICES
from klaviyo_access.cli.deployer.actions import ACTIONS
from klaviyo_access.cli.errors import CommandError
from klaviyo_access.cli.rendering import Resource, _resources, rendered_resources
from rotation.auditor.findings import Record
from tests.cli.cli_fakes import Command
from tests.cli.rendered_stacks import ROOT, as_preview, rendering, without


@pytest.fixture
def cost(command: Command, tmp_path: Path) -> Any:
    """Runs the command on a rendering, and returns its JSON."""

    def ask(text: str, *options: str) -> dict[str, Any]:
        (tmp_path / "rendered.json").write_text(text)
        given = ("--stack", "dev", "--project", str(ROOT), "--rendered", "rendered.json", "--json", *options)
        result = command("cost", *given)
        assert result.code == 0, result.err
        answer: dict[str, Any] = json.loads(result.out)
        return answer

    return ask


def line(answer: dict[str, Any], service: str, what: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [one for one in answer["lines"] if (one["service"], one["what"]) == (service, what)]
    assert len(found) == 1
    return found[0]


def resource(kind: str, **inputs: Any) -> Resource:
    return Resource(type=kind, urn=f"urn:pulumi:dev::p::{kind}::x", inputs=inputs)


@pytest.mark.parametrize(
    ("service", "what", "quantity", "dollars"),
    [
        ("Secrets Manager", "secrets", 18, "7.20"),
        ("KMS", "keys", 3, "3.00"),
        ("CloudTrail", "management events", 500_000, "0.00"),
        ("CloudTrail", "data events", 0, "0.00"),
        ("CloudWatch Logs", "events of the trail", 0.75, "0.38"),
        ("CloudWatch", "alarms", 5, "0.50"),
        ("Lambda", "calls", 319, "0.00"),
        ("Lambda", "time on arm64", 7_200.8, "0.10"),
        ("CloudWatch", "custom metrics", 6, "1.80"),
        ("SNS", "alerts by e-mail", 10, "0.00"),
    ],
)
def test_each_line_counts_what_the_stack_has(cost: Any, service: str, what: str, quantity: float, dollars: str) -> None:
    found = line(cost(rendering("dev")), service, what)
    assert (found["quantity"], found["dollars"]) == (quantity, dollars)


def test_the_total_is_the_sum_of_the_lines(cost: Any) -> None:
    answer = cost(rendering("dev"))
    assert abs(Decimal(answer["total"]) - sum(Decimal(one["dollars"]) for one in answer["lines"])) < Decimal("0.10")
    assert Decimal(answer["total"]) > 10


@pytest.mark.parametrize(
    ("options", "service", "what", "before", "after"),
    [
        (("--reads-a-day", "192"), "Secrets Manager", "calls", 56_163, 108_694),
        (("--processes", "0"), "Secrets Manager", "calls", 56_163, 3_632),
        (("--account-events", "0"), "CloudWatch Logs", "events of the trail", 0.75, 0.0),
        (("--active-regions", "4"), "S3", "files of the trail", 18_970, 37_939),
        (("--audit-entries", "0"), "CloudWatch Logs", "audit entries of services", 0.08, 0.0),
        (("--alerts", "7"), "SNS", "alerts by e-mail", 10, 7),
    ],
)
def test_each_assumption_is_an_option(
    cost: Any, options: tuple[str, ...], service: str, what: str, before: float, after: float
) -> None:
    assert line(cost(rendering("dev")), service, what)["quantity"] == before
    assert line(cost(rendering("dev"), *options), service, what)["quantity"] == after


def test_a_second_trail_is_charged(cost: Any) -> None:
    assert line(cost(rendering("dev"), "--other-trail"), "CloudTrail", "management events")["dollars"] == "10.00"


def test_a_stack_without_a_trail_pays_for_none(cost: Any) -> None:
    answer = cost(without(rendering("dev"), "aws:cloudtrail/trail:Trail"))
    assert not {"CloudTrail", "S3"} & {one["service"] for one in answer["lines"]}
    assert line(answer, "CloudWatch Logs", "events of the trail")["quantity"] == 0


def test_the_accounts_own_trail_is_not_on_the_stacks_bill(cost: Any) -> None:
    rendered = json.loads(without(rendering("dev"), "aws:cloudtrail/trail:Trail", "aws:s3/bucket:Bucket"))
    resources = rendered["deployment"]["resources"]
    kind = "aws:cloudtrail/trail:Trail"
    arn = "arn:aws:cloudtrail:us-east-1:111111111111:trail/organization"
    urn = f"{resources[-1]['urn'].rpartition('::')[0]}::organization"
    resources.append({"type": kind, "urn": urn, "id": arn, "external": True, "inputs": {"enableLogging": True}})
    answer = cost(json.dumps(rendered))
    assert not {"CloudTrail", "S3"} & {one["service"] for one in answer["lines"]}
    assert line(answer, "CloudWatch Logs", "events of the trail")["quantity"] == 0


def test_a_preview_of_the_real_cli_costs_the_same(cost: Any) -> None:
    assert cost(as_preview(rendering("dev"))) == cost(rendering("dev"))


def test_replicas_and_alarms_are_charged_each() -> None:
    replicated = resource("aws:secretsmanager/secret:Secret", replicas=[{"region": "a"}, {"region": "b"}])
    lines = bill([replicated, resource("aws:cloudwatch/metricAlarm:MetricAlarm")], Usage(readers=1))
    assert {one.what: one.quantity for one in lines if one.what in {"secrets", "alarms"}} == {"secrets": 3, "alarms": 1}


@pytest.mark.parametrize(
    ("schedule", "rotations"),
    [
        ("cron(0 3 7 * ? *)", 1.0),
        ("cron(0 0 1 1/3 ? *)", 1 / 3),
        ("cron(30 5 * * ? *)", 30.4),
        ("rate(30 days)", 30.4 / 30),
        ("rate(4 hours)", 30.4 * 24 / 4),
    ],
)
def test_times_a_month_follow_the_schedule(schedule: str, rotations: float) -> None:
    assert times_a_month(schedule) == pytest.approx(rotations)


def test_every_price_names_its_public_page() -> None:
    assert {price.page.startswith("https://aws.amazon.com/") for price in PRICES.values()} == {True}


def test_every_type_changes_the_bill_or_is_said_to_be_free() -> None:
    """By what a stack has less of where its resources of one type are taken away."""
    usage = Usage(readers=3)
    every = [one for stack in ("dev", "local") for one in rendered_resources_of(stack)]
    whole = bill(every, usage)
    rendered = {one.type for one in every}
    changing = {kind for kind in rendered if bill([one for one in every if one.type != kind], usage) != whole}
    assert len(rendered) > 20
    assert rendered - changing == rendered & FREE.keys()
    assert ACTIONS.keys() - FREE.keys() - rendered == set()


def rendered_resources_of(stack: str) -> tuple[Resource, ...]:
    return tuple(_resources(json.loads(rendering(stack))))


def test_the_audit_and_its_canaries_are_charged_beside_the_rotators(cost: Any) -> None:
    answer = cost(rendering("dev"))
    because = line(answer, "Lambda", "calls")["because"]
    assert "by 9 rotators" in because
    assert "277 canaries, after rotations and in audits" in because
    assert "30 audits, at most 900 s each" in because
    audits = 30.4 * 900 * 0.25
    assert line(answer, "Lambda", "time on arm64")["quantity"] == pytest.approx(audits + (12 + 277) * 5 * 0.25, abs=1)
    assert line(answer, "EventBridge", "schedules")["quantity"] == 30


def test_an_audit_is_charged_for_each_metric_that_it_writes() -> None:
    written = Record().metrics("dev", datetime(2026, 1, 1, tzinfo=UTC), is_whole=True)
    assert len(written.keys() - {"_aws", "Prefix", "Environment"}) == AUDIT_METRICS


def test_the_secrets_of_webhooks_and_oauth_are_read_as_well() -> None:
    kind = "aws:secretsmanager/secret:Secret"
    secrets = [resource(kind, name=f"klaviyo/dev/{name}") for name in ("viewer/key", "orders/webhook", "oauth/client")]
    calls = next(one for one in bill(secrets, Usage(readers=1)) if one.what == "calls")
    assert calls.quantity == round(2 * 96 * 30.4) + 5 * round(2 * 2 * 96 * 30.4)
    assert "2 secrets of webhooks and OAuth" in calls.because


@pytest.mark.parametrize(("columns", "whole"), [("80", False), ("160", True)])
def test_a_narrow_terminal_is_spared_the_columns_that_would_break(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: str, whole: bool
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    (tmp_path / "rendered.json").write_text(rendering("dev"))
    result = command("cost", "--stack", "dev", "--project", str(ROOT), "--rendered", "rendered.json")
    rows = result.out.splitlines()
    assert max(map(len, rows)) <= int(columns)
    assert ("Because" in result.out, "from 120 columns on" in result.err) == (whole, not whole)
    assert whole or any("audit entries of services, kept" in row for row in rows)


def test_the_table_says_what_is_assumed_and_where_the_prices_are_from(command: Command, tmp_path: Path) -> None:
    (tmp_path / "rendered.json").write_text(rendering("dev"))
    result = command("cost", "--stack", "dev", "--project", str(ROOT), "--rendered", "rendered.json")
    assert result.code == 0
    assert "Total: $" in result.out
    for said in ("us-east-1", "https://aws.amazon.com/kms/pricing/", "this stack is in eu-west-1"):
        assert said in result.err
    (assumed,) = re.findall(r"Assumed, each an option: (.*)\.\n", result.err)
    assert assumed.endswith(", no --other-trail")
    given = assumed.replace("no --other-trail", "--other-trail").replace(",", "").split()
    again = command(
        "cost", "--stack", "dev", "--project", str(ROOT), "--rendered", "rendered.json", *given
    )  # what is said can be typed
    assert f"Assumed, each an option: {assumed.replace('no --', '--')}." in again.err


@pytest.mark.parametrize("form", [str, as_preview], ids=["as exported", "as a preview"])
@pytest.mark.parametrize(("rules", "keys"), [("cron(0 0 1 1/3 ? *)", 3.0), ("cron(0 0 1 * ? *)", 3.7)])
def test_the_keys_that_a_person_makes_are_counted(cost: Any, form: Any, rules: str, keys: float) -> None:
    assert cost(form(rendering("dev").replace("cron(0 0 1 1/3 ? *)", rules)))["keys_by_hand"] == keys


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("{}", (), "holds no resources of AWS"),
        ("strange schedule", (), "no schedule of the program: 'cron(often)'"),
        ("{}", ("--processes", "-1"), "greater than or equal to 0"),
        ("{}", ("--alerts", "many"), "valid integer"),
    ],
)
def test_bad_input_is_refused_with_the_reason(
    command: Command, tmp_path: Path, text: str, options: tuple[str, ...], said: str
) -> None:
    if text == "strange schedule":
        text = rendering("dev").replace("cron(0 0 1 1/3 ? *)", "cron(often)")
    (tmp_path / "rendered.json").write_text(text)
    result = command("cost", "--stack", "dev", "--project", str(ROOT), "--rendered", "rendered.json", *options)
    assert (result.code, result.out) == (2, "")
    assert said in result.err


def test_a_program_that_refuses_its_settings_is_passed_on_without_another_cure(tmp_path: Path) -> None:
    for part in ROOT.iterdir():
        if part.name != "Pulumi.dev.yaml" and not part.name.startswith("."):
            (tmp_path / part.name).symlink_to(part)
    settings = (ROOT / "Pulumi.dev.yaml").read_text()
    (tmp_path / "Pulumi.dev.yaml").write_text(settings.replace("rotateEvery: quarter", "rotateEvery: week"))
    with pytest.raises(CommandError) as refusal:
        rendered_resources(tmp_path, "dev", None)
    assert "rotateEvery: must be 'month' or 'quarter', because" in refusal.value.cause
    assert refusal.value.cure == "Mend what the program names."
