"""The tour's steps: everything an environment does, for real, on this machine, one command after the other.

A step that is done already changes nothing.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.exceptions import ClientError
from rich.console import Console

from klaviyo_access.access_model import AccessModel, EnvironmentAccess
from klaviyo_access.cli.keys.advice import LEAST_SPARES
from sandbox.tour.commands import Commands
from sandbox.tour.report import IntruderRead, Report, ServiceCall
from sandbox.tour.visits import APPS, Visited, Visitors

STACK: Final = "local"
KEYS: Final = 1 + LEAST_SPARES  # one to use, and the spares that the daily audit asks for
QUIETLY: Final = ("--yes", "--skip-preview", "--suppress-outputs")
EXAMPLES: Final = {
    "profile-sync": "examples/profile_sync.py",
    "event-tracker": "examples/event_tracker.py",
    "reporting": "examples/reporting.py",
}


class WrongToolError(Exception):
    """The stack was deployed by a Pulumi CLI that is not there any more."""

    def __init__(self) -> None:
        super().__init__(
            "This sandbox's stack was deployed by the Pulumi CLI, which is not on PATH any more, and nothing else sees "
            "its state. Put it on PATH again; or remove all: .venv/bin/python -m sandbox stop, then rm -r .sandbox"
        )


@dataclass(frozen=True, kw_only=True)
class Tour:
    """The steps, in a checkout.

    Attributes:
        commands: runs the steps' commands in the checkout.
        console: where progress is shown.
    """

    commands: Commands
    console: Console

    def up(self) -> Report:
        """Start, deploy, stage, rotate, let every service call Klaviyo, let an intruder try; returns what was seen."""
        self.commands.run("python", "-m", "sandbox", "start")
        deployer = self._sandbox_environment()
        self.deploy(deployer)
        operator = self._sandbox_environment("--as", "operator")
        access = AccessModel.load(self.commands.project / "access.yaml").in_environment(STACK)
        self._first_keys(access, operator)
        calls = self._let_services_call()
        visits = self._let_people_visit()
        reads = self._let_intruder_read(access)
        return Report(
            roles=tuple(access.roles.values()),
            keys=self._status(operator),
            calls=calls,
            visits=visits,
            reads=reads,
            events=self._key_reads(deployer),
        )

    def down(self) -> None:
        """Destroy the stack and stop the sandbox, leaving nothing behind."""
        if not self._home.exists():
            self.console.print("Nothing to remove.")
            return
        if self.commands.succeeds("python", "-m", "sandbox", "status"):
            deployer = self._sandbox_environment()
            if self._deploys_with_cli():
                self.commands.succeeds("pulumi", "cancel", "--stack", STACK, "--yes", environ=deployer)
                self.commands.run("pulumi", "destroy", "--stack", STACK, *QUIETLY, environ=deployer)
            else:
                self.commands.run("python", "-m", "sandbox.engine", "destroy", "--stack", STACK, environ=deployer)
            self.commands.run("python", "-m", "sandbox", "stop")
        shutil.rmtree(self._home, ignore_errors=True)

    @property
    def _home(self) -> Path:
        return self.commands.project / self.commands.environ.get("SANDBOX_HOME", ".sandbox")

    def deploy(self, environ: Mapping[str, str]) -> None:
        """Deploy the stack: with the Pulumi CLI where it is on PATH, else with the sandbox's engine."""
        if self._deploys_with_cli():
            self.commands.run("pulumi", "stack", "select", STACK, "--create", environ=environ)
            self.commands.run("pulumi", "up", "--stack", STACK, *QUIETLY, environ=environ)
        else:
            self.commands.run("python", "-m", "sandbox.engine", "up", "--stack", STACK, environ=environ)

    def _deploys_with_cli(self) -> bool:
        """Whether the Pulumi CLI deploys; a stack stays with what deployed it, since neither sees the other's state.

        Raises:
            WrongToolError: the CLI deployed the stack, and is not on PATH any more.
        """
        if (self._home / "state" / f"{STACK}.json").exists():
            return False
        found = shutil.which("pulumi", path=self.commands.environ.get("PATH")) is not None
        if not found and (self._home / "state" / ".pulumi" / "stacks").exists():
            raise WrongToolError
        return found

    def _first_keys(self, access: EnvironmentAccess, operator: Mapping[str, str]) -> None:
        """Stage what the dashboard of the sandbox's Klaviyo gives out, for each role that has no key, and rotate."""
        without = [role for role, key in self._status(operator).items() if key["current"] is None]
        if not without:
            self.console.print("Every role has its key already.")
            return
        with ThreadPoolExecutor(max_workers=2) as pool:
            made = pool.map(lambda role: self._make_keys(role, access.roles[role].scopes), without)
        lines = "".join(f"{role} {key}\n" for role, keys in zip(without, made, strict=True) for key in keys)
        stage = ("klaviyo-access", "keys", "stage", "--all", "--stack", STACK)
        self.commands.run(*stage, environ=operator, stdin=lines)
        self.commands.run("klaviyo-access", "keys", "rotate", *without, "--yes", "--stack", STACK, environ=operator)

    def _make_keys(self, role: str, scopes: Sequence[str]) -> list[str]:
        options = ("--name", f"{role} ({STACK})", "--scopes", ",".join(scopes), "--count", str(KEYS))
        return self.commands.output("python", "-m", "sandbox", "klaviyo-key", *options).split()

    def _let_services_call(self) -> tuple[ServiceCall, ...]:
        self.console.print("\n[bold]Every service calls Klaviyo[/bold], each as its own IAM role")
        with ThreadPoolExecutor(max_workers=2) as pool:
            calls = pool.map(self._let_service_call, EXAMPLES)
        return tuple(call for of_service in calls for call in of_service)

    def _let_service_call(self, service: str) -> list[ServiceCall]:
        environ = self._of_service(service)
        lines = self.commands.output("python", EXAMPLES[service], environ=environ).splitlines()
        return [ServiceCall(service, *line.split("\t")) for line in lines]

    def _let_people_visit(self) -> tuple[Visited, ...]:
        self.console.print("[bold]People use the services[/bold], each person in the role that was given to them")
        document = self.commands.output("klaviyo-access", "permissions", "--stack", STACK, "--json")
        visitors = Visitors(commands=self.commands, home=self._home)
        visitors.permissions.write_text(document, "utf-8")
        with ThreadPoolExecutor(max_workers=2) as pool:
            visits = pool.map(lambda service: list(visitors.visit(service, self._of_service(service))), APPS)
        return tuple(visited for of_service in visits for visited in of_service)

    def _let_intruder_read(self, access: EnvironmentAccess) -> tuple[IntruderRead, ...]:
        self.console.print(
            "[bold]An administrator who is no reader, and a service of another role, try every key[/bold]"
        )
        who = {
            "sandbox/intruder, an administrator": self._sandbox_environment("--as", "intruder"),
            "event-tracker": self._of_service("event-tracker"),
        }
        attempts = [
            (name, role) for name in who for role in access.roles if (name, role) != ("event-tracker", "event-tracker")
        ]
        return tuple(
            IntruderRead(name, role, self._read(f"klaviyo/{STACK}/{role}/key", who[name])) for name, role in attempts
        )

    def _read(self, secret: str, environ: Mapping[str, str]) -> str:
        """What Secrets Manager answers to a read: `allowed`, or the code of its refusal. The value is dropped here."""
        try:
            aws_client("secretsmanager", environ).get_secret_value(SecretId=secret)
        except ClientError as refusal:
            return refusal.response["Error"]["Code"]
        return "allowed"

    def _key_reads(self, environ: Mapping[str, str]) -> list[dict[str, Any]]:
        """The trail's records of reads of keys."""
        pages = (
            aws_client("cloudtrail", environ)
            .get_paginator("lookup_events")
            .paginate(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "GetSecretValue"}])
        )
        return [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]

    def _status(self, operator: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        text = self.commands.output("klaviyo-access", "keys", "status", "--json", "--stack", STACK, environ=operator)
        return {role["role"]: role for role in json.loads(text)["roles"]}

    def _sandbox_environment(self, *options: str) -> dict[str, str]:
        environ: dict[str, str] = json.loads(self.commands.output("python", "-m", "sandbox", "env", "--json", *options))
        return environ

    def _of_service(self, service: str) -> dict[str, str]:
        """The environment of a service, as its platform hands it over."""
        text = self.commands.output("python", "-m", "sandbox", "credentials", "--json", "--service", service)
        environ: dict[str, str] = json.loads(text)
        return environ


def aws_client(service: str, environ: Mapping[str, str]) -> Any:
    """A boto3 client with what `python -m sandbox credentials` hands out."""
    return boto3.client(
        service,
        endpoint_url=environ["AWS_ENDPOINT_URL"],
        region_name=environ["AWS_REGION"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environ["AWS_SESSION_TOKEN"],
    )
