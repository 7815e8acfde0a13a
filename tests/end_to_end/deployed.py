"""A whole environment, deployed by the tour on a sandbox of its own, and the commands to use it with."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

PROJECT = Path(__file__).parents[2]
RETIRED_AT_MOST = 2


@dataclass(frozen=True)
class Deployed:
    """A deployed environment.

    Attributes:
        home: folder of its sandbox.
        environ: environment of commands, without credentials.
        said: what the tour that deployed it printed.
    """

    home: Path
    environ: Mapping[str, str]
    said: str

    def run(
        self, *arguments: str, environ: Mapping[str, str] | None = None, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run ``python`` with ``arguments`` in the checkout, never on a terminal."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=PROJECT,
            env={**self.environ, **(environ or {})},
            input=stdin or "",
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def operate(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run ``klaviyo-access`` as an operator."""
        return self.run(
            "-m", "klaviyo_access", *arguments, "--stack", "local", environ=self.signed_in("operator"), stdin=stdin
        )

    def done(self, *arguments: str, stdin: str | None = None) -> str:
        """What ``klaviyo-access`` prints to an operator; fails with all that it said unless it ended well."""
        ended = self.operate(*arguments, stdin=stdin)
        assert ended.returncode == 0, f"{arguments}: {ended.stdout}{ended.stderr}"
        return ended.stdout

    def signed_in(self, who: str) -> dict[str, str]:
        """The environment of a person who signs in to the sandbox."""
        environ: dict[str, str] = json.loads(self.run("-m", "sandbox", "env", "--json", "--as", who).stdout)
        return environ

    def as_service(self, service: str) -> dict[str, str]:
        """The environment of a service, as its platform hands it over."""
        text = self.run("-m", "sandbox", "credentials", "--json", "--service", service).stdout
        environ: dict[str, str] = json.loads(text)
        return environ

    def client(self, service: str, environ: Mapping[str, str]) -> Any:
        """A boto3 client with the credentials of ``environ``, which waits as long as a function may run."""
        return boto3.client(
            service,
            config=Config(read_timeout=330, retries={"total_max_attempts": 8, "mode": "standard"}),
            endpoint_url=environ["AWS_ENDPOINT_URL"],
            region_name=environ["AWS_REGION"],
            aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=environ["AWS_SESSION_TOKEN"],
        )

    def new_key(self, scopes: str) -> str:
        """A key out of the sandbox's dashboard."""
        return self.run("-m", "sandbox", "klaviyo-key", "--scopes", scopes).stdout.strip()

    def use_up_spares(self, role: str) -> None:
        """Rotate a role's spares away, and leave room among AWS's 20 labels, of which what is superseded keeps two."""
        while True:
            row = self.status(role)
            for key in row["retired"][RETIRED_AT_MOST:]:
                self.done("keys", "retire", role, key["fingerprint"], "--yes", "--timeout", "0")
            if not row["spares"]:
                return
            self.done("keys", "rotate", role, "--yes")

    def statuses(self) -> dict[str, dict[str, Any]]:
        """What `keys status --json` says of each role."""
        return {row["role"]: row for row in json.loads(self.operate("keys", "status", "--json").stdout)["roles"]}

    def status(self, role: str) -> dict[str, Any]:
        """What `keys status --json` says of one role."""
        return self.statuses()[role]


def clean_environment(home: Path) -> dict[str, str]:
    """A caller's environment without credentials, endpoints and a Pulumi CLI."""
    folders = [folder for folder in os.environ["PATH"].split(os.pathsep) if not Path(folder, "pulumi").exists()]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KLAVIYO_", "PULUMI_"))}
    return kept | {"PATH": os.pathsep.join(folders), "SANDBOX_HOME": str(home), "COLUMNS": "200"}
