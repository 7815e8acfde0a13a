"""A wire to the sandbox that counts calls, and at one of them kills somebody."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Literal
from urllib.parse import urlsplit

Moment = Literal["asked", "answered"]


class KillingProxy:
    """Forwards bytes to an endpoint. A context manager.

    Args:
        endpoint: the sandbox's.
        number: the call at which ``kill`` is called; 0 for none.
        moment: before AWS hears of that call, or when it has answered and the caller does not know yet.
        kill: ends a process.
        among: part of the head of the calls that are counted; every call without it.
    """

    def __init__(
        self, endpoint: str, *, number: int, moment: Moment, kill: Callable[[], None], among: bytes = b""
    ) -> None:
        self._port = urlsplit(endpoint).port
        self._number = number
        self._moment = moment
        self._kill = kill
        self._among = among
        self._guard = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]
        self._threads: list[threading.Thread] = []
        self.calls = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "KillingProxy":
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(timeout=60)

    def _start(self, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                self._sockets.append(caller)
                try:
                    aws = socket.create_connection(("127.0.0.1", self._port))
                except OSError:  # killed
                    caller.close()
                    continue
                self._sockets.append(aws)
                fatal = threading.Event()
                self._start(partial(self._ask, caller, aws, fatal))
                self._start(partial(self._answer, caller, aws, fatal))

    def _ask(self, caller: socket.socket, aws: socket.socket, fatal: threading.Event) -> None:
        with suppress(OSError):
            while heard := caller.recv(65536):
                if self._is_fatal(heard):
                    if self._moment == "asked":
                        self._kill()
                        break
                    fatal.set()
                aws.sendall(heard)
        with suppress(OSError):
            aws.shutdown(socket.SHUT_RDWR)

    def _is_fatal(self, heard: bytes) -> bool:
        """Count a call by its first bytes; whether it is the one."""
        if b" HTTP/1.1\r\n" not in heard.partition(b"\r\n")[0] + b"\r\n" or self._among not in heard:
            return False
        with self._guard:
            self.calls += 1
            return self.calls == self._number

    def _answer(self, caller: socket.socket, aws: socket.socket, fatal: threading.Event) -> None:
        with suppress(OSError):
            while said := aws.recv(65536):
                if fatal.is_set():
                    self._kill()
                    break
                caller.sendall(said)
        with suppress(OSError):
            caller.shutdown(socket.SHUT_RDWR)  # so that its other thread, which reads, ends too
