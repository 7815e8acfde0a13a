"""The Lambda's entry: what it logs, what leaves it, and that no key is ever shown."""

import base64
import json

import pytest

from klaviyo_access.keys.secret import fingerprint
from rotation import rotator
from rotation.errors import EventRefusedError, KlaviyoSilentError, RotatorFailedError, SettingsError
from rotation.rotator import handler
from rotation.runtime import entry
from tests.rotation.rotation_world import World, key_value


class Context:
    def __init__(self, milliseconds: int = 60_000) -> None:
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which the handler itself is the rotation's function."""
    world = World()
    settings = world.settings
    variables = {
        "KEY_SECRET_ARN": settings.key_secret_arn,
        "RESERVE_SECRET_ARN": settings.reserve_secret_arn,
        "ROLE": settings.role,
        "SCOPES": ",".join(settings.scopes),
        "KLAVIYO_URL": settings.klaviyo_url,
        "KLAVIYO_REVISION": settings.klaviyo_revision,
        "KLAVIYO_ACCOUNT_ID": settings.klaviyo_account_id,
        "GRACE_SECONDS": f"{settings.grace.total_seconds():.0f}",
        "REQUIRE_PROOF": settings.require_proof,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(rotator, "secrets_manager", lambda: world.client)
    monkeypatch.setattr(rotator, "send", world.klaviyo)
    monkeypatch.setattr(world, "invoke", lambda event: handler(event, Context()))
    return world


def test_each_step_writes_one_line_of_json(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.stage("bad", known=False)
    world.stage("a")

    world.rotate()

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["action"], line["outcome"]) for line in lines] == [
        ("createSecret", "created"),
        ("setSecret", "nothing to do"),
        ("testSecret", "accepted"),
        ("finishSecret", "already current"),
    ]
    assert lines[0]["fingerprint"] == fingerprint(key_value("a"))
    assert lines[0]["unproved"] == ["profiles:write"]
    assert [label.split(":")[2:] for label in lines[0]["rejected"]] == [[fingerprint(key_value("bad")), "refused"]]


def test_an_action_is_answered_and_logged_without_any_part_of_the_key(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        world.stage(name)
        world.rotate()
    _, version = world.found("a")
    capsys.readouterr()

    answer = handler({"action": "retire", "version": version}, Context())

    held = fingerprint(key_value("a"))
    assert answer == {
        "action": "retire",
        "outcome": "disabling",
        "fingerprint": held,
        "ends_with": key_value("a")[-4:],
    }
    assert json.loads(json.dumps(answer)) == answer
    [line] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert line == {
        "level": "INFO",
        "role": "viewer",
        "action": "retire",
        "version": version,
        "outcome": "disabling",
        "fingerprint": held,
    }


@pytest.mark.parametrize(
    ("dies", "outcome", "found"),
    [("", "fine", None), ("b", "rolled back", "rolled-back"), ("ab", "nothing to fall back on", "refused")],
    ids=["all is well", "the new key", "both keys"],
)
def test_what_a_canary_meets_is_told_at_once_where_the_alarm_looks(
    world: World,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    dies: str,
    outcome: str,
    found: str | None,
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "prod")
    for name in ("a", "b"):
        world.stage(name)
        world.rotate()
    for name in dies:
        world.klaviyo.scopes.pop(key_value(name))
    capsys.readouterr()

    assert handler({"action": "canary"}, Context())["outcome"] == outcome

    first, *told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert first["outcome"] == outcome
    if found is None:
        assert told == []
        return
    finding, metrics = told
    held = fingerprint(key_value("b"))
    assert (finding["finding"], finding["urgent"], finding["role"], finding["fingerprint"]) == (
        found,
        True,
        "viewer",
        held,
    )
    (directive,) = metrics["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("KlaviyoAccess", [["Prefix", "Environment"]])
    assert [one["Name"] for one in directive["Metrics"]] == ["UrgentFindings"]
    assert (metrics["Environment"], metrics["UrgentFindings"]) == ("prod", 1)


def test_a_failed_step_writes_its_error_and_raises_it(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(EventRefusedError):
        handler({"action": "steal"}, Context())

    [line] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["level"], line["error"], line["role"]) == ("ERROR", "EventRefusedError", "viewer")


def test_an_unforeseen_error_leaves_as_its_kind_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> World:
        raise ZeroDivisionError(key_value("secret text"))

    monkeypatch.setattr(rotator, "secrets_manager", broken)
    event = {"Step": "testSecret", "SecretId": world.key_arn, "ClientRequestToken": "0" * 32}

    with pytest.raises(RotatorFailedError) as failed:
        handler(event, Context())

    assert str(failed.value) == (
        "The rotator failed in testSecret with ZeroDivisionError: this is a fault of the rotator; report it."
    )
    assert failed.value.__suppress_context__


def test_klaviyo_is_not_asked_when_the_time_left_is_needed_for_labels(world: World) -> None:
    world.stage("a")
    event = {"Step": "createSecret", "SecretId": world.key_arn, "ClientRequestToken": world.announce()}

    with pytest.raises(KlaviyoSilentError, match="no time left"):
        handler(event, Context(milliseconds=15_000))

    assert world.klaviyo.calls == []
    assert world.lives() == {"": "AWSPENDING", "a": "reserve SPARE"}


def test_a_missing_setting_is_told_and_logged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCOPES")

    with pytest.raises(SettingsError, match="SCOPES"):
        handler({}, Context())


def test_no_key_is_shown_in_any_log_error_or_label(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Every life that a key can take, malformed ones among them, then a search through all that came out."""
    shown = [key_value(name) for name in ("a", "b", "unknown", "newline", "bare", "number", "dies")]
    world.stage("newline", value=json.dumps({"apiKey": key_value("newline") + "\nX-Injected: 1"}))
    world.stage("bare", value=key_value("bare"))
    world.stage("number", value=json.dumps({"apiKey": 5, "note": key_value("number")}))
    world.stage("unknown", known=False)
    world.stage("a")
    world.stage("b")
    world.rotate()
    world.rotate()
    world.klaviyo.status = 500
    world.stage("dies")
    world.rotate()
    world.klaviyo.status = None
    token = world.labels(world.key_arn).pending
    assert token is not None
    world.step("createSecret", token.id)
    del world.klaviyo.scopes[key_value("dies")]
    with pytest.raises(Exception, match="refused"):
        world.step("testSecret", token.id)

    requests = [
        {name: value for name, value in parameters.items() if name != "SecretString"}
        for _, parameters in world.client.made
    ]
    output = capsys.readouterr()
    everything = f"{output}{[(error, error.args) for error in world.errors]}{requests}{world.klaviyo.calls}"
    assert len(everything) > 5_000
    for key in shown:
        body = key.removeprefix("pk_")
        assert body not in everything
        assert base64.b64encode(key.encode()).decode().rstrip("=")[:-1] not in everything


def test_the_client_of_secrets_manager_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    assert entry.secrets_manager() is entry.secrets_manager()
