"""Every role rotates three times under load, old keys die at once, a rotator is killed: nobody sees but 2xx.

Four services call Klaviyo as fast as its quota allows, each a process of its own with the credentials of its IAM role.
What the test waits for is the quota of ``GET /api/accounts``, by which rotator and canary prove each key: one a second,
which is waited for, and 15 a minute, for which the sandbox's clock is moved.
"""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pytest

from klaviyo_access.access_model import AccessModel
from klaviyo_access.keys.secret import fingerprint
from sandbox import asking
from sandbox.home import Home
from tests.end_to_end.busy_service import IN_FLIGHT, SERVICES
from tests.end_to_end.deployed import PROJECT, Deployed, clean_environment
from tests.end_to_end.killing_proxy import KillingProxy

pytestmark = pytest.mark.end_to_end

ROTATIONS: Final = 3
SERVED: Final = tuple(role for roles in SERVICES.values() for role in roles)
GROUPS: Final = (SERVED[:4], (*SERVED[4:], "custodian"))
"""The roles that rotate at once: so few that their proofs, with those left over before, fit into a minute's quota."""
KILLED: Final = "event-tracker"
PATIENCE_SECONDS: Final = 120


@dataclass(frozen=True)
class World:
    """A deployed environment in which each role has a key, and spares for each rotation.

    Attributes:
        deployed: the environment.
        keys: fingerprints by role, in the order in which the keys come into use.
    """

    deployed: Deployed
    keys: Mapping[str, list[str]]

    def ask(self, port: str, method: str, path: str, body: object = None) -> Any:
        """Ask the sandbox itself, on the port of ``aws`` or ``klaviyo``."""
        home = Home(self.deployed.home)
        return asking.ask(home, getattr(asking.running(home).ports, port), method, path, body)

    def rotate(self, roles: Collection[str]) -> None:
        """Take the oldest spare of each into use, in another minute of Klaviyo's quota."""
        self.ask("aws", "POST", "/_sandbox/clock", {"seconds": 60})
        rotated = self.deployed.operate("keys", "rotate", *roles, "--yes")
        assert rotated.returncode == 0, rotated.stdout + rotated.stderr

    def statuses(self) -> dict[str, str]:
        """Klaviyo's list: the status of each key, by fingerprint."""
        return {key["fingerprint"]: key["status"] for key in self.ask("klaviyo", "GET", "/sandbox/keys")}

    def disable(self, keys: Collection[str]) -> None:
        """Do what a person does in the dashboard: Klaviyo answers 401 from then on."""
        for key in self.ask("klaviyo", "GET", "/sandbox/keys"):
            if key["fingerprint"] in keys:
                self.ask("klaviyo", "PATCH", f"/sandbox/keys/{key['id']}", {"status": "disabled"})

    def kill_rotator(self, role: str, killed: list[int]) -> None:
        """Kill the process in which the role's rotator runs."""
        warm = self.ask("aws", "GET", "/_sandbox/status")["functions"]
        killed += [function["pid"] for function in warm if function["name"] == f"klaviyo-local-{role}-rotator"]
        os.kill(killed[0], signal.SIGKILL)

    def wire_to_secrets(self, role: str, endpoint: str) -> None:
        """Let the role's rotator reach Secrets Manager by ``endpoint``."""
        client = self.deployed.client("lambda", self.deployed.signed_in("deployer"))
        name = f"klaviyo-local-{role}-rotator"
        variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        variables["AWS_ENDPOINT_URL_SECRETS_MANAGER"] = endpoint
        client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})

    def log_of_rotator(self, role: str) -> str:
        """What the role's rotator has logged."""
        logs = self.deployed.client("logs", self.deployed.signed_in("deployer"))
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/klaviyo-local-{role}-rotator"
        )
        return "\n".join(event["message"] for page in pages for event in page["events"])


