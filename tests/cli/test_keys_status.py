"""``keys status``: the life of a role's keys as its labels tell it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from klaviyo_access.access_model import AccessModel
from klaviyo_access.cli.keys import advice as key_advice
from klaviyo_access.cli.keys import status as keys_status
from klaviyo_access.cli.keys.evidence import evidence_of
from klaviyo_access.cli.keys.lives import KeyInLife, RoleStatus, status_of
from klaviyo_access.cli.keys.reasons import meaning
from klaviyo_access.cli.secrets_manager import RoleSecrets, SecretState
from klaviyo_access.keys.labels import SecretLabels
from rotation.auditor.checks import LEAST_SPARES
from rotation.auditor.findings import tell_listed
from tests.cli.cli_fakes import ACCOUNT, ROLES, ROTATOR, SETTINGS, Command, FakeAws, lay_out

OLD, NEW, BAD, LOST = "aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc", "dddddddddddd"
TIME = "20261101T080000Z"
PUT = datetime(2026, 11, 1, 8, tzinfo=UTC)

Stages = Mapping[str, list[str]]


def read(
    key: Stages,
    reserve: Stages,
    *,
    rotator: str = ROTATOR,
    now: datetime = PUT,
    due: datetime | None = None,
    replicas: Mapping[str, str] | None = None,
) -> RoleStatus:
    """The status of viewer with these labels."""
    viewer = AccessModel.load(Path("access.yaml")).in_environment("dev").roles["viewer"]
    secrets = RoleSecrets(
        role="viewer",
        key=SecretState(labels=SecretLabels.of(key), rotator_arn=rotator, next_rotation=due, replicas=replicas or {}),
        reserve=SecretState(labels=SecretLabels.of(reserve)),
    )
    return status_of(
        viewer,
        secrets,
        readers={"app-api": "library"},
        put=dict.fromkeys(key, PUT),
        evidence=evidence_of(viewer, None, writes=False),
        now=now,
    )


@pytest.mark.parametrize(
    ("key", "reserve", "advice"),
    [
        ({}, {}, "no key yet: stage one, then rotate"),
        ({}, {"r0": ["AWSCURRENT"], "r1": [f"SPARE:{TIME}:{NEW}"]}, "no key yet: rotate"),
        ({"k1": ["AWSCURRENT", f"KEY:{OLD}"]}, {"r0": ["AWSCURRENT"]}, "no spare: stage one before the next rotation"),
        (
            {"k1": ["AWSCURRENT", f"KEY:{OLD}"]},
            {"r0": ["AWSCURRENT", "WRITE-TAKEN:20261122T120000Z"]},
            "Klaviyo took a write probe: look in the account for what it made",
        ),
        (
            {"k1": ["AWSCURRENT", f"KEY:{OLD}"]},
            {"r1": [f"SPARE:{TIME}:{NEW}"]},
            f"1 of {LEAST_SPARES} spares: stage another",
        ),
        (
            {"k1": ["AWSCURRENT", f"KEY:{OLD}"]},
            {f"r{n}": [f"SPARE:{TIME}:{n:012}"] for n in range(LEAST_SPARES)},
            "",
        ),
        (
            {"k1": ["AWSCURRENT", f"KEY:{OLD}", f"LEAKED:{OLD}"], "k2": ["AWSPENDING"]},
            {},
            "the key in use is not to be used; a rotation is under way, or one failed",
        ),
        ({"k1": ["AWSCURRENT", f"KEY:{OLD}"], "k2": ["AWSPENDING"]}, {}, "a rotation is under way, or one failed"),
        ({"k1": ["AWSCURRENT"]}, {}, "its key is not managed: 'keys adopt'"),
        ({"k1": ["AWSCURRENT", f"KEY:{OLD}", f"LEAKED:{OLD}"]}, {}, "the key in use is not to be used"),
    ],
)
@pytest.mark.usefixtures("project")
def test_the_labels_say_what_to_do_next(key: Stages, reserve: Stages, advice: str) -> None:
    found = read(key, reserve).advice
    assert found.startswith(advice)
    assert bool(found) == bool(advice)


IN_USE = {"k1": ["AWSCURRENT", f"KEY:{OLD}"]}
ENOUGH = {f"r{n}": [f"SPARE:{TIME}:{n:012}"] for n in range(LEAST_SPARES)}
UNDER_WAY = IN_USE | {"k2": ["AWSPENDING", f"KEY:{NEW}"]}


@pytest.mark.parametrize(
    ("key", "reserve", "also", "alarms"),
    [
        (IN_USE, ENOUGH, {}, []),
        (IN_USE, {}, {}, ["no spare: stage one"]),
        (IN_USE, {"r1": [f"SPARE:{TIME}:{NEW}"]}, {}, ["1 of 2 spares"]),
        ({}, ENOUGH, {}, ["no key yet"]),
        ({"k1": ["AWSCURRENT"]}, ENOUGH, {}, ["its key is not managed"]),
        ({"k1": ["AWSCURRENT", f"KEY:{OLD}", f"LEAKED:{OLD}"]}, ENOUGH, {}, ["the key in use is not to be used"]),
        (IN_USE, ENOUGH, {"rotator": ""}, ["rotation is not set up"]),
        (IN_USE, ENOUGH, {"due": PUT - timedelta(hours=23)}, []),
        (IN_USE, ENOUGH, {"due": PUT - timedelta(hours=25)}, ["its rotation is overdue since 2026-10-31 07:00 UTC"]),
        (UNDER_WAY, ENOUGH, {"now": PUT + timedelta(minutes=59)}, []),
        (UNDER_WAY, ENOUGH, {"now": PUT + timedelta(minutes=61)}, ["a rotation began at 2026-11-01 08:00 UTC and has"]),
        (UNDER_WAY, {}, {}, ["no spare"]),
        (IN_USE, ENOUGH, {"replicas": {"us-east-1": "Failed"}}, ["the replica in us-east-1 is behind (Failed)"]),
        (UNDER_WAY, {}, {"due": PUT, "now": PUT + timedelta(days=2)}, ["a rotation began", "its rotation", "no spare"]),
    ],
)
@pytest.mark.usefixtures("project")
def test_what_waits_for_a_person_is_an_alarm_and_a_rotation_at_work_is_none(
    key: Stages, reserve: Stages, also: dict[str, Any], alarms: list[str]
) -> None:
    found = read(key, reserve, **also).alarms
    assert [alarm[: len(wanted)] for alarm, wanted in zip(found, alarms, strict=True)] == alarms


def test_a_check_says_what_is_wrong_and_nothing_else_and_exits_by_it(command: Command, aws: FakeAws) -> None:
    for role in ROLES:
        aws.labels |= {f"klaviyo/dev/{role}/key": dict(IN_USE), f"klaviyo/dev/{role}/reserve": dict(ENOUGH)}
    fine = command("keys", "status", "--check", "--stack", "dev")
    assert (fine.code, fine.out) == (0, "Nothing is wrong with the keys of dev.\n")
    for role in ("viewer", "admin"):
        aws.labels[f"klaviyo/dev/{role}/reserve"] = {}
    lacking = command("keys", "status", "--check", "--stack", "dev")
    assert (lacking.code, lacking.out) == (1, "admin, viewer: no spare: stage one before the next rotation\n")
    as_json = command("keys", "status", "--check", "--json", "--stack", "dev")
    assert as_json.code == 1
    assert [role["role"] for role in as_json.json["roles"] if role["alarms"]] == ["admin", "viewer"]
    assert command("keys", "status", "--check", "--role", "marketer", "--stack", "dev").code == 0
    assert command("keys", "status", "--stack", "dev").code == 0


@pytest.mark.usefixtures("project")
def test_a_secret_without_a_rotator_is_told_to_be_deployed() -> None:
    assert read({}, {}, rotator="").advice == "rotation is not set up: deploy the stack"


@pytest.mark.usefixtures("project")
def test_every_life_of_a_key_is_told_apart() -> None:
    status = read(
        {
            "k1": ["AWSPREVIOUS", f"KEY:{OLD}", f"RETIRED:{TIME}:{OLD}"],
            "k2": ["AWSCURRENT", f"KEY:{NEW}"],
            "k3": [f"KEY:{BAD}", f"DISABLING:{BAD}", f"REJECTED:{TIME}:{BAD}:refused"],
            "k4": [f"KEY:{LOST}", f"LEAKED:{LOST}"],
        },
        {"r0": ["AWSCURRENT"], "r1": [f"REJECTED:{TIME}:eeeeeeeeeeee:missing:lists:read"]},
    )
    assert status.current == KeyInLife(fingerprint=NEW, since=PUT)
    assert status.previous == KeyInLife(fingerprint=OLD, since=PUT)
    assert [key.fingerprint for key in status.retired] == [OLD]
    assert [key.fingerprint for key in status.disabling] == [BAD]
    assert {(key.fingerprint, key.reason) for key in status.rejected} == {
        (LOST, "leaked"),
        (BAD, "refused"),
        ("eeeeeeeeeeee", "missing:lists:read"),
    }


def test_json_has_the_same_keys_for_every_role_and_nothing_else_on_standard_output(
    command: Command, aws: FakeAws
) -> None:
    aws.labels["klaviyo/dev/viewer/key"] = {"k1": ["AWSCURRENT", f"KEY:{NEW}"]}
    aws.labels["klaviyo/dev/viewer/reserve"] = {"r0": ["AWSCURRENT"], "r1": [f"SPARE:{TIME}:{OLD}"]}
    result = command("keys", "status", "--stack", "dev", "--json")
    assert result.code == 0, result.err
    assert result.json["stack"] == "dev"
    assert [role["role"] for role in result.json["roles"]] == list(ROLES)
    assert len({tuple(role) for role in result.json["roles"]}) == 1
    viewer = next(role for role in result.json["roles"] if role["role"] == "viewer")
    nothing_more: dict[str, object] = {"reason": "", "meaning": "", "waits_for": "", "until": None, "services": []}
    assert viewer["current"] == {"fingerprint": NEW, "since": "2026-11-01T08:00:00+00:00", **nothing_more}
    assert viewer["spares"] == [{"fingerprint": OLD, "since": "2026-11-01T08:00:00+00:00", **nothing_more}]
    assert viewer["evidence"]["lists:read"] == "probe"
    assert viewer["evidence"]["push-tokens:read"] == "unproved"


def test_the_table_has_a_line_for_each_role_and_reads_no_value(command: Command, aws: FakeAws) -> None:
    aws.labels["klaviyo/dev/viewer/key"] = {"k1": ["AWSCURRENT", f"KEY:{NEW}"]}
    result = command("keys", "status", "--stack", "dev")
    assert result.code == 0, result.err
    assert NEW in result.out
    without = ", ".join(role for role in ROLES if role != "viewer")
    assert result.out.splitlines()[-2:] == [
        f"{without}: no key yet: stage one, then rotate",
        "viewer: no spare: stage one before the next rotation",
    ]
    looks = {"DescribeSecret", "ListSecretVersionIds", "FilterLogEvents"}
    assert set(aws.calls) == {"GetCallerIdentity", "AssumeRole", *looks}


def test_one_role_alone_costs_two_looks(command: Command, aws: FakeAws) -> None:
    result = command("keys", "status", "--role", "viewer", "--stack", "dev", "--json")
    assert [role["role"] for role in result.json["roles"]] == ["viewer"]
    assert aws.calls.count("DescribeSecret") == 2


RETIRED = {"k1": ["AWSPREVIOUS", f"KEY:{OLD}", f"RETIRED:{TIME}:{OLD}"], "k2": ["AWSCURRENT", f"KEY:{NEW}"]}


@pytest.mark.parametrize(
    ("now", "waits_for"),
    [
        (
            datetime(2026, 11, 2, 7, 59, tzinfo=UTC),
            "2026-11-02 08:00 UTC, the end of its grace of 24 h, for app-api (lib",
        ),
        (datetime(2026, 11, 2, 8, 0, tzinfo=UTC), "the daily audit, which disables it"),
    ],
)
@pytest.mark.usefixtures("project")
def test_a_retired_key_says_what_it_waits_for_and_for_whom(now: datetime, waits_for: str) -> None:
    [retired] = read(RETIRED, {}, now=now).retired
    assert retired.waits_for.startswith(waits_for)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("refused", "Klaviyo does not know it: it was disabled or deleted, or miscopied"),
        ("missing:lists:read,tags:read", "it lacks lists:read, tags:read, which its role has"),
        ("other-account", "it belongs to another Klaviyo account than this environment's"),
        ("malformed", "what was staged has not the form of a key"),
        ("mislabelled", "its label names another key than the one staged"),
        ("leaked", "it leaked"),
        ("rolled-back", "an operator rolled back from it"),
        ("of-the-future", "of-the-future"),
    ],
)
def test_each_reason_of_a_rejection_is_told_in_words(command: Command, aws: FakeAws, reason: str, words: str) -> None:
    assert meaning(reason) == words
    aws.labels["klaviyo/dev/viewer/reserve"] = {"r1": [f"REJECTED:{TIME}:{BAD}:{reason}"]}
    result = command("keys", "status", "--role", "viewer", "--stack", "dev")
    who = "you to disable it in Klaviyo's dashboard" if reason.startswith("missing:") else "the daily audit"
    assert f"viewer: rejected {BAD}: {words}; waits for: {who}" in result.out


def test_a_rejected_spare_that_is_being_disabled_is_shown_as_such(command: Command, aws: FakeAws) -> None:
    aws.labels["klaviyo/dev/viewer/reserve"] = {"r1": [f"REJECTED:{TIME}:{BAD}:refused", f"DISABLING:{BAD}"]}
    result = command("keys", "status", "--role", "viewer", "--stack", "dev")
    assert f"viewer: disabling {BAD}, waits for: Klaviyo to refuse it" in result.out


def test_the_table_tells_age_proof_and_both_rotations_in_80_columns(
    command: Command, aws: FakeAws, shell: pytest.MonkeyPatch
) -> None:
    shell.setenv("COLUMNS", "80")
    shell.setattr(keys_status, "utc_now", lambda: datetime(2026, 11, 22, 8, tzinfo=UTC))
    shell.setattr(FakeAws, "_DescribeSecret", described_with_dates)
    aws.labels["klaviyo/dev/viewer/key"] = {"k1": ["AWSCURRENT", f"KEY:{NEW}"]}
    result = command("keys", "status", "--role", "viewer", "--stack", "dev")
    row = next(line for line in result.out.splitlines() if NEW in line)
    assert row.split() == ["viewer", NEW, "21", "d", "0", "2026-11-01", "2026-12-01", "25", "of", "27"]
    assert "viewer: without proof: conversations:read, push-tokens:read" in result.out


@pytest.mark.parametrize("columns", ["20", "60"])
def test_a_narrow_terminal_cuts_no_fingerprint(
    command: Command, aws: FakeAws, shell: pytest.MonkeyPatch, columns: str
) -> None:
    shell.setenv("COLUMNS", columns)
    shell.setattr(FakeAws, "_DescribeSecret", described_with_dates)
    aws.labels["klaviyo/dev/viewer/key"] = {"k1": ["AWSCURRENT", f"KEY:{NEW}"]}
    (row,) = (
        line for line in command("keys", "status", "--role", "viewer", "--stack", "dev").out.splitlines() if NEW in line
    )
    assert "…" not in row
    assert row.endswith("25 of 27")


def described_with_dates(aws: FakeAws, asked: Mapping[str, str]) -> dict[str, object]:
    """A secret that was rotated on the first of November, and is to be again in December."""
    dates = {"LastRotatedDate": aws.put_at, "NextRotationDate": aws.put_at + 30 * 86_400}
    rotation = {"RotationEnabled": True, "RotationLambdaARN": ROTATOR}
    return {"VersionIdsToStages": aws.labels[asked["SecretId"]], **rotation, **dates}


@pytest.mark.parametrize(("setting", "evidence"), [("", "unproved"), ("  klaviyo-access:writeProbes: true\n", "probe")])
def test_write_scopes_are_proved_where_the_stack_lets_rotators_ask_for_them(
    command: Command, aws: FakeAws, shell: pytest.MonkeyPatch, setting: str, evidence: str
) -> None:
    shell.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    for role in ROLES:
        aws.labels |= {f"klaviyo/local/{role}/{kind}": {} for kind in ("key", "reserve")}
    aws.caller = aws.caller.replace(ACCOUNT, "000000000000")
    aws.labels["klaviyo/local/event-tracker/key"] = {"k1": ["AWSCURRENT", f"KEY:{NEW}"]}
    lay_out("Pulumi.local.yaml", SETTINGS.format(region="us-east-1", account="000000000000") + setting)
    result = command("keys", "status", "--role", "event-tracker", "--stack", "local", "--json")
    [row] = result.json["roles"]
    assert row["evidence"] == {
        "accounts:read": "probe",
        "events:write": evidence,
        "profiles:read": "probe",
        "profiles:write": evidence,
    }


AUDITED = datetime(2026, 11, 22, 5, 30, tzinfo=UTC)


def listed(capsys: pytest.CaptureFixture[str], *lacking: str, fingerprint: str = NEW) -> str:
    """The auditor's line on a current key that has the scopes of viewer, but for those that it lacks."""
    viewer = AccessModel.load(Path("access.yaml")).in_environment("dev").roles["viewer"]
    tell_listed("viewer", fingerprint, set(viewer.scopes) - set(lacking))
    return capsys.readouterr().out


