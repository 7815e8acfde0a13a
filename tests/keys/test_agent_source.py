"""The key out of a cache on this machine: the Secrets Manager Agent and the Lambda extension."""

import socket
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from klaviyo_access.errors import KeyReadDenied, KeyStoreNotConfigured, KeyStoreUnavailable, NoKeyYet
from klaviyo_access.keys import Key
from klaviyo_access.keys.sources import Sought
from klaviyo_access.keys.sources.agent import AgentSource, from_agent, from_lambda_extension
from tests.keys.secrets_manager_stub import KEY, OTHER_KEY, Answer, SecretsManagerStub, current, refused


def sought(environ: dict[str, str]) -> Sought:
    return Sought(named="viewer", secret_id="shop/dev/viewer/key", region=None, environ=environ, clock=lambda: 7.0)


def agent(aws: SecretsManagerStub, **environ: str) -> AgentSource:
    return from_agent(sought({"KLAVIYO_ACCESS_AGENT_URL": aws.url, "AWS_TOKEN": "open sesame"} | environ))


def extension(aws: SecretsManagerStub) -> AgentSource:
    port = str(urlsplit(aws.url).port)
    return from_lambda_extension(
        sought({"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": port, "AWS_SESSION_TOKEN": "session"})
    )


def asked(aws: SecretsManagerStub) -> list[tuple[str, dict[str, list[str]]]]:
    urls = [urlsplit(path) for _, path in aws.requests]
    return [(url.path, parse_qs(url.query)) for url in urls]


def test_the_agent_is_asked_for_the_secret_with_its_token(aws: SecretsManagerStub) -> None:
    found = agent(aws).fetch()
    assert (found.key.reveal(), found.version_id, found.fetched_at, found.fresh_for) == (KEY, "v1", 7.0, 300.0)
    assert asked(aws) == [("/secretsmanager/get", {"secretId": ["shop/dev/viewer/key"]})]
    assert aws.requests[0][0]["x-aws-parameters-secrets-token"] == "open sesame"


def test_a_rejected_key_is_looked_for_past_the_agents_cache(aws: SecretsManagerStub) -> None:
    aws.answers = [current(), current(OTHER_KEY)]
    assert agent(aws).fetch(rejected=Key(KEY)).key.reveal() == OTHER_KEY
    assert [query.get("refreshNow") for _, query in asked(aws)] == [None, ["true"]]


def test_a_cache_that_has_a_new_key_already_is_not_looked_past(aws: SecretsManagerStub) -> None:
    assert agent(aws).fetch(rejected=Key(OTHER_KEY)).key.reveal() == KEY
    assert len(aws.requests) == 1


def test_an_agent_too_old_to_look_past_its_cache_says_so(aws: SecretsManagerStub) -> None:
    aws.answers = [current(), Answer("unknown parameter: refreshNow", 400)]
    with pytest.raises(KeyStoreUnavailable, match="HTTP 400"):
        agent(aws).fetch(rejected=Key(KEY))


def test_the_lambda_extension_is_asked_with_the_functions_session_token_and_never_looks_past_its_cache(
    aws: SecretsManagerStub,
) -> None:
    assert extension(aws).fetch(rejected=Key(KEY)).key.reveal() == KEY
    assert asked(aws) == [("/secretsmanager/get", {"secretId": ["shop/dev/viewer/key"]})]
    assert aws.requests[0][0]["x-aws-parameters-secrets-token"] == "session"


def test_the_agents_token_may_be_in_a_file_that_is_read_each_time(aws: SecretsManagerStub, tmp_path: Path) -> None:
    file = tmp_path / "token"
    source = agent(aws, AWS_TOKEN=f"file://{file}")
    with pytest.raises(KeyStoreUnavailable, match="token cannot be read"):
        source.fetch()
    for token in ("one", "two"):
        file.write_text(f"{token}\n")
        source.fetch()
    assert [headers["x-aws-parameters-secrets-token"] for headers, _ in aws.requests] == ["one", "two"]


