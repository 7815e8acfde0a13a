"""``doctor`` on a deployed environment: what is broken in it is found with its cause and its cure, and mended again.

Set-ups are broken by the round, since an examination looks at all of them; none hides another of its round.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient

from klaviyo_access.cli.doctor.command import CHECKS, verdict
from klaviyo_access.cli.errors import ExitCode
from klaviyo_access.keys.labels import HoldsKey, Spare
from sandbox.aws.models import event_name, service_model
from tests.end_to_end import broken_record, broken_roles, broken_rotators, broken_secrets
from tests.end_to_end.deployed import PROJECT, Deployed, clean_environment
from tests.end_to_end.doctor_world import OPERATOR, Broken, Trouble, World, news_of, troubles

pytestmark = pytest.mark.end_to_end

ROUNDS: dict[str, tuple[Broken, ...]] = {
    "today": (
        *broken_secrets.BROKEN,
        *broken_rotators.BROKEN,
        *broken_record.BROKEN,
        *broken_roles.BROKEN,
        broken_secrets.KEY_DISABLED,  # the last one, since nobody can put a value from then on
    ),
    "in forty days": (
        broken_secrets.CUT_OFF,
        broken_secrets.OVERDUE,
        broken_record.KEY_MADE_ANEW,
        broken_secrets.KEY_PENDING_DELETION,
    ),
}
EACH = [pytest.param(one, together, id=str(one)) for together in ROUNDS.values() for one in together]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A sandbox of its own: deployed, and the viewer has a key and a spare."""
    home = tmp_path_factory.mktemp("doctor") / "home"
    deployed = Deployed(home, clean_environment(home), "")
    world = World(deployed, home / "rendered.json")
    try:
        started = deployed.run("-m", "sandbox", "start", "--port", "0", "--klaviyo-port", "0")
        assert started.returncode == 0, started.stdout + started.stderr
        deployer = deployed.signed_in("deployer")
        done = deployed.run("-m", "sandbox", "render", "--stack", "local", "--json", environ=deployer)
        world.rendered.write_text(done.stdout)
        world.empty = world.examine()
        done = deployed.run("-m", "sandbox.engine", "up", "--stack", "local", environ=deployer)
        assert done.returncode == 0, done.stdout + done.stderr
        world.new = world.examine()
        world.put(broken_secrets.secret("viewer", "reserve"), "AWSCURRENT")
        world.put(broken_secrets.secret("viewer", "reserve"), Spare(broken_secrets.SOONER, broken_secrets.WAITING))
        held = HoldsKey(broken_secrets.IN_USE)
        world.put(broken_secrets.secret("viewer"), "AWSCURRENT", held, as_role="klaviyo-local-viewer-rotator")
        world.sound = troubles(world.examine())
        yield world
    finally:
        deployed.run("-m", "sandbox", "stop")


def test_a_sandbox_on_which_nothing_is_deployed_says_to_deploy(world: World) -> None:
    (caller,) = [one for one in world.empty if one.result == "failed"]
    assert (caller.check, verdict(world.empty)) == ("caller", ExitCode.FAILED)
    assert "is not deployed yet" in caller.detail


def test_a_new_environment_lacks_its_first_keys_and_nothing_else(world: World) -> None:
    (found,) = [one for one in world.new if one.result != "ok"]
    assert (found.check, verdict(world.new)) == ("keys", ExitCode.FAILED)
    assert {"custodian", "viewer"} < set(found.on)
    assert found.cure == (
        "Three times, for a key to use and two spares: klaviyo-access keys stage --all --stack local. Then: "
        "klaviyo-access keys rotate --all --stack local"
    )


def test_where_some_roles_have_keys_each_other_one_has_a_cure_of_its_own(world: World) -> None:
    assert {one.check for one in world.sound} == {"keys"}
    assert "viewer" not in {one.on for one in world.sound}
    (custodian,) = [one for one in world.sound if one.on == "custodian"]
    assert custodian.cure == (
        "klaviyo-access keys stage custodian --stack local && klaviyo-access keys rotate custodian --stack local"
    )


@pytest.mark.parametrize(("broken", "together"), EACH)
def test_what_is_broken_is_found_with_its_cause_and_its_cure(
    world: World, broken: Broken, together: tuple[Broken, ...]
) -> None:
    assert [trouble for trouble in news_of(world, together) if broken.is_named_by(trouble)]


@pytest.mark.parametrize("together", ROUNDS.values(), ids=ROUNDS)
def test_nothing_is_named_that_was_not_broken(world: World, together: tuple[Broken, ...]) -> None:
    news = news_of(world, together)
    assert [trouble for trouble in news if not any(broken.explains(trouble) for broken in together)] == []


@pytest.mark.parametrize("together", ROUNDS.values(), ids=ROUNDS)
def test_a_cure_names_events_as_cloudtrail_writes_them(world: World, together: tuple[Broken, ...]) -> None:
    named = {name for trouble in news_of(world, together) for name in _events(trouble.cure)}
    written = {
        event_name(service, operation)
        for service in (
            "cloudtrail",
            "cloudwatch",
            "events",
            "iam",
            "kms",
            "lambda",
            "logs",
            "s3",
            "scheduler",
            "secretsmanager",
            "sns",
        )
        for operation in service_model(service).operation_names
    }
    assert named
    assert named <= written