class Callers:
    """The services' processes, and what they tell. A context manager.

    Attributes:
        answered: by role, how many calls ended.
        rejected: by role, how many answers on the wire were 401.
        failures: what callers were given other than 2xx.
    """

    def __init__(self, environs: Mapping[str, Mapping[str, str]]) -> None:
        self._changed = threading.Condition()
        self.answered: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.failures: list[str] = []
        self._processes = [self._start(service, environ) for service, environ in environs.items()]
        self._readers = [threading.Thread(target=self._read, args=[process]) for process in self._processes]

    def __enter__(self) -> "Callers":
        for reader in self._readers:
            reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            assert process.stdin
            process.stdin.close()
        for process, reader in zip(self._processes, self._readers, strict=True):
            reader.join()
            assert process.stdout
            process.stdout.close()
            assert process.wait(timeout=60) == 0

    def wait_for_a_round(self, roles: Collection[str]) -> None:
        """Until each of these roles was used in a call that began after this one."""
        with self._changed:
            goal = {role: self.answered[role] + IN_FLIGHT + 1 for role in roles}
            done = self._changed.wait_for(
                lambda: all(self.answered[role] >= wanted for role, wanted in goal.items()), timeout=PATIENCE_SECONDS
            )
        assert done, f"a service is stuck: {self.answered}, wanted: {goal}"

    def _start(self, service: str, environ: Mapping[str, str]) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.end_to_end.busy_service", service]
        return subprocess.Popen(
            command, cwd=PROJECT, env=dict(environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        for line in process.stdout:
            role, what, *rest = line.split(maxsplit=2)
            with self._changed:
                if what == "rejected":
                    self.rejected[role] += 1
                else:
                    self.answered[role] += 1
                    if what != "answered" or not rest[0].startswith("2"):
                        self.failures.append(line)
                self._changed.notify_all()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("loaded") / "home"
    deployed = Deployed(home, clean_environment(home), "")
    roles = AccessModel.load(PROJECT / "access.yaml").in_environment("local").roles
    assert set(roles) == {role for group in GROUPS for role in group}
    try:
        started = deployed.run("-m", "sandbox", "start", "--port", "0", "--klaviyo-port", "0")
        assert started.returncode == 0, started.stdout + started.stderr
        done = deployed.run("-m", "sandbox.engine", "up", "--stack", "local", environ=deployed.signed_in("deployer"))
        assert done.returncode == 0, done.stdout + done.stderr
        made = World(deployed, {role: [] for role in roles})
        lines = ""
        for name, role in roles.items():
            asked = {"name": name, "scopes": list(role.scopes)}
            for _ in range(1 + ROTATIONS):
                key = made.ask("klaviyo", "POST", "/sandbox/keys", asked)["key"]
                made.keys[name].append(fingerprint(key))
                lines += f"{name} {key}\n"
        staged = deployed.operate("keys", "stage", "--all", stdin=lines)
        assert staged.returncode == 0, staged.stdout + staged.stderr
        for group in GROUPS:
            made.rotate(group)
        yield made
    finally:
        deployed.run("-m", "sandbox", "stop")


def rotate_under(callers: Callers, world: World, before: Callable[[int], None]) -> None:
    """Rotate every role, again and again; each superseded key is disabled, and its callers are let run into it."""
    for rotation in range(ROTATIONS):
        before(rotation)
        for group in GROUPS:
            world.rotate(group)
            world.disable({world.keys[role][rotation] for role in group})
            callers.wait_for_a_round([role for role in group if role in SERVED])


def test_callers_are_answered_2xx_alone_while_every_role_rotates_and_a_rotator_is_killed(
    world: World, record_property: Callable[[str, object], None]
) -> None:
    deployed, killed = world.deployed, list[int]()
    with ExitStack() as stack:
        wire = stack.enter_context(
            KillingProxy(
                deployed.signed_in("deployer")["AWS_ENDPOINT_URL"],
                number=1,
                among=b"secretsmanager.PutSecretValue",
                moment="answered",
                kill=partial(world.kill_rotator, KILLED, killed),
            )
        )
        callers = stack.enter_context(
            Callers({name: {**deployed.environ, **deployed.as_service(name)} for name in SERVICES})
        )
        callers.wait_for_a_round(SERVED)

        def before(rotation: int) -> None:
            if rotation == ROTATIONS // 2:
                world.wire_to_secrets(KILLED, wire.endpoint)

        rotate_under(callers, world, before)
    record_property(
        "rotation under load",
        f"{callers.answered.total()} calls by {len(SERVICES)} services, {ROTATIONS * len(world.keys)} rotations, "
        f"{len(killed)} rotator killed, {callers.rejected.total()} answers of 401 on the wire, "
        f"{len(callers.failures)} answers other than 2xx seen by a caller",
    )
    assert callers.failures == []
    assert {role for role in SERVED if callers.rejected[role] >= ROTATIONS} == set(SERVED)
    assert len(killed) == 1
    assert '"outcome": "already created"' in world.log_of_rotator(KILLED)
    in_use = {role: status["current"]["fingerprint"] for role, status in deployed.statuses().items()}
    assert in_use == {role: keys[-1] for role, keys in world.keys.items()}
    assert {key for key, status in world.statuses().items() if status == "active"} == set(in_use.values())
