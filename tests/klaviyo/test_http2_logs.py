"""HTTP/2's layers log headers as they encode them; not those that carry the key."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived

from klaviyo_access.keys.secret import Key
from klaviyo_access.klaviyo import KlaviyoAuth
from tests.klaviyo.klaviyo_server import Keys

KEY = Key("pk_" + "5a" * 17)


@contextmanager
def http2_server() -> Iterator[tuple[str, list[str]]]:
    """Answers 204 to one connection's requests over HTTP/2; gives its URL and the keys it was sent."""
    seen: list[str] = []

    def serve() -> None:
        connection, _ = listener.accept()
        protocol = H2Connection(H2Configuration(client_side=False))
        protocol.initiate_connection()
        with connection:
            connection.sendall(protocol.data_to_send())
            while received := connection.recv(65_536):
                for event in protocol.receive_data(received):
                    if isinstance(event, RequestReceived):
                        seen.append(dict(event.headers)[b"authorization"].decode())
                        protocol.send_headers(event.stream_id, [(":status", "204")], end_stream=True)
                connection.sendall(protocol.data_to_send())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", seen
        thread.join(30)


def test_no_log_line_of_http2_holds_headers_with_the_key(caplog: pytest.LogCaptureFixture) -> None:
    with http2_server() as (url, seen):
        auth = KlaviyoAuth(Keys(url, [KEY]).store())
        with caplog.at_level(logging.DEBUG), httpx.Client(auth=auth, base_url=url, http1=False, http2=True) as client:
            assert client.get("/api/lists").status_code == 204
            assert client.get("/api/lists").http_version == "HTTP/2"
    assert seen == [f"Klaviyo-API-Key {KEY.reveal()}"] * 2
    assert [record for record in caplog.records if record.name == "hpack.hpack"] == []
    assert KEY.reveal() not in caplog.text
    assert any(record.name.startswith("httpcore") for record in caplog.records)