@pytest.fixture
def audited(aws: FakeAws, shell: pytest.MonkeyPatch, project: Path, capsys: pytest.CaptureFixture[str]) -> FakeAws:
    """The viewer uses a key that Klaviyo's list showed to the auditor 3 hours ago, as it did the day before."""
    shell.setattr(keys_status, "utc_now", lambda: AUDITED + timedelta(hours=3))
    aws.labels["klaviyo/dev/viewer/key"] = {"k1": ["AWSCURRENT", f"KEY:{NEW}"]}
    yesterday = listed(capsys, "lists:read", "tags:read")
    aws.lines = [(AUDITED.timestamp(), listed(capsys)), ((AUDITED - timedelta(days=1)).timestamp(), yesterday)]
    return aws


def test_what_klaviyo_listed_to_the_auditor_is_evidence_with_its_source_and_age(
    command: Command, audited: FakeAws
) -> None:
    result = command("keys", "status", "--role", "viewer", "--stack", "dev", "--json")
    [row] = result.json["roles"]
    assert set(row["evidence"].values()) == {"inventory"}
    assert row["listed"] == "2026-11-22T05:30:00+00:00"
    table = command("keys", "status", "--role", "viewer", "--stack", "dev").out
    assert "27 of 27" in table
    assert (
        "viewer: scopes as Klaviyo listed them to the audit of 2026-11-22 05:30 UTC, 3 h ago (inventory)"
        in table.splitlines()
    )
    assert audited.asked["FilterLogEvents"]["logGroupName"] == "/aws/lambda/klaviyo-dev-key-auditor"


