"""A service as busy as Klaviyo lets it be: it calls one operation with the keys of its roles until its input ends.

It writes a line for whatever its own code is given, ``ROLE answered STATUS`` or ``ROLE failed ERROR``, and one for each
401 on the wire, ``ROLE rejected``, after which the library sends the request once more. It tries nothing again itself.
"""

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any, Final

import httpx

from klaviyo_access.klaviyo import KlaviyoAuth, session_for_role
from klaviyo_access.klaviyo.operations import operations

IN_FLIGHT: Final = 2
"""How many requests a role has on the way at once."""

SHARE: Final = 0.9
"""The part of an account's quota that the service takes: the rest is the rotators', which prove keys with it."""

PERSON: Final = {"type": "profile", "attributes": {"email": "ada@example.com", "first_name": "Ada"}}

_ROLE: ContextVar[str] = ContextVar("role")
_ENDED: Final = threading.Event()


class Pace:
    """Gives turns at equal distances: Klaviyo counts by the minute, and by the second far more than these.

    Args:
        operation: the SDK's name of it; one process alone calls it.
    """

    def __init__(self, operation: str) -> None:
        steady = next(known.steady for known in operations() if known.name == operation)
        self._distance = 60 / (SHARE * steady)
        self._next = time.monotonic()
        self._guard = threading.Lock()

    def seconds_to_turn(self) -> float:
        """Take the next turn; returns how long it is until then. Turns that nobody took are lost."""
        with self._guard:
            now = time.monotonic()
            turn = max(self._next, now)
            self._next = turn + self._distance
            return turn - now


class Rejections(logging.Handler):
    """Writes a line for each 401 that a client library logs.

    Args:
        name: the library's logger.
        level: at which it logs answers.
        place: of the status among the arguments of that record.
    """

    def __init__(self, name: str, *, level: int, place: int) -> None:
        super().__init__()
        self._place = place
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.propagate = False
        logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple) and record.args[self._place :][:1] == (401,):
            tell("rejected")


def tell(what: str) -> None:
    """One line, written at once and in one piece."""
    os.write(sys.stdout.fileno(), f"{_ROLE.get()} {what}\n".encode())


def sdk(role: str, operation: str, **arguments: object) -> None:
    """Call by the official SDK; this variant of an operation tries nothing again."""
    klaviyo = session_for_role(role)
    group = {"get_lists": klaviyo.Lists, "get_profiles": klaviyo.Profiles}[operation]
    threads(role, operation, lambda: getattr(group, f"{operation}_with_http_info")(**arguments).status_code)


def httpx_threads(role: str, operation: str) -> None:
    """Send writes by httpx from threads."""
    auth = KlaviyoAuth(role)
    with httpx.Client(auth=auth, base_url=auth.base_url, timeout=120) as client:
        threads(role, operation, lambda: client.post("/api/profile-import", json={"data": PERSON}).status_code)


def httpx_tasks(role: str, operation: str) -> None:
    """Read by httpx from tasks."""
    auth, pace = KlaviyoAuth(role), Pace(operation)

    async def work(client: httpx.AsyncClient) -> None:
        while not _ENDED.is_set():
            await asyncio.sleep(pace.seconds_to_turn())
            try:
                tell(f"answered {(await client.get('/api/segments')).status_code}")
            except Exception as error:  # noqa: BLE001 - whatever a caller would see is what it is about
                tell(f"failed {error!r}")

    async def main() -> None:
        async with httpx.AsyncClient(auth=auth, base_url=auth.base_url, timeout=120) as client:
            await asyncio.gather(*(work(client) for _ in range(IN_FLIGHT)))

    _ROLE.set(role)
    asyncio.run(main())


def threads(role: str, operation: str, call: Callable[[], int]) -> None:
    """Call from threads, all of them at the pace of the operation."""
    pace = _PACES.setdefault(operation, Pace(operation))

    def work() -> None:
        _ROLE.set(role)
        while not _ENDED.wait(pace.seconds_to_turn()):
            try:
                tell(f"answered {call()}")
            except Exception as error:  # noqa: BLE001 - whatever a caller would see is what it is about
                tell(f"failed {error!r}")

    working = [threading.Thread(target=work) for _ in range(IN_FLIGHT)]
    for thread in working:
        thread.start()
    for thread in working:
        thread.join()


_PACES: Final[dict[str, Pace]] = {}

SERVICES: Final[Mapping[str, Mapping[str, Callable[[str], Any]]]] = {
    "profile-sync": {"profile-sync": partial(sdk, operation="get_lists")},
    "event-tracker": {"event-tracker": partial(httpx_threads, operation="create_or_update_profile")},
    "reporting": {"reporting": partial(httpx_tasks, operation="get_segments")},
    "app-api": dict.fromkeys(
        ("admin", "marketer", "developer", "viewer", "service"), partial(sdk, operation="get_profiles", page_size=1)
    ),
}
"""By service: each role whose key it has, and how it calls with it."""


def main(service: str) -> None:
    """Be the service until standard input ends."""
    Rejections("httpx", level=logging.INFO, place=3)
    Rejections("urllib3.connectionpool", level=logging.DEBUG, place=6)
    working = [threading.Thread(target=work, args=[role]) for role, work in SERVICES[service].items()]
    for thread in working:
        thread.start()
    sys.stdin.read()
    _ENDED.set()
    for thread in working:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1])
