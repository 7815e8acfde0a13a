"""What runs inside a function's process: imports the handler, then answers one event after the other.

Started as a script with a file descriptor, and the seconds by which its clock is ahead. It speaks lines of JSON on the
one, while stdout and stderr are the function's log. Standard library only.
"""

import importlib
import json
import logging
import os
import runpy
import socket
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

Json = dict[str, Any]
Handler = Callable[[Any, "Context"], Any]


class Context:
    """The context object of AWS's Python runtime, as far as it makes sense on one machine."""

    def __init__(self, message: Json) -> None:
        self.aws_request_id: str = message["requestId"]
        self.invoked_function_arn: str = message["arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._deadline = time.monotonic() + message["timeout"]

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is stopped."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def main(descriptor: int) -> None:
    """Serve events from the socket with this descriptor until it is closed."""
    logging.basicConfig(stream=sys.stdout, format="[%(levelname)s]\t%(message)s")
    with socket.socket(fileno=descriptor).makefile("rw", encoding="utf-8") as channel:
        try:
            handler = _load(os.environ["_HANDLER"])
        except Exception as error:  # noqa: BLE001 - whatever breaks in a function's import is its answer
            traceback.print_exc()
            kind = "Runtime.ImportModuleError" if isinstance(error, ImportError) else type(error).__name__
            _send(channel, {"failed": {"errorMessage": f"Unable to import the handler: {error}", "errorType": kind}})
            return
        _send(channel, {"ready": True})
        for line in channel:
            message = json.loads(line)
            _send(channel, {"taken": True})
            answer = _answer(handler, message)
            sys.stderr.flush()
            print(f"END RequestId: {message['requestId']}", flush=True)  # noqa: T201 - the log's line, as Lambda writes it
            _send(channel, answer)


def _move_clock(offset: float) -> None:
    """See ``sandbox.shifted_time``, which a script can load only by its path."""
    if offset:
        moving = runpy.run_path(str(Path(__file__).parents[2] / "shifted_time.py"))
        moving["move_process"](lambda: offset)


def _load(name: str) -> Handler:
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    module, _, attribute = name.rpartition(".")
    handler: Handler = getattr(importlib.import_module(module.replace("/", ".")), attribute)
    return handler


def _answer(handler: Handler, message: Json) -> Json:
    try:
        return {"payload": json.dumps(handler(message["event"], Context(message)))}
    except Exception as error:  # noqa: BLE001 - a handler's error is the function's answer
        traceback.print_exc()
        return {
            "failed": {
                "errorMessage": str(error),
                "errorType": type(error).__name__,
                "requestId": message["requestId"],
                "stackTrace": traceback.format_tb(error.__traceback__),
            }
        }


def _send(channel: TextIO, message: Json) -> None:
    channel.write(json.dumps(message) + "\n")
    channel.flush()


if __name__ == "__main__":
    _move_clock(float(sys.argv[2]))
    main(int(sys.argv[1]))
