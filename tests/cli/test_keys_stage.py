"""``keys stage``: what is put where, and what is refused before anything is put."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from klaviyo_access.cli.keys import input as key_input
from klaviyo_access.cli.keys.stage import time_after
from klaviyo_access.cli.secrets_manager import Secrets
from klaviyo_access.keys.labels import SecretLabels, Spare
from klaviyo_access.keys.secret import Key
from tests.cli.cli_fakes import ACCOUNT, SETTINGS, Command, FakeAws, fake_key, lay_out

RESERVE = "klaviyo/dev/viewer/reserve"
TIME = "20261101T080000Z"
NOON = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)
LATER = NOON + timedelta(seconds=1)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str | type[BaseException]]:
    """What a person answers at the hidden prompt, in order; an exception is what a key combination does."""
    given: list[str | type[BaseException]] = []
    queue: Iterator[str | type[BaseException]] = iter(given)

    def ask(prompt: str, stream: object) -> str:
        answer = next(queue)
        if isinstance(answer, str):
            return answer
        raise answer

    monkeypatch.setattr(key_input, "getpass", ask)
    return given


def spares(aws: FakeAws, role: str, environment: str = "dev") -> list[str]:
    """The fingerprints of a role's spares, by its labels."""
    labels = [label for stages in aws.labels[f"klaviyo/{environment}/{role}/reserve"].values() for label in stages]
    return [label.rpartition(":")[2] for label in labels if label.startswith("SPARE:")]


def test_the_first_spare_follows_a_tombstone_that_takes_awscurrent(command: Command, aws: FakeAws) -> None:
    key = Key(fake_key(1))
    result = command("keys", "stage", "viewer", "--stack", "dev", stdin=key.reveal() + "\n")
    assert result.code == 0, result.err
    versions = list(aws.labels[RESERVE])
    assert [json.loads(aws.values[RESERVE][version]) for version in versions] == [
        {"tombstone": True},
        {"apiKey": key.reveal()},
    ]
    assert aws.labels[RESERVE][versions[0]] == ["AWSCURRENT"]
    [label] = aws.labels[RESERVE][versions[1]]
    assert re.fullmatch(rf"SPARE:\d{{8}}T\d{{6}}Z:{key.fingerprint}", label)
    assert "keys rotate viewer --stack dev" in result.err
    assert f"Staged {key.fingerprint} for viewer; spares waiting: 1." in result.out


def test_several_keys_of_a_role_come_a_line_each_and_share_one_tombstone(command: Command, aws: FakeAws) -> None:
    keys = [Key(fake_key(seed)) for seed in (1, 2, 3)]
    result = command("keys", "stage", "viewer", "--stack", "dev", stdin="\n\n".join(key.reveal() for key in keys))
    assert result.code == 0, result.err
    assert spares(aws, "viewer") == [key.fingerprint for key in keys]
    assert [stages for stages in aws.labels[RESERVE].values() if stages == ["AWSCURRENT"]] == [["AWSCURRENT"]]


def test_all_takes_a_role_and_its_key_from_each_line(command: Command, aws: FakeAws) -> None:
    result = command(
        "keys", "stage", "--all", "--stack", "dev", stdin=f"viewer {fake_key(1)}\nreporting   {fake_key(2)}\n"
    )
    assert result.code == 0, result.err
    assert spares(aws, "viewer") == [Key(fake_key(1)).fingerprint]
    assert spares(aws, "reporting") == [Key(fake_key(2)).fingerprint]


@pytest.mark.parametrize(
    "line",
    ["viewer\t{key}", "\ufeffviewer {key}", 'viewer "{key}"', "viewer \t '{key}' \r"],
    ids=["a tab", "a byte order mark", "quotes", "all sorts"],
)
def test_any_white_space_quotes_and_a_byte_order_mark_are_taken_off(command: Command, aws: FakeAws, line: str) -> None:
    result = command("keys", "stage", "--all", "--stack", "dev", stdin=line.format(key=fake_key(1)))
    assert result.code == 0, result.err
    assert spares(aws, "viewer") == [Key(fake_key(1)).fingerprint]


@pytest.mark.parametrize("line", ["\ufeff{key}", '"{key}"', "\ufeff'{key}'"])
def test_they_are_taken_off_a_key_alone_too(command: Command, aws: FakeAws, line: str) -> None:
    result = command("keys", "stage", "viewer", "--stack", "dev", stdin=line.format(key=fake_key(1)))
    assert result.code == 0, result.err
    assert spares(aws, "viewer") == [Key(fake_key(1)).fingerprint]


def test_nothing_is_put_when_one_line_of_several_cannot_be_read(command: Command, aws: FakeAws) -> None:
    lines = [f"viewer {fake_key(1)}", fake_key(2), f"admin {fake_key(3)[:-1]}", f"viewer {fake_key(1)}"]
    result = command("keys", "stage", "--all", "--stack", "dev", stdin="\n".join(lines))
    assert result.code == 2
    assert "PutSecretValue" not in aws.calls
    assert [word in result.err for word in ("line 1:", "line 2:", "line 3:", "line 4:")] == [False, True, True, True]
    assert "pk_" + "0" not in result.err


