"""Lambdas, broken by hand."""

import base64
from collections.abc import Generator
from typing import Any

from tests.end_to_end.doctor_world import HERE, Broken, World

SCHEDULE = "klaviyo-local-key-audit"
_SCHEDULE_FIELDS = (
    "Name",
    "Description",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "FlexibleTimeWindow",
    "Target",
    "State",
)
_EMPTY_ZIP = "UEsFBg" + "A" * 24 + "=="


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


def other_secret(world: World) -> Generator[None, None, None]:
    found = world.aws("lambda").get_function_configuration(FunctionName=rotator("profile-sync"))
    arn = found["Environment"]["Variables"]["KEY_SECRET_ARN"]
    yield from _set(world, "profile-sync", KEY_SECRET_ARN=arn.replace("profile-sync", "admin"))


def variable_added(world: World) -> Generator[None, None, None]:
    yield from _set(world, "viewer", AWS_LAMBDA_EXEC_WRAPPER="/opt/listen")


def other_handler(world: World) -> Generator[None, None, None]:
    yield from _configure(world, "custodian", Handler="rotation.other.handler")


def layer_added(world: World) -> Generator[None, None, None]:
    client, name = world.aws("lambda"), rotator("event-tracker")
    layer = client.publish_layer_version(LayerName="listens", Content={"ZipFile": base64.b64decode(_EMPTY_ZIP)})
    client.update_function_configuration(FunctionName=name, Layers=[layer["LayerVersionArn"]])
    yield
    client.update_function_configuration(FunctionName=name, Layers=[])


def canary_not_permitted(world: World) -> Generator[None, None, None]:
    client, name = world.aws("lambda"), rotator("service")
    client.remove_permission(FunctionName=name, StatementId="TryNewKey")
    yield
    client.add_permission(
        FunctionName=name,
        StatementId="TryNewKey",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=f"arn:aws:events:{HERE}:rule/klaviyo-local-service-canary",
    )


def anybody_permitted(world: World) -> Generator[None, None, None]:
    client, name = world.aws("lambda"), rotator("reporting")
    action = "lambda:InvokeFunction"
    client.add_permission(FunctionName=name, StatementId="Anybody", Action=action, Principal="999999999999")
    yield
    client.remove_permission(FunctionName=name, StatementId="Anybody")


def audit_switched_off(world: World) -> Generator[None, None, None]:
    client = world.aws("scheduler")
    found = client.get_schedule(Name=SCHEDULE)
    as_it_was = {field: found[field] for field in _SCHEDULE_FIELDS}
    client.update_schedule(**(as_it_was | {"State": "DISABLED"}))
    yield
    client.update_schedule(**as_it_was)


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
    Broken(other_secret, "rotators' settings", rotator("profile-sync"), "another KEY_SECRET_ARN", "make up"),
    Broken(variable_added, "surroundings", rotator("viewer"), "AWS_LAMBDA_EXEC_WRAPPER", "UpdateFunctionConfiguration"),
    Broken(other_handler, "surroundings", rotator("custodian"), "another handler", "UpdateFunctionConfiguration"),
    Broken(layer_added, "surroundings", rotator("event-tracker"), "the layer arn", "take its keys for leaked"),
    Broken(canary_not_permitted, "permissions", rotator("service"), "permission TryNewKey", "RemovePermission"),
    Broken(anybody_permitted, "permissions", rotator("reporting"), "permission Anybody", "remove-permission"),
    Broken(audit_switched_off, "audits", SCHEDULE, "is DISABLED", "UpdateSchedule"),
    Broken(two_at_a_time, "concurrency", rotator("marketer"), "no reserved concurrency", "make up"),
    Broken(never_runs, "concurrency", rotator("reporting"), "it never runs", "make up"),
)
