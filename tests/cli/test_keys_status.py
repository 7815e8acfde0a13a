"""``keys status``: the life of a role's keys as its labels tell it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from klaviyo_access.access_model import AccessModel
from klaviyo_access.cli.keys_status import KeyInLife, RoleStatus, status_of
from klaviyo_access.cli.secrets_manager import RoleSecrets, SecretState
from klaviyo_access.keys.labels import SecretLabels
from tests.cli.cli_fakes import ROLES, ROTATOR, Command, FakeAws

OLD, NEW, BAD, LOST = "aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc", "dddddddddddd"
TIME = "20261101T080000Z"

Stages = Mapping[str, list[str]]


def read(key: Stages, reserve: Stages, *, rotator: str = ROTATOR) -> RoleStatus:
    """The status of viewer with these labels."""
    viewer = AccessModel.load(Path("access.yaml")).in_environment("dev").roles["viewer"]
    secrets = RoleSecrets(
        role="viewer",
        key=SecretState(labels=SecretLabels.of(key), rotator_arn=rotator),
        reserve=SecretState(labels=SecretLabels.of(reserve)),
    )
    return status_of(viewer, secrets)


@pytest.mark.parametrize(
    ("key", "reserve", "advice"),
    [
        ({}, {}, "no key yet: stage one, then rotate"),
        ({}, {"r0": ["AWSCURRENT"], "r1": [f"SPARE:{TIME}:{NEW}"]}, "no key yet: rotate"),
        ({"k1": ["AWSCURRENT", f"KEY:{OLD}"]}, {"r0": ["AWSCURRENT"]}, "no spare: stage one before the next rotation"),
        ({"k1": ["AWSCURRENT", f"KEY:{OLD}"]}, {"r1": [f"SPARE:{TIME}:{NEW}"]}, ""),
        ({"k1": ["AWSCURRENT", f"KEY:{OLD}"], "k2": ["AWSPENDING"]}, {}, "a rotation is under way, or one failed"),
    ],
)
@pytest.mark.usefixtures("project")
def test_the_labels_say_what_to_do_next(key: Stages, reserve: Stages, advice: str) -> None:
    found = read(key, reserve).advice
    assert found.startswith(advice)
    assert bool(found) == bool(advice)


@pytest.mark.usefixtures("project")
def test_a_secret_without_a_rotator_is_told_to_be_deployed() -> None:
    assert read({}, {}, rotator="").advice == "rotation is not set up: deploy the stack"


@pytest.mark.usefixtures("project")
def test_every_life_of_a_key_is_told_apart() -> None:
    status = read(
        {
            "k1": ["AWSPREVIOUS", f"KEY:{OLD}", f"RETIRED:{TIME}:{OLD}"],
            "k2": ["AWSCURRENT", f"KEY:{NEW}"],
            "k3": [f"KEY:{BAD}", f"DISABLING:{BAD}", f"REJECTED:{TIME}:{BAD}:refused"],
            "k4": [f"KEY:{LOST}", f"LEAKED:{LOST}"],
        },
        {"r0": ["AWSCURRENT"], "r1": [f"REJECTED:{TIME}:eeeeeeeeeeee:missing:lists:read"]},
    )
    assert status.current == KeyInLife(fingerprint=NEW)
    assert status.previous == KeyInLife(fingerprint=OLD)
    assert [key.fingerprint for key in status.retired] == [OLD]
    assert [key.fingerprint for key in status.disabling] == [BAD]
    assert {(key.fingerprint, key.reason) for key in status.rejected} == {
        (LOST, "leaked"),
        (BAD, "refused"),
        ("eeeeeeeeeeee", "missing:lists:read"),
    }


def test_json_has_the_same_keys_for_every_role_and_nothing_else_on_standard_output(
    command: Command, aws: FakeAws
) -> None:
    aws.labels["klaviyo/dev/viewer/key"] = {"k1": ["AWSCURRENT", f"KEY:{NEW}"]}
    aws.labels["klaviyo/dev/viewer/reserve"] = {"r0": ["AWSCURRENT"], "r1": [f"SPARE:{TIME}:{OLD}"]}
    result = command("keys", "status", "--stack", "dev", "--json")
    assert result.code == 0, result.err
    assert result.json["stack"] == "dev"
    assert [role["role"] for role in result.json["roles"]] == list(ROLES)
    assert len({tuple(role) for role in result.json["roles"]}) == 1
    viewer = next(role for role in result.json["roles"] if role["role"] == "viewer")
    assert viewer["current"] == {"fingerprint": NEW, "since": None, "reason": ""}
    assert viewer["spares"] == [{"fingerprint": OLD, "since": "2026-11-01T08:00:00+00:00", "reason": ""}]


def test_the_table_has_a_line_for_each_role_and_reads_no_value(command: Command, aws: FakeAws) -> None:
    aws.labels["klaviyo/dev/viewer/key"] = {"k1": ["AWSCURRENT", f"KEY:{NEW}"]}
    result = command("keys", "status", "--stack", "dev")
    assert result.code == 0, result.err
    assert NEW in result.out
    without = ", ".join(role for role in ROLES if role != "viewer")
    assert result.out.splitlines()[-2:] == [
        f"{without}: no key yet: stage one, then rotate",
        "viewer: no spare: stage one before the next rotation",
    ]
    assert set(aws.calls) == {"GetCallerIdentity", "AssumeRole", "DescribeSecret"}


def test_one_role_alone_costs_two_looks(command: Command, aws: FakeAws) -> None:
    result = command("keys", "status", "--role", "viewer", "--stack", "dev", "--json")
    assert [role["role"] for role in result.json["roles"]] == ["viewer"]
    assert aws.calls.count("DescribeSecret") == 2
