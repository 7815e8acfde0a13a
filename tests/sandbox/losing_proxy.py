"""A wire to the sandbox that loses one answer: the call reaches AWS, and whoever made it never hears of it."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit


class LosingProxy:
    """Forwards bytes to an endpoint. A context manager.

    Args:
        endpoint: the sandbox's.
        call: what the request whose answer is lost has in it, such as ``CreateKey``.
        instead: done once when AWS has answered it.
    """

    def __init__(self, endpoint: str, call: str, instead: Callable[[], None]) -> None:
        self._port = urlsplit(endpoint).port
        self._call = call.encode()
        self._instead = instead
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]
        self._threads: list[threading.Thread] = []
        self.lost = threading.Event()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "LosingProxy":
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
                aws = socket.create_connection(("127.0.0.1", self._port))
                self._sockets += [caller, aws]
                doomed = threading.Event()
                self._start(partial(self._ask, caller, aws, doomed))
                self._start(partial(self._answer, caller, aws, doomed))

    def _ask(self, caller: socket.socket, aws: socket.socket, doomed: threading.Event) -> None:
        with suppress(OSError):
            while heard := caller.recv(65536):
                if self._call in heard and not self.lost.is_set():
                    doomed.set()
                aws.sendall(heard)
            aws.shutdown(socket.SHUT_RDWR)

    def _answer(self, caller: socket.socket, aws: socket.socket, doomed: threading.Event) -> None:
        with suppress(OSError):
            while said := aws.recv(65536):
                if doomed.is_set():
                    self.lost.set()
                    self._instead()
                    break
                caller.sendall(said)
            caller.shutdown(socket.SHUT_RDWR)
