"""What an environment of many roles takes: its rendering, and its first ``up`` on a sandbox."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.benchmark import Benchmark, Effort, Measured
from benchmarks.own_sandbox import own_sandbox, seconds_of
from benchmarks.sized_project import CHECKOUT, STACK, write_project
from benchmarks.timing import in_turn


def _per_role(effort: Effort, seconds: Callable[[int], float]) -> Measured:
    """What a role of the most costs by what one of fewer costs; one round, since it takes long."""
    times = in_turn({str(roles): partial(seconds, roles) for roles in effort.roles}, rounds=1)
    per_role = {roles: times.median(str(roles)) / roles for roles in effort.roles}
    _, some, many = effort.roles
    return Measured(
        value=per_role[many] / per_role[some],
        beside={f"{roles} roles (s)": times.median(str(roles)) for roles in effort.roles},
    )


def _render(roles: int) -> float:
    with TemporaryDirectory() as directory:
        project = Path(directory) / "project"
        write_project(project, roles=roles)
        environ = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        return seconds_of(["sandbox", "render", "--stack", STACK, "--json"], project, environ)


def _up(roles: int) -> float:
    """Each on a sandbox of its own, so that none pays for what another deployed."""
    with TemporaryDirectory() as directory, own_sandbox(Path(directory) / "sandbox") as environ:
        project = Path(directory) / "project"
        write_project(project, roles=roles)
        return seconds_of(["sandbox.engine", "up", "--stack", STACK], project, environ)


BENCHMARKS: Final = (
    Benchmark(
        id="rendering-per-role",
        what="rendering 200 roles, a role, as a part of what 50 take a role",
        unit="ratio",
        limit=1.3,
        measure=lambda effort: _per_role(effort, _render),
        packages=("pulumi", "pulumi-aws"),
    ),
    Benchmark(
        id="up-per-role",
        what="the first up of 200 roles on a sandbox, a role, as a part of what 50 take a role",
        unit="ratio",
        limit=1.3,
        measure=lambda effort: _per_role(effort, _up),
        packages=("pulumi", "pulumi-aws"),
    ),
)
