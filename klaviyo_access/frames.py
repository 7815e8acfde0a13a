"""Tracebacks without the frames of the layers through which a request leaves the process.

Those frames hold the request's headers, and so the key, in variables that error reporters print. Standard library only.
"""

from collections.abc import Iterator
from types import TracebackType
from typing import Final

_LAYERS: Final = frozenset(
    {
        "anyio",
        "botocore",
        "h11",
        "h2",
        "hpack",
        "http",
        "httpcore",
        "httpx",
        "openapi_client",
        "socket",
        "socks",
        "ssl",
        "urllib3",
    }
)


def cut_frames(error: BaseException) -> None:
    """End the tracebacks of an error, and of every error that it came from, where they enter the network's layers.

    Args:
        error: any exception, also one that is no failure of the network, such as ``KeyboardInterrupt``.
    """
    for one in _chain(error):
        one.__traceback__ = _above_the_network(one.__traceback__)


def _above_the_network(trace: TracebackType | None) -> TracebackType | None:
    if trace is None or _is_network(trace):
        return None
    last = trace
    while last.tb_next is not None and not _is_network(last.tb_next):
        last = last.tb_next
    last.tb_next = None
    return trace


def _is_network(trace: TracebackType) -> bool:
    return str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0] in _LAYERS


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            waiting += [one.__cause__, one.__context__]
            waiting += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
            yield one
