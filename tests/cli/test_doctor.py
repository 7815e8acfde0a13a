"""``doctor`` on this side: what is wrong with project, network, credentials or caller has its cause and its cure."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from klaviyo_access.cli.clock import utc_now
from klaviyo_access.cli.doctor import command as doctor_command
from klaviyo_access.cli.doctor.caller import CallerSide
from klaviyo_access.cli.doctor.command import CHECKS as DEPLOYED
from klaviyo_access.cli.doctor.command import look_at, verdict
from klaviyo_access.cli.doctor.findings import Finding
from tests.cli.cli_fakes import ACCOUNT, ENGINEER, OPERATOR, SETTINGS, Command, FakeAws, lay_out

CHECKS = (
    "settings",
    "access model",
    "endpoint",
    "region",
    "credentials",
    "clock",
    "account",
    "caller",
    "klaviyo",
    "klaviyo account",
    "program",
)
RENDERED = {
    "type": "aws:sns/topic:Topic",
    "urn": "urn:pulumi:{stack}::klaviyo-access::aws:sns/topic:Topic::alerts",
    "inputs": {"name": "alerts"},
}
REFUSED = b'{"errors": [{"status": 401, "code": "not_authenticated", "detail": "Missing credentials"}]}'

Break = Callable[["World"], None]


class World:
    """What a test breaks."""

    def __init__(self, aws: FakeAws, shell: pytest.MonkeyPatch) -> None:
        self.aws = aws
        self.shell = shell
        self.unreachable: tuple[str, ...] = ()
        self.klaviyo: tuple[int, bytes] = (401, REFUSED)

    def send(
        self,
        method: str,  # noqa: ARG002 - a transport's form
        url: str,
        headers: Mapping[str, str],  # noqa: ARG002 - the same
        timeout: float,  # noqa: ARG002 - the same
        body: bytes | None = None,  # noqa: ARG002 - the same
    ) -> tuple[int, dict[str, str], bytes]:
        """The network."""
        if any(part in url for part in self.unreachable):
            raise ConnectionRefusedError
        return (*self.klaviyo[:1], {}, self.klaviyo[1]) if "klaviyo.com" in url else (404, {}, b"")

    def caller(self, stack: str | None = "dev") -> CallerSide:
        """This side, with a rendering of the stack."""
        rendering = json.dumps({"deployment": {"resources": [RENDERED]}}).replace("{stack}", stack or "dev")
        lay_out("rendered.json", rendering)
        return CallerSide(None, stack, rendered=Path("rendered.json"), send=self.send, clock=utc_now)

    def examine(self, stack: str | None = "dev") -> dict[str, Finding]:
        """Make every check of this side."""
        return {finding.check: finding for finding in self.caller(stack).look()}


@pytest.fixture
def world(aws: FakeAws, project: Path, shell: pytest.MonkeyPatch) -> World:
    """A set-up in which all is well."""
    lay_out("Pulumi.dev.yaml", Path("Pulumi.dev.yaml").read_text() + "  klaviyo-access:klaviyoAccountId: AbC123\n")
    aws.caller = OPERATOR
    aws.date = format_datetime(datetime.now(UTC), usegmt=True)
    return World(aws, shell)


def test_a_sound_set_up_passes_every_check(world: World) -> None:
    findings = world.examine()
    assert [(name, finding.result) for name, finding in findings.items()] == [(name, "ok") for name in CHECKS]
    assert verdict(list(findings.values())) == 0


def no_settings(world: World) -> None:
    lay_out("Pulumi.dev.yaml", "config: [1, 2")


def wrong_setting(world: World) -> None:
    lay_out("Pulumi.dev.yaml", "config:\n  aws:region: eu-west-1\n  klaviyo-access:accountId: '12'\n")


def broken_model(world: World) -> None:
    lay_out("access.yaml", "roles: {viewer: {scopes: [lists:reed]}}\n")


def endpoint_left_over(world: World) -> None:
    world.shell.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")


def network_down(world: World) -> None:
    world.unreachable = ("amazonaws.com",)


def unknown_region(world: World) -> None:
    lay_out("Pulumi.dev.yaml", Path("Pulumi.dev.yaml").read_text().replace("eu-west-1", "eu-wast-1"))


def no_credentials(world: World) -> None:
    world.shell.delenv("AWS_ACCESS_KEY_ID")
    world.shell.delenv("AWS_SECRET_ACCESS_KEY")


def expired(world: World) -> None:
    world.aws.refusals["GetCallerIdentity"] = ("ExpiredToken", "The security token is expired")


def clock_off(world: World) -> None:
    world.aws.date = format_datetime(datetime.now(UTC) - timedelta(minutes=10), usegmt=True)


def clock_so_far_off_that_aws_refuses(world: World) -> None:
    clock_off(world)
    world.aws.refusals["GetCallerIdentity"] = ("SignatureDoesNotMatch", "Signature expired")


def other_account(world: World) -> None:
    world.aws.caller = "arn:aws:sts::999988887777:assumed-role/engineer/ada"


def stranger(world: World) -> None:
    world.aws.caller = f"arn:aws:sts::{ACCOUNT}:assumed-role/stranger/ada"
    world.aws.refusals["AssumeRole"] = ("AccessDenied", "not authorized to perform sts:AssumeRole")


def klaviyo_down(world: World) -> None:
    world.unreachable = ("klaviyo.com",)


def not_klaviyo(world: World) -> None:
    world.klaviyo = (200, b"<html>")


BROKEN: list[tuple[Break, str, str, str, int]] = [
    (no_settings, "settings", "cannot be read as YAML", "settings", 1),
    (wrong_setting, "settings", "klaviyo-access:accountId", "settings", 1),
    (broken_model, "access model", "access.yaml:1", "Mend access.yaml", 1),
    (endpoint_left_over, "endpoint", "http://127.0.0.1:4566", "unset AWS_ENDPOINT_URL", 1),
    (network_down, "endpoint", "could not be reached", "network", 3),
    (unknown_region, "region", "'eu-wast-1'", "Correct aws:region", 1),
    (no_credentials, "credentials", "No AWS credentials", "Sign in", 1),
    (expired, "credentials", "have expired", "Sign in", 1),
    (clock_off, "clock", "five minutes", "Set the clock", 1),
    (clock_so_far_off_that_aws_refuses, "clock", "five minutes", "Set the clock", 1),
    (other_account, "account", "999988887777", "another stack", 1),
    (stranger, "caller", "may not assume", "klaviyo-access:operators", 1),
    (klaviyo_down, "klaviyo", "could not be reached", "klaviyoUrl", 3),
    (not_klaviyo, "klaviyo", "answered 200", "proxy", 3),
]


@pytest.mark.parametrize(
    ("break_it", "check", "cause", "cure", "code"), BROKEN, ids=[broken[0].__name__ for broken in BROKEN]
)
def test_a_broken_set_up_has_its_cause_and_its_cure(
    world: World, break_it: Break, check: str, cause: str, cure: str, code: int
) -> None:
    break_it(world)
    findings = world.examine()
    assert list(findings) == list(CHECKS)
    assert findings[check].result == "failed"
    assert cause in findings[check].detail
    assert cure in findings[check].cure
    assert verdict(list(findings.values())) == code


@pytest.mark.parametrize("line", ["", '  klaviyo-access:klaviyoAccountId: ""\n'], ids=["not named", "empty"])
def test_a_stack_without_its_klaviyo_account_is_warned_and_fails_nothing(
    command: Command, world: World, line: str
) -> None:
    lay_out("Pulumi.dev.yaml", SETTINGS.format(region="eu-west-1", account=ACCOUNT) + line)
    findings = world.examine()
    assert [name for name, finding in findings.items() if finding.result != "ok"] == ["klaviyo account"]
    assert verdict(list(findings.values())) == 0
    world.shell.setattr(doctor_command, "send", world.send)
    printed = command("doctor", "--stack", "dev").out
    assert "warning klaviyo account: The setting klaviyo-access:klaviyoAccountId is empty" in printed
    assert "as klaviyo-access:klaviyoAccountId in Pulumi.dev.yaml" in printed


def test_what_rests_on_a_failed_check_is_skipped_and_says_so(world: World) -> None:
    expired(world)
    findings = world.examine()
    assert {name: found.detail for name, found in findings.items() if found.result == "skipped"} == {
        "account": "after 'credentials' is fine",
        "caller": "after 'credentials' is fine",
    }
    everything = look_at(world.caller())
    assert {found.detail for found in everything[len(CHECKS) :]} == {"after 'caller' is fine"}
    assert [found.check for found in everything[len(CHECKS) :]] == [check.name for check in DEPLOYED]


def test_no_stack_is_a_finding_and_no_usage_error(world: World) -> None:
    findings = world.examine(stack=None)
    assert "dev, local" in findings["settings"].detail
    assert verdict(list(findings.values())) == 1


def test_a_deployer_is_told_that_staging_is_the_operators(world: World) -> None:
    stranger(world)
    world.aws.caller = f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/ci"
    found = world.examine()["caller"]
    assert (found.result, found.exit_code) == ("failed", 1)
    assert found.detail.startswith("You are a deployer")
    assert found.cure == "Have an operator run: klaviyo-access doctor --stack dev"


def test_an_answer_without_a_time_says_nothing_of_the_clock(world: World) -> None:
    world.aws.date = ""
    assert world.examine()["clock"].detail == "near enough to AWS's, which accepts signatures of it"


def test_an_arn_is_printed_as_it_is(command: Command, world: World) -> None:
    world.aws.refusals["AssumeRole"] = ("Strange", "on resource: arn:aws:x:1:secret:[red]name")
    world.aws.caller = ENGINEER
    world.shell.setattr(doctor_command, "send", world.send)
    assert "arn:aws:x:1:secret:[red]name" in command("doctor", "--stack", "dev").out


def test_the_stack_local_needs_a_loopback_endpoint_that_answers(world: World) -> None:
    assert "AWS_ENDPOINT_URL names no loopback address" in world.examine("local")["endpoint"].detail
    world.shell.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    world.unreachable = ("127.0.0.1",)
    place = world.examine("local")["endpoint"]
    assert (place.detail, place.exit_code) == ("The sandbox does not run: nothing answers at http://127.0.0.1:4566.", 3)
    assert "python -m sandbox start" in place.cure


def test_the_sandboxs_klaviyo_is_started_and_not_sought_on_the_network(world: World) -> None:
    world.shell.setenv("KLAVIYO_URL", "http://127.0.0.1:4567")
    world.unreachable = ("127.0.0.1",)
    assert "python -m sandbox start" in world.examine("local")["klaviyo"].cure


def test_the_command_prints_each_check_and_its_cure(command: Command, world: World) -> None:
    klaviyo_down(world)
    stranger(world)
    world.shell.setattr(doctor_command, "send", world.send)
    result = command("doctor", "--stack", "dev")
    assert result.code == 3
    assert "failed klaviyo: Klaviyo could not be reached" in result.out
    assert "ok account: " + ACCOUNT in result.out
    assert "fix: Check the network" in result.out
    assert "skipped secrets: after 'caller' is fine" in result.out
    assert "Not looked at, so nobody knows: secrets, declared," in result.out


def test_json_is_one_document_with_stable_keys(command: Command, world: World) -> None:
    stranger(world)
    world.shell.setattr(doctor_command, "send", world.send)
    result = command("doctor", "--stack", "dev", "--json")
    assert result.code == 1
    assert [check["check"] for check in result.json["checks"]] == [*CHECKS, *(check.name for check in DEPLOYED)]
    assert set(result.json["checks"][0]) == {"check", "result", "detail", "cure", "on", "exit_code"}


def test_an_installed_package_without_a_checkout_says_how_to_render(world: World) -> None:
    found = {one.check: one for one in CallerSide(None, "dev", rendered=None, send=world.send, clock=utc_now).look()}[
        "program"
    ]
    assert (found.result, found.exit_code) == ("failed", 2)
    assert "--rendered rendered.json" in found.cure


def test_checks_have_names_of_their_own() -> None:
    names = [*CHECKS, *(check.name for check in DEPLOYED)]
    assert len(set(names)) == len(names)