def _events(cure: str) -> list[str]:
    return [name for told in re.findall(r"CloudTrail: ([^)]+)\)", cure) for name in re.split(r", | or ", told)]


def test_all_that_was_broken_was_mended(world: World) -> None:
    for together in ROUNDS.values():
        news_of(world, together)
    assert troubles(world.examine()) == world.sound


def test_a_role_that_was_never_deployed_is_found_wherever_it_lacks(world: World, tmp_path: Path) -> None:
    for part in PROJECT.iterdir():
        if part.name != "access.yaml" and not part.name.startswith("."):
            (tmp_path / part.name).symlink_to(part)
    model = (PROJECT / "access.yaml").read_text()
    role = "roles:\n  auditor:\n    description: Looks\n    owner: platform\n    permissions: [view-reports]\n"
    role += "    scopes: [campaigns:read, flows:read, forms:read, metrics:read, segments:read]\n"
    service = "services:\n  auditing:\n    description: Looks\n    role: auditor\n    reads: library\n"
    model = model.replace("\nroles:\n", f"\n{role}\n").replace("\nservices:\n", f"\n{service}\n")
    (tmp_path / "access.yaml").write_text(model)
    lacking: dict[str, list[str]] = {}
    news = [one for one in world.news(project=tmp_path) if one.check != "code"]  # it may be edited while tests run
    for trouble in news:
        assert "is not deployed" in trouble.cause
        lacking.setdefault(trouble.check, []).append(trouble.on)
    assert lacking == {
        "iam roles": ["klaviyo-local-auditor-rotator"],
        "log groups": ["/aws/lambda/klaviyo-local-auditor-rotator"],
        "rotators": ["klaviyo-local-auditor-rotator"],
        "rules": [
            "klaviyo-local-auditor-canary",
            "klaviyo-local-auditor-key-stranger",
            "klaviyo-local-auditor-reserve-stranger",
        ],
        "secrets": ["klaviyo/local/auditor/key", "klaviyo/local/auditor/reserve"],
    }


@pytest.mark.parametrize(
    ("whom", "cure"),
    [
        ("deployer", "Have an operator run: klaviyo-access doctor --stack local"),
        ("intruder", "klaviyo-access:operators"),
    ],
)
def test_whoever_is_no_operator_is_told_what_could_not_be_looked_at(world: World, whom: str, cure: str) -> None:
    found = world.examine(whom)
    assert verdict(found) == ExitCode.FAILED
    assert {one.check for one in found if one.result == "skipped"} == {check.name for check in CHECKS}
    (caller,) = [one for one in found if one.result == "failed"]
    assert caller.check == "caller"
    assert cure in caller.cure


def test_operators_deployed_before_the_examination_are_told_what_they_may_not_see(world: World) -> None:
    client, named = world.aws("iam"), {"RoleName": OPERATOR, "PolicyName": "examine-set-up"}
    policy = client.get_role_policy(**named)["PolicyDocument"]
    client.delete_role_policy(**named)
    found = world.examine()
    client.put_role_policy(**named, PolicyDocument=json.dumps(policy))
    assert verdict(found) == ExitCode.FAILED
    wrong = [one for one in found if one.result != "ok"]
    assert {one.check for one in wrong} == {check.name for check in CHECKS}
    assert all("AWS refused" in one.detail and "make up" in one.cure for one in wrong)


def test_the_examination_needs_each_right_that_operators_have_for_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = world.aws("iam")
    names = client.list_role_policies(RoleName=OPERATOR)["PolicyNames"]
    policies = {name: client.get_role_policy(RoleName=OPERATOR, PolicyName=name)["PolicyDocument"] for name in names}
    rights = {name: {act for one in held["Statement"] for act in one["Action"]} for name, held in policies.items()}
    asked: set[str] = set()
    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", _recording(asked))
    world.examine()
    assert rights["examine-set-up"] - asked == set()
    assert {action for action in asked if not action.startswith("sts:")} - set().union(*rights.values()) == set()


_S3_ACTIONS = {
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
}


def _recording(asked: set[str]) -> Callable[..., Any]:
    call = BaseClient._make_api_call  # type: ignore[attr-defined] # the stubs leave it out

    def make(self: Any, operation: str, parameters: Any) -> Any:
        service = self.meta.service_model.endpoint_prefix
        asked.add(f"{'cloudwatch' if service == 'monitoring' else service}:{_S3_ACTIONS.get(operation, operation)}")
        return call(self, operation, parameters)

    return make


def test_a_rotation_that_failed_is_found_in_the_trail(world: World) -> None:
    world.aws("secretsmanager", OPERATOR).rotate_secret(SecretId=broken_secrets.secret("developer"))
    failures: list[Trouble] = []
    for _ in range(60):  # the rotation runs by itself, and is tried again before it counts as failed
        if failures := [one for one in troubles(world.examine()) if one.check == "failures"]:
            break
    (found,) = failures
    assert found.on == "developer"
    assert "was not rotated" in found.cause
    assert "/aws/lambda/klaviyo-local-developer-rotator" in found.cure
