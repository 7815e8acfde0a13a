"""One request to Klaviyo over the standard library's HTTP client.

Standard library only, since the rotator's bundle carries this module.
"""

import http.client
from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import urlsplit

REQUEST_TIMEOUT: Final = 10.0
"""Seconds that one call to Klaviyo may wait."""

BODY_LIMIT: Final = 1 << 20
"""Bytes of an answer that are read; what is asked for here is far smaller."""


class Transport(Protocol):
    """Sends one request and returns status, headers and body; follows no redirect; raises OSError on no answer."""

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], timeout: float, body: bytes | None = None
    ) -> tuple[int, Mapping[str, str], bytes]: ...


def send(
    method: str, url: str, headers: Mapping[str, str], timeout: float, body: bytes | None = None
) -> tuple[int, Mapping[str, str], bytes]:
    """The real transport: one request on a connection of its own, no redirect followed, no proxy.

    Args:
        method: the HTTP method.
        url: an http or https URL.
        headers: sent as they are.
        timeout: seconds for connecting and for each read.
        body: sent as it is, where there is one.

    Raises:
        OSError: no connection, a TLS failure, or a time-out.
        http.client.HTTPException: the answer is not HTTP.
    """
    parts = urlsplit(url)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(parts.netloc, timeout=timeout)
    try:
        connection.request(method, parts._replace(scheme="", netloc="").geturl(), body, dict(headers))
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read(BODY_LIMIT)
    finally:
        connection.close()