def test_where_the_installer_put_the_token_it_is_found(
    aws: SecretsManagerStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "awssmatoken"
    monkeypatch.setattr("klaviyo_access.keys.sources.agent.TOKEN_FILE", file)
    environ = {"KLAVIYO_ACCESS_AGENT_URL": aws.url}
    with pytest.raises(KeyStoreNotConfigured, match="AWS_TOKEN"):
        from_agent(sought(environ)).fetch()
    from_agent(sought(environ | {"AWS_SESSION_TOKEN": "a function's own"})).fetch()
    file.write_text("installed")
    from_agent(sought(environ | {"AWS_SESSION_TOKEN": "a person's"})).fetch()
    tokens = [headers["x-aws-parameters-secrets-token"] for headers, _ in aws.requests]
    assert tokens == ["a function's own", "installed"]


def test_an_agent_that_does_not_run_is_named_with_where_it_should_listen() -> None:
    environ = {"KLAVIYO_ACCESS_AGENT_URL": "http://127.0.0.1:9", "AWS_TOKEN": "open sesame"}
    with pytest.raises(KeyStoreUnavailable) as raised:
        from_agent(sought(environ)).fetch()
    said = str(raised.value)
    words = ("the Secrets Manager Agent", "refused", "http://127.0.0.1:9", "KLAVIYO_ACCESS_AGENT_URL")
    assert [word for word in words if word not in said] == []


def test_an_agent_is_on_this_machine(aws: SecretsManagerStub) -> None:
    for url in ("http://10.0.0.1:2773", "https://localhost:2773", "http://localhost.example:2773"):
        with pytest.raises(KeyStoreNotConfigured, match="must be on this machine"):
            agent(aws, KLAVIYO_ACCESS_AGENT_URL=url)


def test_an_extension_outside_a_lambda_function_says_what_is_missing() -> None:
    with pytest.raises(KeyStoreNotConfigured, match="AWS_SESSION_TOKEN"):
        from_lambda_extension(sought({})).fetch()


def test_a_token_that_the_agent_refuses_is_told_as_such(aws: SecretsManagerStub) -> None:
    aws.answers = [Answer("Bad Token", 403)]
    with pytest.raises(KeyStoreUnavailable, match="refuses the token"):
        agent(aws).fetch()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refused("ResourceNotFoundException", "value for staging label: AWSCURRENT"), NoKeyYet),
        (Answer({"__type": "AccessDeniedException", "message": "no"}, 400), KeyReadDenied),
        (Answer("Bad Token", 403), KeyStoreUnavailable),
        (Answer(current().document, breaks_off=True), KeyStoreUnavailable),
    ],
)
def test_refusals_are_those_of_secrets_manager_and_show_no_value(
    aws: SecretsManagerStub, answer: Answer, error: type[Exception]
) -> None:
    aws.answers = [answer]
    with pytest.raises(error) as raised:
        agent(aws).fetch()
    shown: list[Any] = [raised.value, raised.value.__cause__, raised.value.__context__]
    assert KEY not in f"{shown}{[vars(one) for one in shown if one]}"


@pytest.mark.parametrize(
    "answer",
    [b"", b"nonsense", b"HTTP/1.1 OK\r\n\r\n{}", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", b"HTTP/1.1 200"],
)
def test_what_is_no_complete_answer_is_unavailable(aws: SecretsManagerStub, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(KeyStoreUnavailable):
            agent(aws, KLAVIYO_ACCESS_AGENT_URL=f"http://127.0.0.1:{server.getsockname()[1]}").fetch()
        thread.join()


def test_a_token_that_would_be_a_header_of_its_own_is_not_sent_and_not_shown(aws: SecretsManagerStub) -> None:
    with pytest.raises(KeyStoreUnavailable, match="header") as raised:
        agent(aws, AWS_TOKEN="a\r\nX-Evil: b").fetch()
    assert "Evil" not in f"{raised.value}{raised.value.__cause__}"
    assert aws.requests == []


def test_nobody_listening_is_unavailable_at_once(aws: SecretsManagerStub) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        with pytest.raises(KeyStoreUnavailable, match="ConnectionRefused"):
            agent(aws, KLAVIYO_ACCESS_AGENT_URL=f"http://127.0.0.1:{unheard.getsockname()[1]}").fetch()
