"""One process of one function: started with a scrubbed environment, given events, stopped."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.aws.calls import Json

_RUNTIME = Path(__file__).with_name("runtime.py")
_SECONDS_TO_START = 60.0
_LONGEST_LINE = 16 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an invocation came to: a payload, or an error object; with the lines of its log."""

    payload: bytes
    failed: bool
    log: tuple[str, ...]


class ProcessGoneError(Exception):
    """A warm process had ended before its next event."""


class FunctionProcess:
    """A process in a session of its own, so that killing it kills what it started and nothing else."""

    def __init__(
        self,
        *,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        scratch: tempfile.TemporaryDirectory[str],
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._scratch = scratch
        self._init_error: Json | None = None

    @classmethod
    async def start(cls, *, code: Path, environment: Mapping[str, str], clock_offset: float) -> "FunctionProcess":
        """Start a process and wait until its handler is imported or has failed to.

        Args:
            code: where the deployed bundle is unzipped.
            environment: all that the process sees of any environment.
            clock_offset: seconds by which its clock is ahead of the machine's.
        """
        ours, theirs = socket.socketpair()
        scratch = tempfile.TemporaryDirectory(prefix="function-home-")
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                str(_RUNTIME),
                str(theirs.fileno()),
                str(clock_offset),
                pass_fds=[theirs.fileno()],
                env={**environment, "HOME": scratch.name},
                cwd=code,
                start_new_session=True,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                limit=_LONGEST_LINE,
            )
        reader, writer = await asyncio.open_connection(sock=ours, limit=_LONGEST_LINE)
        started = cls(process=process, reader=reader, writer=writer, scratch=scratch)
        async with asyncio.timeout(_SECONDS_TO_START):
            message = await started._receive()
        started._init_error = None if "ready" in message else message["failed"]
        return started

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None and self._init_error is None

    async def invoke(self, event: object, *, request_id: str, arn: str, timeout: float) -> Outcome:  # noqa: ASYNC109 - the function's setting
        """Hand over one event; a process that dies over it or takes too long is an outcome, not an error.

        Args:
            event: anything that JSON holds.
            request_id: names the invocation in the log.
            arn: the ARN under which the function was called.
            timeout: seconds until the process is killed.

        Raises:
            ProcessGoneError: the process had ended before it took the event.
        """
        if self._init_error is not None:
            return Outcome(payload=json.dumps(self._init_error).encode(), failed=True, log=tuple(await self._log()))
        message = {"event": event, "requestId": request_id, "arn": arn, "timeout": timeout}
        try:
            async with asyncio.timeout(timeout):
                self._writer.write(json.dumps(message).encode() + b"\n")
                if "taken" not in await self._receive():
                    raise ProcessGoneError
                answer = await self._receive()
        except TimeoutError:
            await self.stop()
            text = f"RequestId: {request_id} Error: Task timed out after {timeout:.2f} seconds"
            answer = {"failed": {"errorType": "Sandbox.Timedout", "errorMessage": text}}
        log = await self._log(until=f"END RequestId: {request_id}")
        if "payload" in answer:
            return Outcome(payload=answer["payload"].encode(), failed=False, log=tuple(log))
        return Outcome(payload=json.dumps(answer["failed"]).encode(), failed=True, log=tuple(log))

    async def stop(self) -> None:
        """Kill the process with all that it started, and wait for its end."""
        self._kill()
        await self._process.wait()
        self._writer.close()
        self._scratch.cleanup()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _receive(self) -> Json:
        """The process's next message; where it dies instead, how it died."""
        try:
            line = await self._reader.readline()
        except ConnectionError:
            line = b""
        if line:
            message: Json = json.loads(line)
            return message
        code = await self._process.wait()
        self._kill()  # what it started would keep its log open
        how = f"signal: {signal.strsignal(-code)}".lower() if code < 0 else f"exit status {code}"
        failed = {"errorType": "Runtime.ExitError", "errorMessage": f"Error: Runtime exited with error: {how}"}
        return {"failed": failed}

    async def _log(self, *, until: str | None = None) -> list[str]:
        """What the process has written: up to the line ``until``, or to its end."""
        lines: list[str] = []
        stdout = self._process.stdout
        while stdout is not None and (line := await stdout.readline()):
            lines.append(line.decode(errors="replace").rstrip("\n"))
            if lines[-1] == until:
                break
        return lines
