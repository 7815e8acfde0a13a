"""What a caller was told outlives every end of the sandbox's process."""

import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.sandbox.ended_sandbox import Process, until
from tests.sandbox.remembered_stories import STORIES, Story, bundle, deploy


@pytest.fixture(scope="module", params=[signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def ended(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Any]]:
    """A sandbox in which every story has happened, ended and started again; with what was seen before."""
    process = Process(tmp_path_factory.mktemp("ended") / "home")
    process.start()
    seen = {}
    for story in STORIES:
        story.happens(process)
        seen[story.name] = story.look(process)
    process.end(request.param)
    process.start()
    yield process, seen
    process.run("stop")


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_it_is_there_again(ended: tuple[Process, Any], story: Story) -> None:
    process, seen = ended
    assert story.look(process) == seen[story.name]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    """A sandbox of the test's own."""
    made = Process(tmp_path / "home")
    made.start()
    yield made
    made.run("stop")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_what_was_under_way_goes_on(process: Process, number: signal.Signals) -> None:
    """A rotation in its third step, a test of a configuration, and an event that nobody waits for."""
    arn = deploy(process, "slow", seconds=3600)
    client = process.client("secretsmanager")
    for name in ("rotated", "tested"):
        client.create_secret(Name=name, SecretString="old")
    rules = {"AutomaticallyAfterDays": 30}
    token = client.rotate_secret(SecretId="rotated", RotationLambdaARN=arn, RotationRules=rules)["VersionId"]
    client.rotate_secret(SecretId="tested", RotationLambdaARN=arn, RotationRules=rules, RotateImmediately=False)
    until(lambda: token in client.describe_secret(SecretId="rotated")["VersionIdsToStages"])
    process.client("lambda").update_function_code(FunctionName="slow", ZipFile=bundle(seconds=0))
    process.client("lambda").invoke(FunctionName="slow", InvocationType="Event", Payload=b'{"later": true}')
    process.end(number)
    process.start()
    wanted = {"rotated": [["AWSPREVIOUS"], ["AWSCURRENT"]], "tested": [["AWSCURRENT"]]}
    for name, stages in wanted.items():
        until(lambda: list(client.describe_secret(SecretId=name)["VersionIdsToStages"].values()) == stages)  # noqa: B023 - asked at once
    assert client.get_secret_value(SecretId="rotated")["SecretString"] == "new"
    assert client.describe_secret(SecretId="rotated")["VersionIdsToStages"][token] == ["AWSCURRENT"]
    until(lambda: _said(process.client("logs"), "later"))


def _said(logs: Any, text: str) -> list[Any]:
    try:
        events: list[Any] = logs.filter_log_events(logGroupName="/aws/lambda/slow")["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event for event in events if text in event["message"]]


def test_a_kill_in_the_middle_of_calls_leaves_them_there_or_not(process: Process) -> None:
    """Four callers write without a pause while the process is killed: what was answered is there, all can be read."""
    client, told = process.client("secretsmanager"), dict[str, str]()
    client.create_secret(Name="shared", SecretString="first")
    tried = Counter[str]()

    def write(caller: int) -> None:
        for number in count():
            name = f"secret-{caller}-{number}"
            tried[name] += 1
            try:
                client.create_secret(Name=name, SecretString=name)
                told[name] = name
                client.put_secret_value(SecretId=name, SecretString="second")
            except (BotoCoreError, ClientError):
                return
            told[name] = "second"

    with ThreadPoolExecutor(4) as callers:
        running = [callers.submit(write, caller) for caller in range(4)]
        until(lambda: len(told) >= 40)
        process.end(signal.SIGKILL)
        for one in running:
            one.result()
    process.start()
    found = {
        secret["Name"]: client.get_secret_value(SecretId=secret["Name"])["SecretString"]
        for page in client.get_paginator("list_secrets").paginate()
        for secret in page["SecretList"]
    }
    assert {name: value for name, value in found.items() if name in told and value not in {told[name], "second"}} == {}
    assert told.keys() <= found.keys() <= tried.keys() | {"shared"}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.write_bytes(b"no database at all, but long enough to be taken for one" * 9), "is damaged"),
        (lambda path: _execute(path, "UPDATE entry SET value = x'80'"), "is damaged"),
        (lambda path: _execute(path, "PRAGMA user_version = 99"), "written by another version"),
        (lambda path: _execute(path, "UPDATE writer SET version = 'ministack 0'"), "written by another version"),
        (lambda path: _execute(path, "UPDATE entry SET source = 'ministack none'"), "written by another version"),
    ],
    ids=["no database", "values cut short", "another format", "another ministack", "an unknown source"],
)
def test_a_memory_that_cannot_be_used_is_refused_with_the_cure(
    process: Process, spoil: Callable[[Path], None], said: str
) -> None:
    process.run("stop")
    spoil(process.home.memory)
    refused = process.run("start")
    assert refused.returncode == 1
    assert said in refused.stderr
    assert "python -m sandbox forget" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert process.run("forget").returncode == 0
    process.start()


def _execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)


def test_the_memory_is_for_its_user_alone(process: Process) -> None:
    files = list(process.home.directory.glob("memory.sqlite*"))
    assert files
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
