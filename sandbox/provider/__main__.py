"""``python -m sandbox.provider``: the plugin's process, as the Pulumi CLI starts it."""

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Final

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from sandbox.provider.servicer import AwsProvider

MESSAGE_LIMIT: Final = 400 * 1024 * 1024


def serve() -> None:
    """Serve the provider on a free loopback port, printed as the first line, until the engine ends the process."""
    limits = [("grpc.max_send_message_length", MESSAGE_LIMIT), ("grpc.max_receive_message_length", MESSAGE_LIMIT)]
    server = grpc.server(ThreadPoolExecutor(max_workers=16), options=limits)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(AwsProvider(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    os.write(sys.stdout.fileno(), f"{port}\n".encode())

    def stop(_signal: int, _frame: FrameType | None) -> None:
        server.stop(grace=1)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server.wait_for_termination()


if __name__ == "__main__":
    serve()
