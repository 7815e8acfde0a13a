"""`klaviyo-access audit verify` and `audit suspicious`, as the shell sees them."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.httpsession import URLLib3Session

from klaviyo_access.audit import AppendedFile, Suspicions
from klaviyo_access.cli.main import run
from klaviyo_access.errors import AuditNotConfigured
from tests.audit.audit_bench import entry, open_log

PROJECT = Path(__file__).parents[2]


class Outcome:
    """What a command left behind."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("KLAVIYO_ACCESS_STACK", raising=False)

    def execute(*arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as end:
            run(arguments)
        captured = capsys.readouterr()
        return Outcome(int(end.value.code or 0), captured.out, captured.err)

    return execute


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A folder with entries.jsonl and anchors.jsonl of 25 entries."""
    entries, anchors = AppendedFile(tmp_path / "entries.jsonl"), AppendedFile(tmp_path / "anchors.jsonl")
    with open_log(tmp_path, entries, anchors=anchors, anchor_every=10) as audit:
        for number in range(25):
            audit.record(entry(request_id=f"r-{number}"))
    return tmp_path


def verify(command: Any, written: Path, *more: str) -> Outcome:
    found: Outcome = command(
        "audit", "verify", str(written / "entries.jsonl"), "--anchors", str(written / "anchors.jsonl"), *more
    )
    return found


def test_entries_as_they_were_written_are_whole(command: Any, written: Path) -> None:
    result = verify(command, written)
    assert (result.code, result.err) == (0, "")
    assert "Nothing was removed, changed or reordered." in result.out
    document = verify(command, written, "--json").json
    assert document["is_whole"] is True
    assert [(one["entries"], one["anchored"], one["closed"]) for one in document["streams"]] == [(25, 25, True)]


@pytest.mark.parametrize("content", ["", "another program's line\n"])
def test_where_there_are_no_entries_nothing_is_called_whole(command: Any, tmp_path: Path, content: str) -> None:
    (tmp_path / "none.jsonl").write_text(content)
    asked = ("audit", "verify", str(tmp_path / "none.jsonl"), "--mixed")
    result = command(*asked)
    assert result.code == 1
    assert "There are no entries, so nothing was verified." in result.out
    assert "--allow-empty" in result.err
    assert command(*asked, "--json").json["is_whole"] is False
    assert command(*asked, "--allow-empty").code == 0


def test_a_cut_off_end_is_found_with_anchors_and_the_command_says_that_it_needs_them(
    command: Any, written: Path
) -> None:
    file = written / "entries.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-3]))
    result = verify(command, written, "--json")
    assert (result.code, [finding["kind"] for finding in result.json["findings"]]) == (1, ["cut off"])
    alone = command("audit", "verify", str(file))
    assert alone.code == 0
    assert "Without anchors a cut-off end cannot be seen" in alone.err


def test_a_changed_entry_is_named_by_line_and_chain(command: Any, written: Path) -> None:
    file = written / "entries.jsonl"
    file.write_text(file.read_text().replace("r-7", "r-8", 1))
    result = verify(command, written)
    assert result.code == 1
    assert "changed app-api/" in result.out
    assert "line 8: Entry 7 does not fit its own hash." in result.out


def test_other_programs_lines_are_passed_over_where_that_is_asked_for(command: Any, written: Path) -> None:
    file = written / "entries.jsonl"
    file.write_text("INFO: Application startup complete.\n" + file.read_text())
    assert verify(command, written).code == 1
    assert verify(command, written, "--mixed").code == 0


def test_entries_come_from_standard_input_too(command: Any, written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (written / "entries.jsonl").open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert command("audit", "verify", "-", "--anchors", str(written / "anchors.jsonl")).code == 0


WRONG = [
    ([], "none was named"),
    (["no-such-file"], "no-such-file cannot be read: No such file or directory"),
    (["--anchors", "no-such-file"], "none was named"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG)
def test_wrong_usage_says_what_to_do(command: Any, arguments: list[str], said: str) -> None:
    result = command("audit", "verify", *arguments)
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    assert "fix: " in result.err


def test_an_aws_that_does_not_answer_is_exit_3(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://logs.eu-west-1.amazonaws.com/")

    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(URLLib3Session, "send", refuse)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    result = command("audit", "verify", "--log-group", "/klaviyo/dev/application-audit")
    assert (result.code, result.out) == (3, "")


def test_the_shipped_suspicions_are_exported_and_read_by_a_service(
    command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    shown = command("audit", "suspicious", "--stack", "prod")
    assert (shown.code, "denied-burst" in shown.out, "burst: 10 in 60s" in shown.out) == (0, True, True)
    file = tmp_path / "suspicious.json"
    file.write_text(command("audit", "suspicious", "--stack", "prod", "--json").out)
    table = Suspicions.load(environ={"KLAVIYO_ACCESS_SUSPICIOUS": str(file)})
    assert [one.name for one in table.table] == ["profile-deletion", "denied-burst", "out-of-hours-admin"]
    assert [one.name for one in Suspicions.load(file).table] == [one.name for one in table.table]


@pytest.mark.parametrize("text", [None, "", "[]", '{"suspicious": []}', '{"suspicious": {"odd": {"burst": "often"}}}'])
def test_a_file_that_is_no_table_is_refused_when_the_service_starts(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "suspicious.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(AuditNotConfigured, match="klaviyo-access audit suspicious"):
        Suspicions.load(file)
    with pytest.raises(AuditNotConfigured, match="KLAVIYO_ACCESS_SUSPICIOUS names none"):
        Suspicions.load(environ={})