@pytest.mark.parametrize(
    ("secret", "label"),
    [
        ("klaviyo/dev/reporting/reserve", "SPARE:{time}:{fp}"),
        ("klaviyo/dev/viewer/reserve", "REJECTED:{time}:{fp}:refused"),
        ("klaviyo/dev/reporting/key", "KEY:{fp}"),
        ("klaviyo/dev/reporting/key", "RETIRED:{time}:{fp}"),
        ("klaviyo/staging/viewer/reserve", "SPARE:{time}:{fp}"),
        ("klaviyo/staging/viewer/key", "KEY:{fp}"),
    ],
)
def test_a_key_that_any_role_in_reach_has_is_refused(
    command: Command, aws: FakeAws, project: object, secret: str, label: str
) -> None:
    lay_out("Pulumi.staging.yaml", SETTINGS.format(region="eu-west-1", account=ACCOUNT))
    aws.deploy("staging")
    key = Key(fake_key(7))
    aws.labels[secret]["v1"] = [label.format(time=TIME, fp=key.fingerprint)]
    result = command("keys", "stage", "viewer", "--stack", "dev", stdin=key.reveal())
    _, environment, role, _ = secret.split("/")
    assert result.code == 1
    assert f"{key.fingerprint} is staged or used in role '{role}' of {environment} already" in result.err
    assert "PutSecretValue" not in aws.calls


def test_an_environment_that_cannot_be_looked_at_is_named(command: Command, aws: FakeAws) -> None:
    lay_out("Pulumi.staging.yaml", SETTINGS.format(region="eu-west-1", account=ACCOUNT))
    lay_out("Pulumi.prod.yaml", SETTINGS.format(region="eu-west-1", account="444455556666"))
    result = command("keys", "stage", "viewer", "--stack", "dev", stdin=fake_key(1))
    assert result.code == 0
    assert "Not looked at for the same key: prod, staging (elsewhere, not deployed, or not allowed)" in result.err


def test_a_reserve_with_twelve_labels_takes_no_more(command: Command, aws: FakeAws) -> None:
    aws.labels[RESERVE] = {"v0": ["AWSCURRENT"]} | {
        f"v{seed}": [f"SPARE:{TIME}:{Key(fake_key(seed)).fingerprint}"] for seed in range(1, 12)
    }
    result = command("keys", "stage", "viewer", "--stack", "dev", stdin=fake_key(99))
    assert result.code == 1
    assert "up to 12 labels" in result.err
    assert "the reserve of 'viewer' has 12" in result.err
    assert "PutSecretValue" not in aws.calls


def test_the_prompt_asks_again_until_the_key_has_the_form_of_one(
    command: Command, aws: FakeAws, answers: list[str | type[BaseException]]
) -> None:
    answers += [fake_key(1)[:-2], "AbC123", f"  {fake_key(1)} "]
    result = command("keys", "stage", "viewer", "--stack", "dev", stdin=None)
    assert result.code == 0, result.err
    assert result.err.count("Not staged:") == 2
    assert "public key (site id)" in result.err
    assert spares(aws, "viewer") == [Key(fake_key(1)).fingerprint]


def test_all_walks_through_the_roles_shows_what_to_tick_and_skips_at_an_empty_answer(
    command: Command, aws: FakeAws, answers: list[str | type[BaseException]]
) -> None:
    answers += ["", fake_key(1), EOFError, fake_key(1), fake_key(2), "", "", "", "", ""]
    result = command("keys", "stage", "--all", "--stack", "dev", stdin=None)
    assert result.code == 0, result.err
    assert spares(aws, "marketer") == [Key(fake_key(1)).fingerprint]
    assert spares(aws, "viewer") == [Key(fake_key(2)).fingerprint]
    assert "is staged or used in role 'marketer' of dev already" in result.err
    assert 'create the key "dev marketer" with exactly these:' in result.err
    assert "keys rotate marketer viewer --stack dev" in result.err


def test_a_stop_says_what_was_staged_before(
    command: Command, aws: FakeAws, answers: list[str | type[BaseException]]
) -> None:
    answers += [fake_key(1), KeyboardInterrupt]
    result = command("keys", "stage", "--all", "--stack", "dev", stdin=None)
    assert result.code == 130
    assert f"Staged before: admin ({Key(fake_key(1)).fingerprint})." in result.err
    assert spares(aws, "admin") == [Key(fake_key(1)).fingerprint]


@pytest.mark.parametrize(
    ("newest", "expected"),
    [(None, NOON), (NOON - timedelta(seconds=1), NOON), (NOON, LATER), (LATER, LATER + timedelta(seconds=1))],
    ids=["the first", "after an older one", "in the same second", "after one of the next second"],
)
def test_spares_are_used_in_the_order_in_which_they_were_staged(newest: datetime | None, expected: datetime) -> None:
    labels = {"v1": [str(Spare(newest, "a" * 12))]} if newest else {}
    assert time_after(SecretLabels.of(labels), NOON) == expected


