"""One GET to a server on this machine, in HTTP/1.0: the answer ends where the connection does.

``http.client`` would import TLS and e-mail parsing for it, which takes longer than all else that a process does until
it has its key from an agent.
"""

import socket
from collections.abc import Mapping
from urllib.parse import urlsplit


def get(url: str, *, headers: Mapping[str, str], timeout: float) -> tuple[int, bytes]:
    """Send a GET and read the answer.

    Args:
        url: http, on this machine, its path and query already quoted.
        headers: names and values; both must be printable ASCII.
        timeout: seconds to wait for the connection, and then for each part of the answer.

    Returns:
        The status and the body.

    Raises:
        OSError: no connection, no complete answer in time, or a header that is no header. It holds no part of either.
    """
    parts = urlsplit(url)
    lines = [f"GET {parts.path}?{parts.query} HTTP/1.0", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if not all(line.isascii() and line.isprintable() for line in lines):
        raise OSError("a header holds a character that none may hold")
    with socket.create_connection((parts.hostname, parts.port or 80), timeout) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    found = _read(answer)
    del answer  # what is raised now shows no part of it
    if found is None:
        raise OSError("the answer is no HTTP, or broke off")
    return found


def _read(answer: bytes) -> tuple[int, bytes] | None:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    version, _, code = status.partition(b" ")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    length = fields.get(b"content-length", b"")
    if not (version.startswith(b"HTTP/1.") and code[:3].isdigit()):
        return None
    return None if length.isdigit() and int(length) != len(body) else (int(code[:3]), body)
