"""Runs that lose an answer of AWS, or are killed by then: the next one must end as if nothing had happened."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.sandbox.engine_drivers import Driver, Place, drivers, make_place
from tests.sandbox.losing_proxy import LosingProxy
from tests.sandbox.running_sandbox import Sandbox

PROGRAM = """
tags = {"of": NAME}
key = aws.kms.Key("key", description=NAME, tags=tags, deletion_window_in_days=7)
alias = aws.kms.Alias("alias", name=f"alias/{NAME}", target_key_id=key.id)
secret = aws.secretsmanager.Secret("secret", name=f"{NAME}/key", recovery_window_in_days=0, kms_key_id=alias.arn)
a = role("a", tags=tags, opts=ResourceOptions(depends_on=[secret]))
b = grant("b", a)
"""
LOST = ["CreateKey", "CreateSecret", "CreateRole"]


@pytest.fixture
def place(tmp_path: Path, sandbox: Sandbox) -> Place:
    made = make_place(tmp_path, sandbox)
    made.write(PROGRAM)
    return made


def up_that_loses(
    call: str, driver: Driver, place: Place, sandbox: Sandbox, instead: Callable[[int], None] = lambda _: None
) -> int:
    """Run ``up`` until AWS has answered ``call``; the answer is lost, and ``instead`` done to the run's process."""
    pids: list[int] = []
    with LosingProxy(sandbox.endpoint, call, lambda: instead(pids[0])) as wire:
        process = driver.start(replace(place, environ={**place.environ, "AWS_ENDPOINT_URL": wire.endpoint}), "up")
        pids.append(process.pid)
        process.communicate(timeout=120)
        assert wire.lost.is_set()
    return process.returncode


def kill(pid: int) -> None:
    os.killpg(pid, signal.SIGKILL)


def keys_of(place: Place, sandbox: Sandbox) -> int:
    """How many keys AWS has that are the place's: one that was lost would be a second."""
    kms = sandbox.client("kms")
    keys = (kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys(Limit=1000)["Keys"])
    return sum(key["Description"] == place.name for key in keys)


@pytest.mark.parametrize("driver", drivers())
@pytest.mark.parametrize("call", LOST)
def test_the_run_after_a_kill_ends_in_the_state_of_one_that_was_never_disturbed(
    call: str, driver: Driver, place: Place, sandbox: Sandbox
) -> None:
    assert up_that_loses(call, driver, place, sandbox, kill) == -signal.SIGKILL
    driver.unlock(place)
    told = driver.run(place, "up")
    assert told.code == 0, told.failures
    assert driver.run(place, "up").summary == {"unchanged": 5}
    assert keys_of(place, sandbox) == 1
    assert list((place.directory / ".sandbox" / "state" / "begun").iterdir()) == []


@pytest.mark.parametrize("driver", drivers())
def test_a_call_whose_answer_was_lost_fails_the_run_and_is_no_reason_to_make_a_second(
    driver: Driver, place: Place, sandbox: Sandbox
) -> None:
    assert up_that_loses("CreateKey", driver, place, sandbox) != 0
    assert driver.run(place, "up").summary == {"created": 5}
    assert keys_of(place, sandbox) == 1


@pytest.mark.parametrize("driver", drivers())
def test_what_was_begun_is_brought_to_what_the_program_has_become(
    driver: Driver, place: Place, sandbox: Sandbox
) -> None:
    up_that_loses("CreateRole", driver, place, sandbox, kill)
    driver.unlock(place)
    place.write(PROGRAM.replace('role("a",', 'role("a", path="/other/", description="new",'))
    assert driver.run(place, "up").code == 0
    role = sandbox.client("iam").get_role(RoleName=f"{place.name}-a")["Role"]
    assert (role["Path"], role["Description"]) == ("/other/", "new")


@pytest.mark.parametrize("driver", drivers())
def test_what_bears_the_name_and_is_somebody_elses_is_refused(driver: Driver, place: Place, sandbox: Sandbox) -> None:
    sandbox.client("secretsmanager").create_secret(Name=f"{place.name}/key", Tags=[{"Key": "of", "Value": "another"}])
    for _ in range(2):
        told = driver.run(place, "up")
        assert (told.code, "ResourceExistsException" in told.failures) == (1, True)
