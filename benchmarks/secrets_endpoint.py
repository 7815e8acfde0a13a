"""Secrets Manager and its agent on a loopback port: one secret, counted requests, and a hang when asked for."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch
from uuid import uuid4

ROLE = "event-tracker"
SECRET_ID = f"klaviyo/bench/{ROLE}/key"


def some_key() -> str:
    """A private key of the right form, put together here so that no scanner trips over it."""
    return "pk_" + "ab" * 17


@dataclass
class SecretsEndpoint:
    """What the endpoint holds and saw.

    Attributes:
        url: where it listens.
        key: the key that is current.
        version: the version that holds it.
        klaviyo_url: the endpoint that the key is for.
        reads: how often the value was asked for.
        open: requests are answered while it is set.
        waiting: set as soon as a request waits.
    """

    url: str
    key: str = field(default_factory=some_key)
    version: str = field(default_factory=lambda: str(uuid4()))
    klaviyo_url: str = "https://a.klaviyo.com"
    reads: int = 0
    open: threading.Event = field(default_factory=threading.Event)
    waiting: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def rotate(self, key: str) -> None:
        """Make another key current."""
        self.key, self.version = key, str(uuid4())

    def variables(self) -> dict[str, str]:
        """The environment of a service that reads the secret from here, by AWS's API or by the agent's."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_TOKEN": "bench",
            "KLAVIYO_ACCESS_ROLE": ROLE,
            "KLAVIYO_ACCESS_ENVIRONMENT": "bench",
            "KLAVIYO_ACCESS_AGENT_URL": self.url,
        }

    def answer(self, operation: str) -> dict[str, Any]:
        """Answer one request, as soon as the endpoint is open."""
        if not self.open.is_set():
            self.waiting.set()
            self.open.wait()
        if operation == "DescribeSecret":
            return {"Name": SECRET_ID, "VersionIdsToStages": {self.version: ["AWSCURRENT"]}}
        with self._lock:
            self.reads += 1
        value = {"apiKey": self.key, "endpoint": self.klaviyo_url, "role": ROLE, "scopes": ["lists:read"]}
        return {
            "ARN": f"arn:aws:secretsmanager:us-east-1:000000000000:secret:{SECRET_ID}-AbCdEf",
            "Name": SECRET_ID,
            "VersionId": self.version,
            "SecretString": json.dumps(value),
            "VersionStages": ["AWSCURRENT"],
            "CreatedDate": 1_767_603_600,
        }


@contextmanager
def secrets_endpoint() -> Iterator[SecretsEndpoint]:
    """Run the endpoint, with the variables of a service that reads from it set in this process."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._send(endpoint.answer(self.headers["X-Amz-Target"].rpartition(".")[2]))

        def do_GET(self) -> None:
            self._send(endpoint.answer("GetSecretValue"))

        def _send(self, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            with suppress(ConnectionError):  # whoever asked has given up
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        endpoint = SecretsEndpoint(f"http://127.0.0.1:{server.server_port}")
        endpoint.open.set()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            with patch.dict(os.environ, endpoint.variables()):
                yield endpoint
        finally:
            endpoint.open.set()
            server.shutdown()
            thread.join()
