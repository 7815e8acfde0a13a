"""Lambdas, broken by hand."""

from collections.abc import Generator
from typing import Any

from tests.end_to_end.doctor_world import Broken, World


def rotator(role: str) -> str:
    return f"klaviyo-local-{role}-rotator"


def _configure(world: World, role: str, **changed: Any) -> Generator[None, None, None]:
    client = world.aws("lambda")
    found = client.get_function_configuration(FunctionName=rotator(role))
    client.update_function_configuration(FunctionName=rotator(role), **changed)
    yield
    client.update_function_configuration(FunctionName=rotator(role), **{name: found[name] for name in changed})


def old_code(world: World) -> Generator[None, None, None]:
    yield from _configure(world, "admin", Description="Rotates the Klaviyo key of admin; code 0123456789ab")


def _set(world: World, role: str, **variables: str) -> Generator[None, None, None]:
    found = world.aws("lambda").get_function_configuration(FunctionName=rotator(role))
    yield from _configure(world, role, Environment={"Variables": found["Environment"]["Variables"] | variables})


def other_scopes(world: World) -> Generator[None, None, None]:
    yield from _set(world, "developer", SCOPES="accounts:read")


def two_at_a_time(world: World) -> Generator[None, None, None]:
    client, name = world.aws("lambda"), rotator("marketer")
    client.delete_function_concurrency(FunctionName=name)
    yield
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)


def never_runs(world: World) -> Generator[None, None, None]:
    client, name = world.aws("lambda"), rotator("reporting")
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    yield
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)


BROKEN = (
    Broken(old_code, "code", rotator("admin"), "runs the code 0123456789ab", "Bring the checkout up to date"),
    Broken(other_scopes, "rotators' settings", rotator("developer"), "another SCOPES", "make up"),
    Broken(two_at_a_time, "concurrency", rotator("marketer"), "no reserved concurrency", "make up"),
    Broken(never_runs, "concurrency", rotator("reporting"), "it never runs", "make up"),
)
