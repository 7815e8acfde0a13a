"""A deployed function as ministack keeps it: its settings, and its code unzipped once."""

import hashlib
import io
import json
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.aws.backend import Backend
from sandbox.aws.calls import AwsError, Json
from sandbox.aws.http import Request


@dataclass(frozen=True, kw_only=True)
class Function:
    """What decides how a function runs; two that differ need processes of their own."""

    arn: str
    role: str
    handler: str
    runtime: str
    seconds: float
    memory: int
    variables: tuple[tuple[str, str], ...]
    code_sha256: str
    log_group: str

    @property
    def name(self) -> str:
        return self.arn.split(":")[6]

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]


class FunctionStore:
    """Reads functions from ministack.

    Args:
        backend: where they are deployed.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._unzipped = tempfile.TemporaryDirectory(prefix="sandbox-functions-")

    async def find(self, arn: str) -> tuple[Function, Path]:
        """A function and the folder with its code.

        Raises:
            AwsError: there is no such function, or it is of a kind that the sandbox does not run.
        """
        region = arn.split(":")[3]
        found = await self._backend.call("lambda", "GetFunction", {"FunctionName": arn}, region=region)
        configuration = found["Configuration"]
        _refuse_what_does_not_run(configuration)
        environment = configuration.get("Environment", {}).get("Variables", {})
        name = configuration["FunctionName"]
        function = Function(
            arn=configuration["FunctionArn"],
            role=configuration["Role"],
            handler=configuration["Handler"],
            runtime=configuration["Runtime"],
            seconds=float(configuration["Timeout"]),
            memory=configuration["MemorySize"],
            variables=tuple(sorted(environment.items())),
            code_sha256=configuration["CodeSha256"],
            log_group=configuration.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}",
        )
        return function, await self._code(function, found["Code"]["Location"])

    async def reserved_concurrency(self, function: Function) -> int | None:
        """How many may run at once; None where nothing is reserved."""
        found = await self._backend.call(
            "lambda", "GetFunctionConcurrency", {"FunctionName": function.name}, region=function.region
        )
        return found.get("ReservedConcurrentExecutions")

    async def retries(self, function: Function) -> int:
        """How often an asynchronous invocation is tried again."""
        try:
            found = await self._backend.call(
                "lambda", "GetFunctionEventInvokeConfig", {"FunctionName": function.name}, region=function.region
            )
        except AwsError as error:
            if error.code == "ResourceNotFoundException":
                return 2
            raise
        return int(found.get("MaximumRetryAttempts", 2))

    def close(self) -> None:
        """Remove the unzipped code."""
        self._unzipped.cleanup()

    async def _code(self, function: Function, location: str) -> Path:
        folder = Path(self._unzipped.name) / hashlib.sha256(function.code_sha256.encode()).hexdigest()
        if not folder.exists():
            path = urlsplit(location).path
            request = Request(method="GET", raw_path=path, query_string="", raw_headers=(), body=b"")
            bundle = (await self._backend.send(request)).body
            with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
                archive.extractall(folder)
        return folder


def _refuse_what_does_not_run(configuration: Json) -> None:
    reasons = {
        "container images": configuration.get("PackageType", "Zip") != "Zip",
        "layers": bool(configuration.get("Layers")),
        f"the runtime {configuration.get('Runtime')}": not str(configuration.get("Runtime")).startswith("python3."),
        "JSON log format": configuration.get("LoggingConfig", {}).get("LogFormat", "Text") != "Text",
    }
    for reason, applies in reasons.items():
        if applies:
            name = json.dumps(configuration["FunctionName"])
            raise AwsError("NotImplemented", f"The sandbox runs no functions with {reason}; {name} has it.", status=501)