def test_a_scope_that_klaviyo_lists_without_is_no_scope_that_is_proved(
    command: Command, audited: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    audited.lines = [(AUDITED.timestamp(), listed(capsys, "lists:read"))]
    table = command("keys", "status", "--role", "viewer", "--stack", "dev").out
    assert "26 of 27" in table
    assert "viewer: Klaviyo lists its key without lists:read" in table.splitlines()


OTHER_LINES = {
    "another key": lambda capsys: listed(capsys, fingerprint=OLD),
    "another line": lambda _: '{"level": "INFO", "action": "audit"}',
    "no json": lambda _: "listed key",
    "no scopes": lambda _: f'{{"action": "listed key", "fingerprint": "{NEW}"}}',
    "scopes of another form": lambda _: f'{{"action": "listed key", "fingerprint": "{NEW}", "scopes": [[]]}}',
}


@pytest.mark.parametrize("line", OTHER_LINES.values(), ids=OTHER_LINES)
def test_a_line_about_something_else_is_no_evidence(
    command: Command, audited: FakeAws, capsys: pytest.CaptureFixture[str], line: Callable[[object], str]
) -> None:
    audited.lines = [(AUDITED.timestamp(), line(capsys))]
    [row] = command("keys", "status", "--role", "viewer", "--stack", "dev", "--json").json["roles"]
    assert (row["evidence"]["lists:read"], row["listed"]) == ("probe", None)


def test_a_listing_older_than_a_week_is_not_looked_at(command: Command, audited: FakeAws) -> None:
    audited.lines = [((AUDITED - timedelta(days=7)).timestamp(), line) for _, line in audited.lines]
    [row] = command("keys", "status", "--role", "viewer", "--stack", "dev", "--json").json["roles"]
    assert row["listed"] is None


def test_where_the_auditors_log_cannot_be_read_the_rest_is_shown(command: Command, audited: FakeAws) -> None:
    audited.refusals = {"FilterLogEvents": ("AccessDeniedException", "not authorized")}
    result = command("keys", "status", "--role", "viewer", "--stack", "dev")
    assert result.code == 0
    assert "What Klaviyo lists of keys is not known: " in result.err
    assert "25 of 27" in result.out


@pytest.mark.parametrize(
    ("role", "waits_for"),
    [
        ("admin", "the end of its grace of 7 d, for admin-console (injected)"),  # app-api follows by itself
        ("viewer", "the end of its grace of 24 h, for app-api (library)"),
    ],
)
def test_a_retired_key_waits_for_those_that_keep_it_longest(
    command: Command, aws: FakeAws, role: str, waits_for: str
) -> None:
    now = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    aws.labels[f"klaviyo/dev/{role}/key"] = {"k1": ["AWSPREVIOUS", f"KEY:{OLD}", f"RETIRED:{now}:{OLD}"]}
    [row] = command("keys", "status", "--role", role, "--stack", "dev", "--json").json["roles"]
    [retired] = row["retired"]
    assert retired["waits_for"].endswith(waits_for)
    assert retired["services"] == [waits_for.rpartition(" for ")[2].partition(" ")[0]]
    assert datetime.fromisoformat(retired["until"]) > datetime.now(UTC)


@pytest.mark.parametrize(
    ("reserve", "waits_for"),
    [
        ({"r1": [f"SPARE:{TIME}:{NEW}"]}, "a rotation, since services use it; then the daily audit, which disables it"),
        ({}, "a spare to be staged, then a rotation, since services use it; then the daily audit"),
    ],
    ids=["with a spare", "without"],
)
@pytest.mark.usefixtures("project")
def test_a_leaked_key_that_services_use_waits_for_a_rotation_first(reserve: Stages, waits_for: str) -> None:
    [leaked] = read({"k1": ["AWSCURRENT", f"KEY:{OLD}", f"LEAKED:{OLD}"]}, reserve).rejected
    assert leaked.waits_for.startswith(waits_for)


def test_of_a_role_without_a_key_nothing_is_said_to_be_proved(command: Command, aws: FakeAws) -> None:
    assert aws.labels["klaviyo/dev/viewer/key"] == {}
    result = command("keys", "status", "--role", "viewer", "--stack", "dev")
    assert " of 27" not in result.out
    assert "without proof" not in result.out
    [row] = command("keys", "status", "--role", "viewer", "--stack", "dev", "--json").json["roles"]
    assert (row["current"], row["evidence"], row["scopes"]) == (None, {}, 27)


def test_as_many_spares_are_asked_for_as_by_the_daily_audit() -> None:
    assert key_advice.LEAST_SPARES == LEAST_SPARES


def test_the_page_has_the_first_keys_staged_as_often_as_the_first_audit_asks_for() -> None:
    page = (Path(__file__).parents[2] / "docs" / "going-to-production.md").read_text("utf-8")
    assert page.count("$ klaviyo-access keys stage --all --stack dev\n") == 1 + LEAST_SPARES
