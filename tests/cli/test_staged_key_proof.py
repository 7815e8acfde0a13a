"""What is asked of Klaviyo before a key is staged, and which keys are refused then."""

import json
from collections.abc import Mapping

import pytest

from klaviyo_access.cli.keys import proof as key_proof
from klaviyo_access.keys.secret import Key
from tests.cli.cli_fakes import ACCOUNT, SETTINGS, Command, FakeAws, fake_key, lay_out

OURS, THEIRS = "AbC123", "ZzZ999"
HEX = "ab" * 17
WIDEST = "catalog-items"
"""What of viewer's scopes Klaviyo answers most often."""


class FakeKlaviyo:
    """Answers questions about keys: of one account, with a list of scopes it says are missing."""

    def __init__(self, aws: FakeAws) -> None:
        self.aws = aws
        self.account = OURS
        self.status = 200
        self.missing: tuple[str, ...] = ()
        self.asked: list[str] = []

    def send(
        self, method: str, url: str, headers: Mapping[str, str], timeout: float, body: bytes | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One answer."""
        assert (method, body, timeout > 0) == ("GET", None, True)
        assert headers["Authorization"].startswith("Klaviyo-API-Key pk_")
        path = url.partition("?")[0].rpartition("/")[2]
        self.asked.append(path)
        if self.status == 401:
            return self._error(401, "authentication_failed", "Incorrect authentication credentials.")
        if self.status != 200:
            return self.status, {}, b""
        scope = "catalogs:read" if path == WIDEST else f"{path}:read"
        if scope in self.missing:
            return self._error(403, "permission_denied", f"Your API key is missing required scopes: {scope}")
        document = {"data": [{"type": "account", "id": self.account}] if path == "accounts" else []}
        return 200, {"Content-Type": "application/vnd.api+json"}, json.dumps(document).encode()

    @staticmethod
    def _error(status: int, code: str, detail: str) -> tuple[int, Mapping[str, str], bytes]:
        document = {"errors": [{"status": status, "code": code, "detail": detail}]}
        return status, {"Content-Type": "application/vnd.api+json"}, json.dumps(document).encode()


@pytest.fixture
def klaviyo(monkeypatch: pytest.MonkeyPatch, aws: FakeAws, project: object) -> FakeKlaviyo:
    """Klaviyo, which answers instead of the network; the stack names its account."""
    fake = FakeKlaviyo(aws)
    settings = SETTINGS.format(region="eu-west-1", account=ACCOUNT)
    lay_out("Pulumi.dev.yaml", f"{settings}  klaviyo-access:klaviyoAccountId: {OURS}\n")
    monkeypatch.setattr(key_proof, "send", fake.send)
    monkeypatch.setattr(key_proof, "_PATIENCE_SECONDS", 5.0)
    return fake


def stage(command: Command, key: str, *options: str, code: int) -> str:
    """Stage a key for viewer; returns what was said."""
    result = command("keys", "stage", "viewer", *options, "--stack", "dev", stdin=key)
    assert result.code == code, result.err
    return result.out + result.err


def test_a_key_that_shows_another_account_is_refused_without_a_question(command: Command, klaviyo: FakeKlaviyo) -> None:
    said = stage(command, f"pk_{THEIRS}_{HEX}", code=1)
    assert f"it is of the Klaviyo account {THEIRS}; dev has {OURS}" in said
    assert klaviyo.asked == []
    assert "PutSecretValue" not in klaviyo.aws.calls


@pytest.mark.parametrize(
    ("account", "status", "code", "said"),
    [
        (OURS, 200, 0, "Staged"),
        (THEIRS, 200, 1, "it belongs to another Klaviyo account than this environment's"),
        (OURS, 401, 1, "Klaviyo does not know it"),
        (OURS, 503, 0, "Not known whether Klaviyo knows"),
    ],
    ids=["ours", "another", "unknown", "Klaviyo is down"],
)
def test_of_a_key_that_shows_none_klaviyo_is_asked_the_account(
    command: Command, klaviyo: FakeKlaviyo, account: str, status: int, code: int, said: str
) -> None:
    klaviyo.account, klaviyo.status = account, status
    assert said in stage(command, fake_key(1), code=code)
    assert set(klaviyo.asked) == {"accounts"}
    assert ("PutSecretValue" in klaviyo.aws.calls) is (code == 0)


@pytest.mark.parametrize(
    ("status", "said"),
    [(200, "Staged"), (401, "Klaviyo does not know it"), (503, "Not known whether Klaviyo knows")],
    ids=["known", "unknown", "Klaviyo is down"],
)
@pytest.mark.parametrize(
    ("named", "key"),
    [(True, f"pk_{OURS}_{HEX}"), (False, f"pk_{THEIRS}_{HEX}"), (False, fake_key(1))],
    ids=["it shows the stack's account", "the stack names none, and it shows one", "neither names one"],
)
def test_one_question_that_spares_the_quota_shows_a_dead_key_where_no_account_is_to_be_asked(
    command: Command, klaviyo: FakeKlaviyo, named: bool, key: str, status: int, said: str
) -> None:
    if not named:
        lay_out("Pulumi.dev.yaml", SETTINGS.format(region="eu-west-1", account=ACCOUNT))
    klaviyo.status = status
    assert said in stage(command, key, code=1 if status == 401 else 0)
    assert klaviyo.asked == [WIDEST]
    assert ("PutSecretValue" in klaviyo.aws.calls) is (status != 401)


def test_a_scope_that_the_question_finds_missing_is_noted_and_left_to_the_rotator(
    command: Command, klaviyo: FakeKlaviyo
) -> None:
    klaviyo.missing = ("catalogs:read",)
    key = f"pk_{OURS}_{HEX}"
    said = stage(command, key, code=0)
    assert f"The rotator will reject {Key(key).fingerprint}: it lacks catalogs:read, which its role has." in said


def test_a_probe_proves_every_scope_of_the_role_that_can_be_asked_for(command: Command, klaviyo: FakeKlaviyo) -> None:
    said = stage(command, fake_key(1), "--probe", code=0)
    assert f"Klaviyo accepts {Key(fake_key(1)).fingerprint}; scopes proved: 25 of 27; " in said
    assert "without proof: conversations:read, push-tokens:read." in said
    assert {"profiles", "lists"} <= set(klaviyo.asked)
    assert klaviyo.asked.count("accounts") == 1


@pytest.mark.parametrize(
    ("status", "missing", "code", "said"),
    [
        (200, ("lists:read", "profiles:read"), 1, "it lacks lists:read, profiles:read, which its role has"),
        (503, (), 3, "could not be proved"),
    ],
    ids=["short of scopes", "Klaviyo is down"],
)
def test_nothing_is_staged_where_one_of_several_keys_cannot_be_proved(
    command: Command, klaviyo: FakeKlaviyo, status: int, missing: tuple[str, ...], code: int, said: str
) -> None:
    klaviyo.status, klaviyo.missing = status, missing
    assert said in stage(command, f"pk_{OURS}_{HEX}\n{fake_key(1)}", "--probe", code=code)
    assert "PutSecretValue" not in klaviyo.aws.calls
