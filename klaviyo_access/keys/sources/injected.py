"""The key as the platform hands it over: in an environment variable (ECS ``secrets``) or a file (the CSI driver)."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from klaviyo_access.errors import KeyStoreNotConfigured, KeyStoreUnavailable, KeyValueMalformed
from klaviyo_access.keys.secret import Key
from klaviyo_access.keys.snapshot import FRESH_FOR, KeySnapshot, read_injected
from klaviyo_access.keys.sources import Sought

VARIABLE: Final = "KLAVIYO_API_KEY"
FILE: Final = "KLAVIYO_ACCESS_KEY_FILE"
FILE_FRESH_FOR: Final = 10.0
"""Seconds after which a file is read again: what costs nothing is done often."""


class EnvironmentSource:
    """Reads the key, bare or as the secret's JSON, from ``KLAVIYO_API_KEY``.

    A variable stays what it was when the process started: after a rotation the platform starts a new one. A bare key
    names neither role nor endpoint; it is sent to ``KLAVIYO_URL``, without that to Klaviyo itself.

    Args:
        role: the role that owns the key.
        environ: the environment variables.
        clock: the time in seconds since the epoch.
    """

    def __init__(
        self, role: str, *, environ: Mapping[str, str] = os.environ, clock: Callable[[], float] = time.time
    ) -> None:
        self._role = role
        self._environ = environ
        self._clock = clock

    def fetch(self, *, rejected: Key | None = None) -> KeySnapshot:  # noqa: ARG002 - there is no cache to look past
        """Read the variable.

        Raises:
            KeyStoreNotConfigured: it is not set.
            KeyValueMalformed: it is neither a key nor the secret's JSON.
        """
        found = self._read()
        if isinstance(found, KeySnapshot):
            return found
        if found is None:
            raise KeyStoreNotConfigured(
                f"The key of role {self._role!r} is handed over in {VARIABLE}, which is not set: have the platform "
                "inject the role's secret (the program's output 'snippets' prints the lines), or name another source."
            )
        raise KeyValueMalformed(self._role, VARIABLE, reason=found, is_injected=True)

    def _read(self) -> KeySnapshot | str | None:
        if not (value := self._environ.get(VARIABLE)):
            return None
        return read_injected(
            value, role=self._role, environ=self._environ, fetched_at=self._clock(), fresh_for=FRESH_FOR
        )


class FileSource:
    """Reads the key, bare or as the secret's JSON, from the file that ``KLAVIYO_ACCESS_KEY_FILE`` names.

    The CSI driver and mounted Kubernetes secrets replace the file after a rotation; it is read again every 10 seconds,
    and at once when Klaviyo rejects the key.

    Args:
        role: the role that owns the key.
        environ: the environment variables.
        clock: the time in seconds since the epoch.

    Raises:
        KeyStoreNotConfigured: the variable is not set.
    """

    def __init__(
        self, role: str, *, environ: Mapping[str, str] = os.environ, clock: Callable[[], float] = time.time
    ) -> None:
        if not environ.get(FILE):
            raise KeyStoreNotConfigured(
                f"The key of role {role!r} is read from a file, and none was named: set {FILE} to where the CSI "
                "driver mounts the role's secret."
            )
        self._role = role
        self._path = Path(environ[FILE])
        self._environ = environ
        self._clock = clock

    def fetch(self, *, rejected: Key | None = None) -> KeySnapshot:  # noqa: ARG002 - there is no cache to look past
        """Read the file.

        Raises:
            KeyStoreUnavailable: it is not there, or cannot be read.
            KeyValueMalformed: it is neither a key nor the secret's JSON.
        """
        found = self._read()
        if isinstance(found, KeySnapshot):
            return found
        if isinstance(found, OSError):
            raise KeyStoreUnavailable(
                f"The key of role {self._role!r} is read from {self._path}, which {FILE} names: {found.strerror}. Is "
                "the volume mounted, and may this user read it?"
            ) from found
        raise KeyValueMalformed(self._role, str(self._path), reason=found, is_injected=True)

    def _read(self) -> KeySnapshot | OSError | str:
        try:
            value = self._path.read_bytes().decode("utf-8", errors="replace")
        except OSError as error:
            return error
        return read_injected(
            value, role=self._role, environ=self._environ, fetched_at=self._clock(), fresh_for=FILE_FRESH_FOR
        )


def from_environment(sought: Sought) -> EnvironmentSource:
    """Open the environment variable for what a store was asked for."""
    return EnvironmentSource(sought.role, environ=sought.environ, clock=sought.clock)


def from_file(sought: Sought) -> FileSource:
    """Open the file for what a store was asked for."""
    return FileSource(sought.role, environ=sought.environ, clock=sought.clock)