@pytest.mark.parametrize("yes", [[], ["--yes"]], ids=["without", "with --yes"])
def test_what_is_staged_is_said_before_and_the_key_on_standard_input_is_the_yes(
    command: Command, aws: FakeAws, yes: list[str]
) -> None:
    key = Key(fake_key(1))
    aws.refusals = {"PutSecretValue": ("AccessDeniedException", "not authorized")}
    result = command("keys", "stage", "viewer", *yes, "--stack", "dev", stdin=key.reveal())
    assert result.code == 1
    assert f"To stage: {key.fingerprint} for viewer. Nothing that services read changes" in result.err


def test_at_the_prompt_it_is_said_before_the_key_is_asked_for(
    command: Command, aws: FakeAws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []

    def skip(_prompt: str, stream: object) -> str:
        said.append(capsys.readouterr().err)
        return ""

    monkeypatch.setattr(key_input, "getpass", skip)
    assert command("keys", "stage", "viewer", "--stack", "dev", stdin=None).code == 0
    assert "What you give at a prompt becomes a spare of the role." in said[0]
    assert "PutSecretValue" not in aws.calls


def fill(aws: FakeAws, role: str, labels: int) -> None:
    """Give a role's reserve that many labels: the tombstone's and spares'."""
    spares = {f"v{seed}": [f"SPARE:{TIME}:{seed:012x}"] for seed in range(1, labels)}
    aws.labels[f"klaviyo/dev/{role}/reserve"] = {"v0": ["AWSCURRENT"]} | spares


def test_no_key_is_asked_for_that_a_full_reserve_could_not_take(
    command: Command, aws: FakeAws, answers: list[str | type[BaseException]]
) -> None:
    fill(aws, "viewer", 12)
    result = command("keys", "stage", "viewer", "--stack", "dev", stdin=None)  # an answer asked for would fail
    assert result.code == 1
    assert "the reserve of 'viewer' has 12" in result.err
    assert "create the key" not in result.err


def test_a_full_reserve_keeps_no_later_role_from_its_turn(
    command: Command, aws: FakeAws, answers: list[str | type[BaseException]]
) -> None:
    fill(aws, "admin", 12)
    answers += [fake_key(1), *[""] * 20]
    result = command("keys", "stage", "--all", "--stack", "dev", stdin=None)
    assert result.code == 1
    assert 'create the key "dev admin"' not in result.err
    assert "skipped: admin" in result.err
    assert f"({Key(fake_key(1)).fingerprint})" in result.err
    assert sum(len(spares(aws, name.split("/")[2])) for name in aws.labels if name.endswith("reserve")) == 11 + 1


@pytest.mark.parametrize(("labels", "fit"), [(0, 11), (5, 7)], ids=["an empty reserve", "one with spares"])
def test_room_is_counted_for_all_lines_before_the_first_is_staged(
    command: Command, aws: FakeAws, labels: int, fit: int
) -> None:
    if labels:
        fill(aws, "viewer", labels)
    before = aws.labels[RESERVE].copy() if labels else {}
    keys = [fake_key(seed) for seed in range(20, 20 + fit + 1)]
    result = command("keys", "stage", "viewer", "--stack", "dev", stdin="\n".join(keys))
    assert result.code == 1
    assert f"has {labels}, and {fit + 1} more are to be staged" in result.err
    assert aws.labels.get(RESERVE, {}) == before
    assert command("keys", "stage", "viewer", "--stack", "dev", stdin="\n".join(keys[1:])).code == 0


def test_asking_twice_for_the_same_stages_what_is_missing(command: Command, aws: FakeAws) -> None:
    keys = [Key(fake_key(seed)) for seed in (1, 2)]
    assert command("keys", "stage", "viewer", "--stack", "dev", stdin=keys[0].reveal()).code == 0
    for _ in range(2):
        result = command("keys", "stage", "viewer", "--stack", "dev", stdin="\n".join(key.reveal() for key in keys))
        assert result.code == 0, result.err
        assert f"Staged already, and left as they are: viewer ({keys[0].fingerprint})" in result.err
        assert spares(aws, "viewer") == [key.fingerprint for key in keys]


def test_an_error_half_way_names_what_was_staged_and_what_was_not(
    command: Command, aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (Key(fake_key(seed)) for seed in (1, 2))
    put = Secrets.put_on_reserve

    def refuse_second(secrets: Secrets, role: str, value: str, *, label: str | None = None) -> None:
        if label and label.endswith(second.fingerprint):
            aws.refusals = {"PutSecretValue": ("AccessDeniedException", "not authorized")}
        put(secrets, role, value, **({"label": label} if label else {}))

    monkeypatch.setattr(Secrets, "put_on_reserve", refuse_second)
    result = command("keys", "stage", "viewer", "--stack", "dev", stdin=f"{first.reveal()}\n{second.reveal()}")
    assert result.code == 1
    assert f"Staged before: viewer ({first.fingerprint}). Not staged: viewer ({second.fingerprint})." in result.err
