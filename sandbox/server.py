"""Serves AWS and Klaviyo on two loopback ports from one process and one event loop."""

import asyncio
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final, Literal

import uvicorn

from sandbox.aws.backend import load_ministack
from sandbox.aws.calls import Json
from sandbox.aws.http import Application
from sandbox.clock import Clock
from sandbox.home import Ports
from sandbox.memory import SECONDS_BETWEEN_SAVES, Memory, MemoryFile, Values

LOOPBACK: Final = "127.0.0.1"
_SECONDS_TO_END: Final = 3
_SECONDS_IDLE: Final = 3600
"""For which a connection may be idle: one that ends as its caller sends anew costs a call, which nobody makes again."""


class PortInUseError(Exception):
    """A port that the sandbox is to listen on is taken."""


def bind(port: int) -> socket.socket:
    """Take a loopback port; 0 takes a free one.

    Raises:
        PortInUseError: somebody else listens there.
    """
    # With the protocol named, asyncio sends small answers at once (TCP_NODELAY); without, each waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise PortInUseError(
            f"The sandbox needs port {port} of {LOOPBACK}, and another process has it: "
            "stop that one (another folder's sandbox: 'python -m sandbox stop' there), or choose others: "
            "'.venv/bin/python -m sandbox start --port 4666 --klaviyo-port 4667', and then 'make up'."
        ) from error
    return listener


class _Listener(uvicorn.Server):
    """A uvicorn server that says when it answers, and leaves signals to the process."""

    def __init__(self, application: Application, *, lifespan: Literal["on", "off"]) -> None:
        config = uvicorn.Config(
            application,
            lifespan=lifespan,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_SECONDS_IDLE,
            timeout_graceful_shutdown=_SECONDS_TO_END,
        )
        super().__init__(config)
        self.answers = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answers.set()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class Server:
    """AWS and Klaviyo behind two listeners.

    Args:
        aws: the listener for AWS.
        klaviyo: the listener for Klaviyo.
        control_token: what the sandbox's own commands show.
        clock: the sandbox's; None for one of its own.
        file: what it remembers and goes on with; None for a sandbox that forgets.
    """

    def __init__(
        self,
        *,
        aws: socket.socket,
        klaviyo: socket.socket,
        control_token: str,
        clock: Clock | None = None,
        file: MemoryFile | None = None,
    ) -> None:
        clock = clock or Clock()
        self.ports = Ports(aws=aws.getsockname()[1], klaviyo=klaviyo.getsockname()[1])
        self._listeners = (aws, klaviyo)
        ministack = load_ministack(self.ports.aws)
        # The account's modules import ministack's, which read their settings at import: only now.
        from sandbox.aws.cloud import Cloud  # noqa: PLC0415 - the reason above
        from sandbox.aws.gateway import Gateway  # noqa: PLC0415 - the reason above
        from sandbox.aws.identity.platform import Platform  # noqa: PLC0415 - the reason above
        from sandbox.control import Control  # noqa: PLC0415 - the reason above
        from sandbox.klaviyo.app import create_app  # noqa: PLC0415 - the reason above

        self.cloud = Cloud(application=ministack, clock=clock, endpoint=self.ports.endpoint)
        self.platform = Platform(
            sts=self.cloud.sts,
            identities=self.cloud.identities,
            sessions=self.cloud.sessions,
            backend=self.cloud.backend,
        )
        control = Control(
            token=control_token,
            platform=self.platform,
            status=self._status,
            secrets_manager=self.cloud.secrets_manager,
            clock=clock,
            do_what_is_due=self.cloud.do_what_is_due,
        )
        gateway = Gateway(cloud=self.cloud, control=control, before_answer=self._save)
        self._klaviyo = create_app(
            control_token=control_token, clock=clock.now, machine_clock=clock.machine, before_answer=self._save
        )
        sources = (Values("clock", clock.entries), *self.cloud.sources, *self._klaviyo.sources)
        self._memory = Memory(file, sources) if file else None
        self._servers = (_Listener(gateway, lifespan="on"), _Listener(self._klaviyo, lifespan="off"))

    async def serve(self, on_ready: Callable[[], None]) -> None:
        """Serve until ``stop`` is called.

        Args:
            on_ready: called once both ports answer.

        Raises:
            UnusableMemoryError: its file holds what it cannot go on with.
        """
        await self._open()
        saving = asyncio.create_task(self._save_now_and_then())
        async with asyncio.TaskGroup() as tasks:
            for server, listener in zip(self._servers, self._listeners, strict=True):
                task = tasks.create_task(server.serve(sockets=[listener]))
                task.add_done_callback(self._end_both)
            for server in self._servers:
                await server.answers.wait()
            if not any(server.should_exit for server in self._servers):
                on_ready()
        saving.cancel()
        if self._memory:
            self._memory.close()

    async def _open(self) -> None:
        if self._memory is None or self._memory.is_empty:
            await self.cloud.open(None)
            self._klaviyo.changed()
        else:
            self._klaviyo.begin_empty()
            await self.cloud.open(self._memory.recall)
        self._klaviyo.resume()
        self._save()

    async def _save_now_and_then(self) -> None:
        """Save what happens without a call."""
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_SAVES)
            self._save()

    def _save(self) -> None:
        if self._memory:
            self._memory.save()

    def stop(self) -> None:
        """Stop serving; safe from any thread and from a signal handler."""
        for server in self._servers:
            server.should_exit = True

    def _end_both(self, _: asyncio.Task[None]) -> None:
        self.stop()
        for server in self._servers:
            server.answers.set()

    def _status(self) -> Json:
        return {
            "endpoint": self.ports.endpoint,
            "klaviyoUrl": self.ports.klaviyo_url,
            "calls": len(self.cloud.trail.records),
            "functions": [{"name": name, "pid": pid} for name, pid in self.cloud.functions.processes],
        }
