"""Where a sandbox keeps what is its own: one folder that only its user reads."""

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The two loopback ports."""

    aws: int = 4566
    klaviyo: int = 4567

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.aws}"

    @property
    def klaviyo_url(self) -> str:
        return f"http://127.0.0.1:{self.klaviyo}"


@dataclass(frozen=True, kw_only=True)
class Running:
    """A process that serves."""

    pid: int
    ports: Ports


@dataclass(frozen=True)
class Home:
    """The folder, and the files in it by name.

    Args:
        directory: usually ``SANDBOX_HOME``, else ``.sandbox`` in the current directory.
    """

    directory: Path

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Home":
        """The folder that the environment names."""
        return cls(Path(environ.get("SANDBOX_HOME", ".sandbox")).absolute())

    @property
    def log(self) -> Path:
        return self.directory / "sandbox.log"

    @property
    def pulumi(self) -> Path:
        return self.directory / "pulumi"

    @property
    def state(self) -> Path:
        return self.directory / "state"

    @property
    def memory(self) -> Path:
        return self.directory / "memory.sqlite"

    def forget(self) -> None:
        """Remove what the sandbox remembers, and the stacks that were deployed into it."""
        for path in self.directory.glob(f"{self.memory.name}*"):
            path.unlink()
        self.forget_stacks()

    def prepare(self) -> None:
        """Make the folder, readable by its user alone."""
        for folder in (self.directory, self.pulumi, self.state):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.chmod(0o700)

    def forget_stacks(self) -> None:
        """Drop the stacks that were deployed into a sandbox of which nothing is left."""
        shutil.rmtree(self.state, ignore_errors=True)
        self.state.mkdir(mode=0o700)

    @property
    def control_token(self) -> str:
        """The secret that the sandbox's own commands show, made once."""
        return self._secret("control-token")

    def claim(self, pid: int, ports: Ports) -> bool:
        """Note that process ``pid`` serves these ports, until it ends; False where another one already does."""
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        _write_private(self._running, json.dumps({"pid": pid, "aws": ports.aws, "klaviyo": ports.klaviyo}))
        return True

    def running(self) -> Running | None:
        """The process that serves, if one does; what a process that was killed noted counts for nothing."""
        if not self._lock.exists():
            return None
        with self._lock.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return self._noted()
        return None

    @property
    def last_ports(self) -> Ports:
        """The ports that what is remembered was reached by; the usual ones where nothing is."""
        return self._noted().ports if self.memory.exists() and self._running.exists() else Ports()

    def _noted(self) -> Running:
        noted = json.loads(self._running.read_text())
        return Running(pid=noted["pid"], ports=Ports(aws=noted["aws"], klaviyo=noted["klaviyo"]))

    @property
    def _lock(self) -> Path:
        return self.directory / "lock"

    def _secret(self, name: str) -> str:
        path = self.directory / name
        if not path.exists():
            _write_private(path, secrets.token_urlsafe(32))
        return path.read_text()

    @property
    def _running(self) -> Path:
        return self.directory / "running.json"


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
