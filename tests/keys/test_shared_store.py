"""One store a role in a process: a cold start of many asks AWS once."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from klaviyo_access.errors import KeyStoreUnavailable
from klaviyo_access.keys import KeyStore
from klaviyo_access.keys.shared import Shared
from klaviyo_access.klaviyo import session_for_role
from tests.keys.fakes import PATIENCE
from tests.keys.secrets_manager_stub import KEY, SecretsManagerStub

SECRET: dict[str, Any] = {"secret_id": "klaviyo/dev/viewer/key", "region": "eu-west-1"}


def test_64_threads_that_start_cold_ask_aws_once(aws: SecretsManagerStub) -> None:
    ready = threading.Barrier(64)

    def start() -> KeyStore:
        ready.wait(PATIENCE)
        return KeyStore.shared("viewer", **SECRET)

    with ThreadPoolExecutor(64) as threads:
        stores = {future.result(PATIENCE) for future in [threads.submit(start) for _ in range(64)]}
    (store,) = stores
    with store:
        assert store.key.reveal() == KEY
        assert len(aws.requests) == 1


def test_1000_tasks_that_start_cold_ask_aws_once(aws: SecretsManagerStub) -> None:
    async def start() -> KeyStore:
        await asyncio.sleep(0)
        return KeyStore.shared("viewer", **SECRET)

    async def start_all() -> set[KeyStore]:
        return set(await asyncio.gather(*(start() for _ in range(1000))))

    (store,) = asyncio.run(start_all())
    with store:
        assert len(aws.requests) == 1


def test_sessions_of_a_role_share_its_store(aws: SecretsManagerStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("KLAVIYO_ACCESS_ENVIRONMENT", "dev")
    sessions = [session_for_role("viewer") for _ in range(8)]
    assert len({repr(session) for session in sessions}) == 1
    assert [body["SecretId"] for _, body in aws.requests] == ["klaviyo/dev/viewer/key"]
    KeyStore.shared("viewer").close()


def test_other_arguments_or_other_variables_are_another_store(
    aws: SecretsManagerStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = KeyStore.shared("viewer", **SECRET)
    assert KeyStore.shared("viewer", **SECRET) is first
    monkeypatch.setenv("PATH", "/bin")
    assert KeyStore.shared("viewer", **SECRET) is first
    other = KeyStore.shared("viewer", **(SECRET | {"region": "eu-north-1"}))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDOTHER")
    third = KeyStore.shared("viewer", **SECRET)
    assert len({first, other, third}) == 3
    for store in (first, other, third):
        store.close()


def test_a_closed_store_is_shared_no_longer(aws: SecretsManagerStub) -> None:
    with KeyStore.shared("viewer", **SECRET) as first:
        pass
    with KeyStore.shared("viewer", **SECRET) as second:
        assert second is not first
    assert len(aws.requests) == 2


def test_a_failed_opening_reaches_all_who_waited_and_the_next_tries_again() -> None:
    shared: Shared[str] = Shared()
    opening, go_on, waiting = threading.Event(), threading.Event(), threading.Event()
    tries: list[int] = []

    def fail() -> str:
        tries.append(1)
        opening.set()
        go_on.wait(PATIENCE)
        raise KeyStoreUnavailable("AWS is down")

    def wait() -> str:
        waiting.set()
        return shared.get("settings", lambda: "never opened")

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(shared.get, "settings", fail)
        assert opening.wait(PATIENCE)
        second = threads.submit(wait)
        assert waiting.wait(PATIENCE)
        while not shared._opening["settings"]._condition._waiters:  # type: ignore[attr-defined] # until it waits
            pass
        go_on.set()
        errors = [future.exception(PATIENCE) for future in (first, second)]
    assert [str(error) for error in errors] == ["AWS is down"] * 2
    assert len(tries) == 1
    assert shared.get("settings", lambda: "opened") == "opened"
