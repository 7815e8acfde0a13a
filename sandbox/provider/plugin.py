"""Where the Pulumi CLI finds the local provider, and the process that serves it."""

import os
import shlex
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Final

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

VERSION: Final = "7.51.1"
"""The version of pulumi-aws that this stands in for: the CLI looks for exactly this plugin."""

MESSAGE_LIMIT: Final = 400 * 1024 * 1024


def install(pulumi_home: Path) -> Path:
    """Write the plugin that a Pulumi CLI with ``PULUMI_HOME=pulumi_home`` starts; return its path."""
    folder = pulumi_home / "plugins" / f"resource-aws-v{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "pulumi-resource-aws"
    checkout = Path(__file__).resolve().parents[2]
    python_path = f"{shlex.quote(str(checkout))}${{PYTHONPATH:+:$PYTHONPATH}}"
    command = f"PYTHONPATH={python_path} exec {shlex.quote(sys.executable)} -m sandbox.provider"
    script.write_text(f'#!/bin/sh\n{command} "$@"\n')
    script.chmod(0o755)
    return script


def serve() -> None:
    """Serve the provider on a free loopback port, printed as the first line, until the engine ends the process."""
    from sandbox.provider.servicer import AwsProvider  # noqa: PLC0415 -- boto3 only where it is needed

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
