"""``oauth stage``: what is put where, and what is refused before anything is put."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from components.names import oauth_secret_name
from klaviyo_access.access_model.environment import Environment
from klaviyo_access.cli import prompts
from tests.cli.cli_fakes import ACCOUNT, SETTINGS, Command, FakeAws, fake_key, lay_out

PAGE = Path(__file__).parents[2] / "docs" / "oauth.md"
NAME = "klaviyo/dev/oauth/client"
SECRET = "the-client-secret-of-the-app"  # a fake
BOTH = json.dumps({"clientId": "app-1", "clientSecret": SECRET})


@pytest.fixture
def app(project: Path, aws: FakeAws) -> FakeAws:
    """A stack with the app switched on and deployed."""
    settings = SETTINGS.format(region="eu-west-1", account=ACCOUNT)
    lay_out("Pulumi.dev.yaml", f"{settings}  klaviyo-access:oauthApp: {{accounts: [AbC123]}}\n")
    aws.labels[NAME] = {}
    return aws


def staged(aws: FakeAws) -> Any:
    return [json.loads(value) for value in aws.values.get(NAME, {}).values()]


@pytest.mark.parametrize(
    ("arguments", "stdin"), [(("--client-id", "app-1"), f"{SECRET}\n"), ((), BOTH), (("--client-id", "app-1"), BOTH)]
)
def test_both_are_put_as_the_service_reads_them(
    command: Command, app: FakeAws, arguments: tuple[str, ...], stdin: str
) -> None:
    result = command("oauth", "stage", "--stack", "dev", *arguments, stdin=stdin)
    assert result.code == 0, result.err
    assert staged(app) == [{"clientId": "app-1", "clientSecret": SECRET}]
    assert list(app.labels[NAME].values()) == [["AWSCURRENT"]]
    assert app.calls[-2:] == ["AssumeRole", "PutSecretValue"]
    assert "app-1" in result.out
    assert SECRET not in result.out + result.err
    assert "restart" in result.err


def test_at_a_terminal_the_id_is_asked_for_and_the_secret_is_not_shown(
    command: Command, app: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompts, "getpass", lambda *_, **__: SECRET)
    assert command("oauth", "stage", "--stack", "dev", stdin=None, typed="app-1\n").code == 0
    assert staged(app) == [{"clientId": "app-1", "clientSecret": SECRET}]


def test_the_line_of_the_page_stages_it(command: Command, app: FakeAws) -> None:
    (line,) = re.findall(r"^ *klaviyo-access (oauth .*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    result = command(*line.replace("prod", "dev").split(), stdin=BOTH)
    assert (result.code, len(staged(app))) == (0, 1)


def test_a_stack_without_the_app_is_refused_before_aws_is_asked(command: Command, aws: FakeAws) -> None:
    result = command("oauth", "stage", "--stack", "dev", "--client-id", "app-1", stdin=SECRET)
    assert result.code == 2
    assert "the app is off in dev" in result.err
    assert "klaviyo-access:oauthApp: {accounts: [AbC123]}" in result.err
    assert aws.calls == []


REFUSED = {
    "no id": ((), SECRET, "no client id"),
    "nothing": (("--client-id", "app-1"), "", "client secret given is none such"),
    "two words": (("--client-id", "app-1"), "a secret", "client secret given is none such"),
    "the id twice": (("--client-id", "app-1"), "app-1", "two different words"),
    "a key": (("--client-id", "app-1"), fake_key(1), "looks like a private API key"),
    "no JSON": ((), "{'clientId'", "two texts, clientId and clientSecret"),
    "another name": ((), '{"clientId": "a", "secret": "b"}', "two texts, clientId and clientSecret"),
    "more": ((), '{"clientId": "a", "clientSecret": "b", "c": 1}', "nothing else"),
    "an empty secret": ((), '{"clientId": "a", "clientSecret": ""}', "client secret given is none such"),
    "two ids": (("--client-id", "app-2"), BOTH, "another client id than --client-id"),
}


@pytest.mark.parametrize(("arguments", "stdin", "said"), REFUSED.values(), ids=REFUSED)
def test_what_has_not_the_form_is_refused_and_not_quoted(
    command: Command, app: FakeAws, arguments: tuple[str, ...], stdin: str, said: str
) -> None:
    result = command("oauth", "stage", "--stack", "dev", *arguments, stdin=stdin)
    assert (result.code, staged(app)) == (2, [])
    assert said in result.err
    assert SECRET not in result.err


def test_ctrl_c_stages_nothing(command: Command, app: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(prompts, "getpass", stop)
    result = command("oauth", "stage", "--stack", "dev", "--client-id", "app-1", stdin=None)
    assert (result.code, staged(app)) == (130, [])
    assert "Nothing was staged" in result.err


@pytest.mark.parametrize(
    ("typed", "hidden", "question"),
    [("", SECRET, "Client id"), ("\n", SECRET, "Client id"), ("app-1\n", None, "Client secret"), ("a\n", "", "secret")],
    ids=["Ctrl-D at the id", "an empty id", "Ctrl-D at the secret", "an empty secret"],
)
def test_no_answer_at_a_prompt_stages_nothing(
    command: Command, app: FakeAws, monkeypatch: pytest.MonkeyPatch, typed: str, hidden: str | None, question: str
) -> None:
    def answer(*_: object, **__: object) -> str:
        if hidden is None:
            raise EOFError
        return hidden

    monkeypatch.setattr(prompts, "getpass", answer)
    result = command("oauth", "stage", "--stack", "dev", stdin=None, typed=typed)
    assert (result.code, staged(app)) == (2, [])
    assert f"{question}' only; none was given. Nothing was changed.\n" in result.err


def test_a_stack_that_is_not_deployed_with_it_says_so(command: Command, app: FakeAws) -> None:
    del app.labels[NAME]
    result = command("oauth", "stage", "--stack", "dev", stdin=BOTH)
    assert result.code == 1
    assert "Deploy the stack" in result.err


def test_the_secret_is_the_one_that_the_program_makes() -> None:
    environment = Environment(name="prod", region="eu-west-1", account_id=ACCOUNT, prefix="shop")
    assert environment.oauth_client_name == oauth_secret_name(environment)
