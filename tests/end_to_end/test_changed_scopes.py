"""A role's scopes change on a deployed environment, in the order that the preview asks for and in the wrong one.

Each test goes on where the one before it ended: the role's scopes grow, grow again, and shrink.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from klaviyo_access.keys.secret import fingerprint
from tests.end_to_end.small_project import ACCESS, ENGINES, SmallProject, small_project

pytestmark = pytest.mark.end_to_end

FIRST = ("accounts:read", "profiles:read")
SECOND = (*FIRST, "lists:read")
THIRD = (*SECOND, "events:read")
OPERATOR = "arn:aws:iam::000000000000:role/klaviyo/local/klaviyo-local-key-operator"
GAINS = "These roles gain scopes for which their rotators never tried a key, so the keys in use may lack them:"
LOSES = "These roles lose scopes that their keys were made with:"
NEXT = (
    "klaviyo-access keys stage support --probe --stack local",
    "klaviyo-access keys rotate support --stack local",
)


@dataclass(frozen=True)
class World:
    """The small project, in which ``support`` has a key in use and a spare, and the custodian a key."""

    project: SmallProject

    def give(self, scopes: tuple[str, ...]) -> None:
        """Let access.yaml say that support has these scopes, once Klaviyo's quota of a minute is whole again."""
        self.project.run(sys.executable, "-m", "sandbox", "clock", "+2m")
        changed = ACCESS.replace("scopes: [accounts:read, profiles:read]", f"scopes: [{', '.join(scopes)}]")
        needed = ", ".join(scopes[1:])
        self.project.write("access.yaml", changed.replace("scopes: [profiles:read]", f"scopes: [{needed}]"))

    def run(self, command: str) -> str:
        """Run a command of the engine that must succeed; what it says, warnings among it."""
        done = self.project.try_to(command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def stage(self, scopes: tuple[str, ...], *options: str) -> str:
        """Stage a new key for support, and return its fingerprint."""
        key = self.project.new_key(",".join(scopes))
        self.project.operate("keys", "stage", "support", *options, stdin=key)
        return fingerprint(key)

    def rotate(self) -> str:
        """Rotate support, and return the fingerprint of the key in use."""
        done = self.project.operate("keys", "rotate", "support", "--yes").strip()
        assert done.startswith("support: rotated: ")
        return done.removeprefix("support: rotated: ")

    def in_use(self) -> str:
        status = json.loads(self.project.operate("keys", "status", "--role", "support", "--json"))
        return str(status["roles"][0]["current"]["fingerprint"])

    def drift(self) -> dict[str, str]:
        """What an audit finds of support's key, without what it finds of spares: the message of each finding."""
        answer = self._audit()
        found = {finding["finding"]: finding["message"] for finding in answer["findings"]}
        return {kind: message for kind, message in found.items() if kind != "few-spares"}

    def _audit(self) -> dict[str, Any]:
        environ = self.project.signed_in["operator"]
        session = boto3.Session(
            environ["AWS_ACCESS_KEY_ID"],
            environ["AWS_SECRET_ACCESS_KEY"],
            environ["AWS_SESSION_TOKEN"],
            environ["AWS_REGION"],
        )
        sts = session.client("sts", endpoint_url=environ["AWS_ENDPOINT_URL"])
        issued = sts.assume_role(RoleArn=OPERATOR, RoleSessionName="test")["Credentials"]
        client = boto3.client(
            "lambda",
            endpoint_url=environ["AWS_ENDPOINT_URL"],
            region_name=environ["AWS_REGION"],
            aws_access_key_id=issued["AccessKeyId"],
            aws_secret_access_key=issued["SecretAccessKey"],
            aws_session_token=issued["SessionToken"],
        )
        event = json.dumps({"action": "audit", "roles": ["support"]})
        answer = client.invoke(FunctionName="klaviyo-local-key-auditor", Payload=event)
        said: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "findings" in said, said
        return said


@pytest.fixture(params=ENGINES, scope="module")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    engine = str(request.param)
    with small_project(engine, tmp_path_factory.mktemp(engine)) as project:
        made = World(project)
        project.stage("custodian", "accounts:read,credentials:read,credentials:write")
        made.stage(FIRST)
        project.operate("keys", "rotate", "custodian", "support", "--yes")
        made.stage(FIRST)
        yield made


def test_a_role_gains_scopes_keys_first_and_no_audit_finds_anything_once_it_is_deployed(world: World) -> None:
    world.give(SECOND)

    said = world.run("preview")
    assert GAINS in said
    assert "  support: lists:read (key in use since 2" in said
    assert "  custodian: " not in said
    assert all(command in said for command in NEXT)

    new = world.stage(SECOND, "--probe")
    assert world.rotate() != new, "the spare of before goes first"
    assert world.rotate() == new
    assert "lists:read" in world.drift()["scopes-excess"]

    world.run("up")
    assert world.drift() == {}


def test_deployed_before_the_keys_it_is_drift_and_no_roll_back_and_new_keys_heal_it(world: World) -> None:
    before = world.in_use()
    world.give(THIRD)
    said = world.run("up")
    assert "  support: events:read (key in use since 2" in said, "what was deployed before is gained no more"

    found = world.drift()
    assert found.keys() == {"scopes-missing"}
    assert "Scope drift: the key of support lacks events:read" in found["scopes-missing"]
    assert world.in_use() == before

    new = world.stage(THIRD)
    assert world.rotate() == new
    assert world.drift() == {}


def test_a_role_loses_scopes_deployed_first_and_until_the_rotation_its_key_may_do_more(world: World) -> None:
    world.give(FIRST)

    said = world.run("preview")
    assert LOSES in said
    assert "  support: events:read, lists:read (key in use since 2" in said
    assert GAINS not in said
    assert all(command in said for command in NEXT)

    world.run("up")
    found = world.drift()
    assert found.keys() == {"scopes-excess"}
    assert (
        "Scope drift: the key of support may do more than its role: events:read, lists:read" in found["scopes-excess"]
    )

    new = world.stage(FIRST)
    assert world.rotate() == new
    assert world.drift() == {}
