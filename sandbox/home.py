"""Where a sandbox keeps what is its own: one folder that only its user reads."""

import json
import os
import secrets
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

    def prepare(self) -> None:
        """Make the folder, readable by its user alone."""
        for folder in (self.directory, self.pulumi, self.state):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.chmod(0o700)

    def control_token(self) -> str:
        """The secret that the sandbox's own commands show, made once."""
        path = self.directory / "control-token"
        if not path.exists():
            _write_private(path, secrets.token_urlsafe(32))
        return path.read_text()

    def write_running(self, pid: int, ports: Ports) -> None:
        """Note which process serves which ports."""
        _write_private(self._running, json.dumps({"pid": pid, "aws": ports.aws, "klaviyo": ports.klaviyo}))

    def read_running(self) -> tuple[int, Ports] | None:
        """The process and the ports as last noted; None where nothing is noted."""
        try:
            noted = json.loads(self._running.read_text())
        except FileNotFoundError:
            return None
        return noted["pid"], Ports(aws=noted["aws"], klaviyo=noted["klaviyo"])

    def forget_running(self) -> None:
        """Note that nothing runs."""
        self._running.unlink(missing_ok=True)

    @property
    def _running(self) -> Path:
        return self.directory / "running.json"


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
