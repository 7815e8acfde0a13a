"""The account that every part of the sandbox's Klaviyo shares, and the form of such a part."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from secrets import compare_digest

from sandbox.aws.http import Request, Response
from sandbox.klaviyo.keys import KeyRing
from sandbox.klaviyo.problems import authentication_failed
from sandbox.klaviyo.store import Store

Answer = Callable[[Request], Awaitable[Response]]
"""A part of Klaviyo: answers every request below one prefix of the path, or raises a ``Problem``."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """One account of Klaviyo's.

    Attributes:
        id: the company id, 6 alphanumerics.
        clock: the time in seconds since the epoch.
        machine_clock: the same as whoever it calls knows it, which nothing moves.
        control_token: what ``X-Sandbox-Token`` must hold on requests under ``/sandbox``.
        keys: the private keys.
        store: the data.
    """

    id: str
    clock: Callable[[], float]
    machine_clock: Callable[[], float]
    control_token: str
    keys: KeyRing
    store: Store

    def admit_control(self, request: Request) -> None:
        """Let a request to a control endpoint through.

        Raises:
            Problem: 401, it does not carry the control token.
        """
        sent = request.headers.get("x-sandbox-token", "")
        if not compare_digest(sent.encode(), self.control_token.encode()):
            raise authentication_failed()
