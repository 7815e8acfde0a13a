"""Asks a running sandbox over its control endpoints."""

import http.client
import json
from typing import Any

from sandbox.home import Home, Running
from sandbox.server import LOOPBACK


class NotRunningError(Exception):
    """There is no sandbox to ask."""


class RefusedError(Exception):
    """The sandbox refused; the message says why."""


def running(home: Home) -> Running:
    """The running sandbox.

    Raises:
        NotRunningError: there is none.
    """
    found = home.running()
    if found is None:
        raise NotRunningError(f"No sandbox runs from {home.directory}: start one with 'python -m sandbox start'.")
    return found


def ask(home: Home, port: int, method: str, path: str, body: Any = None) -> Any:
    """Send a request with the control token and return the answer.

    Raises:
        RefusedError: the sandbox says no.
        NotRunningError: nobody answers on the port.
    """
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=30)
    headers = {"X-Sandbox-Token": home.control_token, "content-type": "application/json"}
    try:
        connection.request(method, path, body=json.dumps(body or {}), headers=headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
    except OSError as error:
        raise NotRunningError(f"The sandbox on port {port} does not answer: {error}") from error
    finally:
        connection.close()
    if response.status >= 400:
        raise RefusedError(_why(answer))
    return answer


def _why(answer: Any) -> str:
    """The gateway answers with ``error``, Klaviyo with a list of ``errors``."""
    if "error" in answer:
        return str(answer["error"])
    return "; ".join(str(error.get("detail", error)) for error in answer.get("errors", []))
