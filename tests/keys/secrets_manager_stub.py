"""Secrets Manager over real HTTP on a loopback port, or an agent in front of it: answers as it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "pk_" + "ab" * 17
OTHER_KEY = "pk_" + "cd" * 17
READER = "arn:aws:sts::111122223333:assumed-role/reader/i-1"


def value(key: str = KEY, role: str = "viewer") -> str:
    """A secret's value as the rotator writes it."""
    return json.dumps({"apiKey": key, "role": role, "scopes": ["lists:read"]})


def current(key: str = KEY) -> "Answer":
    """An answer that holds the key."""
    return Answer({"VersionId": "v1", "SecretString": value(key), "VersionStages": ["AWSCURRENT"]})


def refused(code: str, message: str, status: int = 400) -> "Answer":
    """An answer of AWS that refuses, or fails."""
    return Answer({"__type": f"com.amazonaws.secretsmanager#{code}", "message": message}, status)


@dataclass(frozen=True)
class Answer:
    """A document and its status; ``breaks_off`` closes the connection before the last byte."""

    document: Any
    status: int = 200
    breaks_off: bool = False


@dataclass
class SecretsManagerStub:
    """Gives ``answers`` one after the other, the last one for good, and keeps what it was asked."""

    url: str
    answers: list[Answer] = field(default_factory=lambda: [current()])
    requests: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)

    def next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def secrets_manager() -> Iterator[SecretsManagerStub]:
    """Run the stub."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def do_GET(self) -> None:
            self.answer(self.path)

        def answer(self, asked: Any) -> None:
            stub.requests.append(({k.lower(): v for k, v in self.headers.items()}, asked))
            stub.connections.add(self.client_address)
            answer = stub.next()
            body = json.dumps(answer.document).encode()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(body) + answer.breaks_off))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = self.close_connection or answer.breaks_off

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub = SecretsManagerStub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield stub
    server.shutdown()
    server.server_close()
    thread.join()
