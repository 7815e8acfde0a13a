"""A project, a shell, AWS on the wire, and a way to run the command line in this process."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.httpsession import URLLib3Session
from botocore.loaders import JSONFileLoader
from botocore.retries.standard import ExponentialBackoff

from klaviyo_access.cli.keys import proof
from klaviyo_access.cli.main import run
from klaviyo_access.keys.secret import KEY_PATTERN
from tests.cli.cli_fakes import ACCESS_MODEL, ACCOUNT, SETTINGS, Command, FakeAws, Result, lay_out


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


_MODELS: dict[str, Any] = {}


@pytest.fixture(scope="module", autouse=True)
def _models_of_aws_are_read_once() -> Iterator[None]:
    """Each command makes sessions of its own, and botocore reads megabytes of JSON for each of them.

    Clients change their models in place: nobody else gets these.
    """
    read = JSONFileLoader.load_file

    def once(loader: JSONFileLoader, path: str) -> Any:
        if path not in _MODELS:
            _MODELS[path] = read(loader, path)
        return _MODELS[path]

    with pytest.MonkeyPatch.context() as everywhere:
        everywhere.setattr(JSONFileLoader, "load_file", once)
        yield


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the stacks dev and local, and a shell that is in it."""
    monkeypatch.chdir(tmp_path)
    lay_out("access.yaml", ACCESS_MODEL)
    lay_out("Pulumi.yaml", "name: klaviyo-access\nruntime: python\n")
    lay_out("Pulumi.dev.yaml", SETTINGS.format(region="eu-west-1", account=ACCOUNT))
    lay_out("Pulumi.local.yaml", SETTINGS.format(region="us-east-1", account="000000000000"))
    return tmp_path


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A shell whose AWS settings come from nowhere else than the test."""
    for name in (
        "KLAVIYO_ACCESS_STACK",
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "KLAVIYO_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("COLUMNS", "200")
    return monkeypatch


@pytest.fixture
def aws(shell: pytest.MonkeyPatch) -> FakeAws:
    """AWS, which answers instead of the network; every role of dev is deployed and empty."""
    fake = FakeAws()
    fake.deploy("dev")
    shell.setattr(ExponentialBackoff, "delay_amount", lambda _backoff, _context: 0)
    shell.setattr(URLLib3Session, "send", lambda _session, request: fake.send(request))
    shell.setattr(proof, "send", lambda *_: (200, {}, b'{"data": []}'))  # Klaviyo, which knows every key
    return fake


@pytest.fixture
def command(project: Path, shell: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs one command line in this process, with the text given as standard input.

    Where that is None, standard input is a terminal on which ``typed`` is typed.

    Whatever a test is about, no key may be in what a command prints.
    """

    def execute(*arguments: str, stdin: str | None = "", typed: str = "") -> Result:
        shell.setattr(sys, "stdin", _Terminal(typed) if stdin is None else io.StringIO(stdin))
        with pytest.raises(SystemExit) as end:
            run(arguments)
        captured = capsys.readouterr()
        assert not KEY_PATTERN.search(captured.out + captured.err)
        return Result(code=int(end.value.code or 0), out=captured.out, err=captured.err)

    return execute
