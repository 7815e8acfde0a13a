"""The processes of one host: one of them renews an account's tokens, whatever becomes of the others."""

import asyncio
import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from klaviyo_access.oauth import AppCredentials, OAuthApp, OAuthClient, OAuthTokens, Secret, StateSeal
from klaviyo_access.oauth import host as host_module
from klaviyo_access.oauth.host import LONGEST_WAIT, PAUSE, HostLocks
from klaviyo_access.oauth.tokens import stored_tokens
from tests.klaviyo.klaviyo_server import serving

ACCOUNT = "AbC123"
PROCESSES = 3
ENDED = OAuthTokens(
    access_token=Secret("ended"), refresh_token=Secret("refresh"), expires_at=0.0, scopes=("accounts:read",)
)


class Files:
    """A token store that processes share."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def load(self, account: str) -> OAuthTokens | None:
        return stored_tokens((self._directory / account).read_text("utf-8"))

    def save(self, account: str, tokens: OAuthTokens | None) -> None:
        written = self._directory / f"{account}.{os.getpid()}"
        written.write_text(tokens.to_json() if tokens else "{}", "utf-8")
        written.rename(self._directory / account)


def renew(url: str, directory: Path, start: Barrier, tokens: Any) -> None:
    """What one process of the service does."""
    credentials = AppCredentials(client_id="app", client_secret=Secret("client secret"))
    client = OAuthClient(credentials, redirect_uri="https://shop.example/", scopes=["accounts:read"], klaviyo_url=url)
    seal = StateSeal(credentials.client_secret, clock=time.time)
    connection = OAuthApp(client, seal, Files(directory), locks=directory / "locks").connection(ACCOUNT)
    start.wait(60)
    tokens.put(connection.access_token().reveal())


def test_the_processes_of_a_host_renew_a_token_once(tmp_path: Path) -> None:
    refreshes: list[str] = []

    async def klaviyo(scope: Any, _receive: Any, send: Any) -> None:
        refreshes.append(scope["path"])
        answer = {"access_token": f"token {len(refreshes)}", "expires_in": 3600, "token_type": "Bearer"}
        # The others have the time to see that the token has ended: without the lock they would ask too.
        await asyncio.sleep(0.5)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    Files(tmp_path).save(ACCOUNT, ENDED)
    spawn = multiprocessing.get_context("spawn")
    start, tokens = spawn.Barrier(PROCESSES), spawn.Queue()
    with serving(klaviyo) as url:
        processes = [spawn.Process(target=renew, args=(url, tmp_path, start, tokens)) for _ in range(PROCESSES)]
        for process in processes:
            process.start()
        assert {tokens.get(timeout=60) for _ in processes} == {"token 1"}
        for process in processes:
            process.join(60)
    assert refreshes == ["/oauth/token"]


HOLDER = """
import os, signal, sys
from pathlib import Path
from klaviyo_access.oauth.host import HostLocks
with HostLocks(Path(sys.argv[1])).held("account"):
    child = os.fork() if sys.argv[2] == "forks" else 0
    if child or sys.argv[2] != "forks":
        print(child, flush=True)
    signal.pause()
"""


def never(_: float) -> None:
    pytest.fail("the lock was not free")


@pytest.mark.parametrize("holder", ["is alone", "forks"])
def test_a_holder_that_is_killed_leaves_the_lock_to_the_next_even_where_its_child_lives_on(
    tmp_path: Path, holder: str
) -> None:
    waits: list[float] = []
    running = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "locks"), holder], stdout=subprocess.PIPE, text=True
    )
    with running:
        assert running.stdout is not None
        child = int(running.stdout.readline())
        try:
            with HostLocks(tmp_path / "locks", sleep=waits.append).held("account"):
                pass
            assert waits == [PAUSE] * round(LONGEST_WAIT / PAUSE)  # as long as it lived
            with HostLocks(tmp_path / "locks", sleep=never).held("another account"):
                pass
            running.kill()
            running.wait(60)
            with HostLocks(tmp_path / "locks", sleep=never).held("account"):
                pass
        finally:
            if child:
                os.kill(child, signal.SIGKILL)


def test_a_lock_is_free_again_after_the_block_however_that_ends(tmp_path: Path) -> None:
    locks = HostLocks(tmp_path / "locks", sleep=never)
    with pytest.raises(ZeroDivisionError), locks.held("account"):
        raise ZeroDivisionError
    with locks.held("account"):
        assert (tmp_path / "locks").stat().st_mode & 0o777 == 0o700
    assert not host_module._HELD


def test_a_lock_whose_file_was_swept_away_is_not_taken_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def swept(path: Any, *rest: Any) -> int:
        file = os.open(path, *rest)
        Path(path).unlink()
        monkeypatch.setattr(host_module, "os", os)
        return file

    monkeypatch.setattr(host_module, "os", SimpleNamespace(**vars(os) | {"open": swept}))
    with (
        HostLocks(tmp_path / "locks", sleep=lambda _: None).held("account"),
        HostLocks(tmp_path / "locks", sleep=waits.append).held("account"),
    ):
        assert waits != []


def of_a_file(directory: Path) -> None:
    directory.write_text("no directory")


def open_to_others(directory: Path) -> None:
    directory.mkdir(mode=0o755)


def a_link(directory: Path) -> None:
    (directory.parent / "elsewhere").mkdir(mode=0o700)
    directory.symlink_to(directory.parent / "elsewhere")


@pytest.mark.parametrize("make", [of_a_file, open_to_others, a_link, None])
def test_where_no_file_can_be_locked_each_process_renews_by_itself_and_it_is_said_once(
    make: Callable[[Path], None] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if make is None:
        monkeypatch.setattr(host_module, "fcntl", None)  # as on Windows
    else:
        make(tmp_path / "locks")
    locks, done = HostLocks(tmp_path / "locks", sleep=never), list[str]()
    with caplog.at_level(logging.WARNING):
        for account in ("one", "another"):
            with locks.held(account):
                done.append(account)
    assert done == ["one", "another"]
    (record,) = caplog.records
    assert (record.name, "each by itself" in record.getMessage()) == ("klaviyo_access.oauth", True)
