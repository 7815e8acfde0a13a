"""``python -m sandbox.provider``: the plugin's process, as the Pulumi CLI starts it."""

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from sandbox.provider.beginnings import Beginnings
from sandbox.provider.servicer import AwsProvider

MESSAGE_LIMIT: Final = 400 * 1024 * 1024


def serve() -> None:
    """Serve the provider on a free loopback port, printed as the first line, until the engine ends it, or is gone.

    What is under way finishes. Only an engine that ends its provider in order has recorded all that it was told.
    """
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stopped.set())
    engine, beginnings = os.getppid(), Beginnings.of(os.environ)
    limits = [("grpc.max_send_message_length", MESSAGE_LIMIT), ("grpc.max_receive_message_length", MESSAGE_LIMIT)]
    server = grpc.server(ThreadPoolExecutor(max_workers=16), options=limits)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(AwsProvider(beginnings=beginnings), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    os.write(sys.stdout.fileno(), f"{port}\n".encode())

    while not stopped.wait(timeout=1) and os.getppid() == engine:
        pass
    server.stop(grace=30).wait()
    if stopped.is_set():
        beginnings.close()


if __name__ == "__main__":
    serve()
