"""The sandbox's process: started behind the shell that asks for it, found again, stopped."""

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sandbox.clock import Clock
from sandbox.home import Home, Ports, Running
from sandbox.memory import MemoryFile
from sandbox.server import Server, bind
from sandbox.shifted_time import move_process

_CHECKOUT: Final = Path(__file__).resolve().parents[1]
_SECONDS_TO_START: Final = 30.0
_SECONDS_TO_STOP: Final = 15.0
_INHERITED: Final = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")
"""All that the process takes from the caller's environment: no credentials, no passphrase."""


class StartError(Exception):
    """The sandbox could not be started."""


def start(home: Home, ports: Ports) -> Running:
    """Start a sandbox and return once both ports answer.

    Raises:
        PortInUseError: somebody else listens on one of the ports.
        StartError: the process ended, or did not answer in time.
    """
    home.prepare()
    listeners = [bind(ports.aws), bind(ports.klaviyo)]
    reading, writing = os.pipe()
    descriptors = [*(listener.fileno() for listener in listeners), writing]
    with home.log.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - this interpreter with this module
            [sys.executable, "-m", "sandbox", "serve", *map(str, descriptors)],
            pass_fds=descriptors,
            cwd=_CHECKOUT,
            env=_environment(home),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    os.close(writing)
    for listener in listeners:
        listener.close()
    try:
        _wait_until_ready(reading, process, home)
    except KeyboardInterrupt:
        process.kill()
        raise
    running = home.running()
    if running is None:
        raise StartError(f"The sandbox ended right after its start: see {home.log}.")
    return running


def serve(home: Home, descriptors: Sequence[int]) -> None:
    """Be the sandbox's process, with the listeners and the pipe that ``start`` opened, until SIGTERM.

    Raises:
        StartError: another process already serves from this folder.
        UnusableMemoryError: the folder holds what an earlier one left, and this one cannot go on with it.
    """
    aws, klaviyo = (socket.socket(fileno=descriptor) for descriptor in descriptors[:2])
    ports = Ports(aws=aws.getsockname()[1], klaviyo=klaviyo.getsockname()[1])
    if not home.claim(os.getpid(), ports):
        raise StartError(f"Another sandbox serves from {home.directory}.")
    clock, file = Clock(), MemoryFile(home.memory)
    move_process(lambda: clock.offset)
    server = Server(aws=aws, klaviyo=klaviyo, control_token=home.control_token, clock=clock, file=file)
    if file.is_empty:
        home.forget_stacks()

    async def run() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, server.stop)
        await server.serve(lambda: _say_ready(descriptors[2]))

    asyncio.run(run())


def stop(home: Home, running: Running) -> None:
    """End the process, and wait until it has ended."""
    os.kill(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + _SECONDS_TO_STOP
    while home.running() is not None:
        if time.monotonic() > deadline:
            os.kill(running.pid, signal.SIGKILL)
        time.sleep(0.02)


def _wait_until_ready(reading: int, process: subprocess.Popen[bytes], home: Home) -> None:
    """The process writes into the pipe when it answers; the pipe's end without that means that it has ended."""
    with os.fdopen(reading, "rb") as pipe:
        readable, _, _ = select.select([pipe], [], [], _SECONDS_TO_START)
        if readable and pipe.read():
            return
    process.kill()
    process.wait()
    last = home.log.read_text(errors="replace").splitlines()[-1:] or ["it wrote nothing"]
    raise StartError(f"The sandbox did not start; the last line of {home.log}: {last[0]}")


def _say_ready(descriptor: int) -> None:
    os.write(descriptor, b"ready")
    os.close(descriptor)


def _environment(home: Home) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**inherited, "SANDBOX_HOME": str(home.directory), "PYTHONUNBUFFERED": "1"}
