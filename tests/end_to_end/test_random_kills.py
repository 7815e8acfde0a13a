"""Sandbox, engine or provider killed at random moments of ``up``: the next one ends as if nothing had happened.

The provider is part of the embedded engine's process and dies with it; under the real CLI it is a process of its own.
The seed is in the names of the tests; ``KILLS_SEED`` sets it.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal
from zlib import crc32

import pytest

from benchmarks.sized_project import CHECKOUT, PROGRAM, write_project
from tests.end_to_end.deployment_snapshot import Snapshot, differences, in_aws, in_state
from tests.end_to_end.killing_proxy import KillingProxy, Moment
from tests.sandbox.ended_sandbox import Process
from tests.sandbox.engine_drivers import NO_CLI, Cli, Driver, Embedded, Place

pytestmark = pytest.mark.end_to_end

Victim = Literal["sandbox", "engine", "provider"]
MOMENTS: Final[tuple[Moment, ...]] = ("asked", "answered")
ROLES: Final = 2
# Workers of one run must draw alike; what they share is the id that pytest-xdist gives the run.
RUN: Final = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(random.SystemRandom().random())
SEED: Final = int(os.environ.get("KILLS_SEED", crc32(RUN.encode()) % 10**6))


@dataclass(frozen=True, kw_only=True)
class Kill:
    """Who dies, and when: at which part of the calls of an undisturbed run, before or after AWS has answered."""

    victim: Victim
    part: float
    moment: Moment

    def __str__(self) -> str:
        return f"{self.victim}-{self.moment}-{self.part:.3f}"


def kills(victims: tuple[Victim, ...], *, number: int) -> list[Any]:
    draw = random.Random(f"{SEED} {victims}")  # noqa: S311 - moments, no secrets
    drawn = [
        Kill(
            victim=victims[index % len(victims)],
            part=draw.uniform(0, 0.95),
            moment=draw.choice(MOMENTS),
        )
        for index in range(number)
    ]
    return [pytest.param(kill, id=f"seed{SEED}-{index}-{kill}") for index, kill in enumerate(drawn, start=1)]


class World:
    """A sandbox of its own, a project of few roles, and its deployments by one driver."""

    def __init__(self, directory: Path, program: Path, driver: Driver) -> None:
        self._driver = driver
        self._sandbox = Process(directory / "home")
        self._sandbox.start()
        write_project(directory / "project", roles=ROLES, program=program)
        (directory / "project" / ".venv").symlink_to(sys.prefix)
        self._place = Place(directory / "project", "klaviyo-access", self._environ())

    def _environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PULUMI_"))}
        theirs: dict[str, str] = json.loads(self._sandbox.run("env", "--json").stdout)
        return kept | theirs

    def up_until(self, kill: Kill | None, *, calls: int = 0) -> int:
        """Run ``up``, kill at the call where ``calls`` are all; returns how many calls there were."""
        number = 1 + int(kill.part * calls) if kill else 0
        pids: list[int] = []

        def strike() -> None:
            assert kill is not None
            self._strike(kill.victim, pids[0])

        moment = kill.moment if kill else "asked"
        with KillingProxy(self._sandbox.endpoint, number=number, moment=moment, kill=strike) as wire:
            place = replace(self._place, environ={**self._place.environ, "AWS_ENDPOINT_URL": wire.endpoint})
            process = self._driver.start(place, "up")
            pids.append(process.pid)
            out, err = process.communicate(timeout=240)
        assert (process.returncode == 0) is (kill is None), out + err
        return wire.calls

    def _strike(self, victim: Victim, pid: int) -> None:
        if victim == "sandbox":
            self._sandbox.end(signal.SIGKILL)
        elif victim == "engine":
            os.killpg(pid, signal.SIGKILL)
        else:
            look = ["pgrep", "-P", str(pid), "-f", "sandbox.provider"]
            found = subprocess.run(look, capture_output=True, check=True)
            os.kill(int(found.stdout.split()[0]), signal.SIGKILL)

    def up_again(self) -> None:
        if self._sandbox.home.running() is None:
            self._sandbox.start()
        bring_record_back(self._sandbox.home.state)
        with suppress(subprocess.CalledProcessError):  # a run that was killed before it took the lock left none
            self._driver.unlock(self._place)
        told = self._driver.run(self._place, "up")
        assert told.code == 0, told.failures

    def snapshot(self) -> Snapshot:
        return {**in_state(self._sandbox.home.state), **in_aws(self._sandbox.client)}

    def close(self) -> None:
        self._sandbox.run("stop")


def bring_record_back(folder: Path) -> None:
    """Do what a person does where the CLI was killed while it wrote its file, which leaves an empty one and a copy."""
    for file in folder.glob(".pulumi/stacks/*/local.json"):
        if not file.stat().st_size:
            shutil.copy(file.with_name(f"{file.name}.bak"), file)


@dataclass(frozen=True)
class Undisturbed:
    program: Path
    calls: int
    snapshot: Snapshot


def undisturbed(directory: Path, driver: Driver) -> Undisturbed:
    program = directory / "program"
    program.mkdir()
    for name in PROGRAM:  # a copy, which nobody changes while the kills go on
        copy = shutil.copytree if (CHECKOUT / name).is_dir() else shutil.copy
        copy(CHECKOUT / name, program / name)
    world = World(directory, program, driver)
    try:
        calls = world.up_until(None)
        world.up_again()
        return Undisturbed(program, calls, world.snapshot())
    finally:
        world.close()


@pytest.fixture(scope="module")
def by_engine(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return undisturbed(tmp_path_factory.mktemp("undisturbed"), Embedded())


@pytest.fixture(scope="module")
def by_cli(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return undisturbed(tmp_path_factory.mktemp("undisturbed-cli"), Cli())


def end_as_if_nothing_had_happened(kill: Kill, directory: Path, driver: Driver, expected: Undisturbed) -> None:
    world = World(directory, expected.program, driver)
    try:
        world.up_until(kill, calls=expected.calls)
        world.up_again()
        assert differences(world.snapshot(), expected.snapshot) == []
    finally:
        world.close()


@pytest.mark.parametrize("kill", kills(("sandbox", "engine"), number=20))
def test_after_a_kill_the_next_up_ends_in_the_state_of_an_undisturbed_one(
    kill: Kill, tmp_path: Path, by_engine: Undisturbed
) -> None:
    end_as_if_nothing_had_happened(kill, tmp_path, Embedded(), by_engine)


@pytest.mark.cli
@pytest.mark.skipif(shutil.which("pulumi") is None, reason=NO_CLI)
@pytest.mark.parametrize("kill", kills(("provider", "engine", "sandbox"), number=6))
def test_so_it_does_under_the_real_cli(kill: Kill, tmp_path: Path, by_cli: Undisturbed) -> None:
    end_as_if_nothing_had_happened(kill, tmp_path, Cli(), by_cli)
