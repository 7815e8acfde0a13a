"""A store in forked workers: the key is there, the thread, the lock and the connection are their own."""

import os
import signal
import threading
import traceback
from collections.abc import Callable
from typing import Any

from klaviyo_access.keys import KeyStore
from tests.keys.fakes import KEYS, PATIENCE, Source
from tests.keys.secrets_manager_stub import KEY, OTHER_KEY, SecretsManagerStub, current

SECRET: dict[str, Any] = {"secret_id": "x", "region": "eu-west-1"}


def in_a_forked_child(check: Callable[[], None]) -> None:
    """Fork, run ``check`` there, and fail if that fails or hangs."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        said = b""
        try:
            signal.alarm(PATIENCE)  # a child that hangs is ended
            check()
        except BaseException:  # noqa: BLE001 - whatever it is, the parent shows it
            said = traceback.format_exc().encode()
        os.write(writing, said)
        os._exit(bool(said))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, said.decode() or f"the child ended with status {status}"


def test_a_child_reads_the_parents_key_without_asking_aws_and_refreshes_over_a_connection_of_its_own(
    aws: SecretsManagerStub,
) -> None:
    with KeyStore("viewer", **SECRET) as store:

        def check() -> None:
            assert store.key.reveal() == KEY
            store.refresh(rejected=store.key)
            assert store.key.reveal() == OTHER_KEY

        aws.answers = [current(OTHER_KEY)]
        for _ in range(3):
            in_a_forked_child(check)
        assert store.key.reveal() == KEY
        assert (len(aws.requests), len(aws.connections)) == (4, 4)
        store.refresh()
        assert (len(aws.requests), len(aws.connections)) == (5, 4)  # the parent's own is still alive


def test_a_child_forked_while_the_lock_is_held_and_a_fetch_runs_begins_anew() -> None:
    source = Source()

    def check() -> None:
        source.gate = threading.Event()
        source.gate.set()
        source.key = KEYS[1]
        assert store._keeper._thread.is_alive()
        store.refresh(rejected=KEYS[0])
        assert store.key == KEYS[1]
        store.close()

    with KeyStore("viewer", source=source) as store:
        source.gate.clear()
        store._keeper.ask(None)
        source.has_started(2)
        with store._keeper._wake:
            in_a_forked_child(check)
        source.gate.set()


def test_a_child_refreshes_by_itself() -> None:
    source = Source()

    def check() -> None:
        source.key = KEYS[1]
        source.has_started(source.fetches + 2)
        assert store.key == KEYS[1]

    with KeyStore("viewer", source=source, refresh_every=0.001) as store:
        in_a_forked_child(check)


def test_a_closed_store_starts_no_thread_in_a_child() -> None:
    with KeyStore("viewer", source=Source()) as store:
        pass
    before = store._keeper._thread

    def check() -> None:
        assert store._keeper._thread is before
        assert store.key == KEYS[0]

    in_a_forked_child(check)


def test_a_shared_store_is_shared_in_a_child_too_and_its_lock_is_free(aws: SecretsManagerStub) -> None:
    def check() -> None:
        assert KeyStore.shared("viewer", **SECRET) is store
        assert KeyStore.shared("viewer", secret_id="y", region="eu-west-1") is not store

    with KeyStore.shared("viewer", **SECRET) as store:
        from klaviyo_access.keys.store import _SHARED  # noqa: PLC0415 - a private lock, held on purpose

        with _SHARED._lock:
            in_a_forked_child(check)
