"""A stack that is destroyed and comes back within the recovery window, and one in which things are renamed."""

import json
import sys
from collections.abc import Iterator

import pytest

from tests.end_to_end.small_project import ACCESS, ENGINES, SETTINGS, SmallProject, small_project

pytestmark = pytest.mark.end_to_end

COMPONENT = 'KlaviyoAccess("klaviyo", args)'
RENAMED = 'KlaviyoAccess("keys", args, pulumi.ResourceOptions(aliases=[pulumi.Alias(name="klaviyo")]))'


@pytest.fixture(params=ENGINES, scope="module")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallProject]:
    engine = str(request.param)
    with small_project(engine, tmp_path_factory.mktemp(engine)) as made:
        yield made


def test_a_destroyed_stack_comes_back_within_the_recovery_window_with_its_keys(world: SmallProject) -> None:
    world.stage("support", "accounts:read,profiles:read")
    world.operate("keys", "rotate", "support", "--yes")
    world.stage("support", "accounts:read,profiles:read")
    before = world.secrets()
    kept = world.try_to("destroy")
    assert kept.returncode != 0
    assert "rotected" in kept.stdout + kept.stderr
    assert world.secrets() == before
    world.deploy("unprotect")
    world.deploy("destroy")

    refused = world.try_to("preview")
    assert refused.returncode != 0
    assert "scheduled for deletion" in refused.stdout + refused.stderr
    assert "klaviyo-access restore --stack local" in refused.stdout + refused.stderr

    world.operate("restore", who="deployer")
    failed = world.try_to("up")  # without the lines: all is made that has no name yet, a KMS key among it
    assert "already exists" in failed.stdout + failed.stderr
    restored = world.run(sys.executable, "-m", "klaviyo_access", "restore", "--stack", "local", who="deployer")
    assert "even where it is protected" in restored.stderr
    world.write("Pulumi.local.yaml", SETTINGS.replace("config:\n", f"config:\n{restored.stdout}", 1))
    world.deploy("up")
    world.write("Pulumi.local.yaml", SETTINGS)
    world.deploy("up")

    assert "unchanged" in world.deploy("up")
    assert world.secrets() == before
    assert reads_its_key(world, "desk", "klaviyo/local/support/key")
    assert "rotated" in world.operate("keys", "rotate", "support", "--yes")
    assert reads_its_key(world, "desk", "klaviyo/local/support/key")


def reads_its_key(world: SmallProject, service: str, secret: str) -> bool:
    """Whether a service gets the value of a secret, with what its platform hands it."""
    handed = world.run(sys.executable, "-m", "sandbox", "credentials", "--service", service, "--json").stdout
    world.signed_in[service] = json.loads(handed)
    read = f"import boto3; print(boto3.client('secretsmanager').get_secret_value(SecretId={secret!r})['SecretString'])"
    done = world.run(sys.executable, "-c", read, who=service)
    assert done.returncode == 0, done.stderr
    return "apiKey" in done.stdout


def test_nothing_that_is_renamed_replaces_or_deletes_a_secret(world: SmallProject) -> None:
    before = world.secrets()

    world.write("access.yaml", ACCESS.replace("  support:", "  helpers:").replace("role: support", "role: helpers"))
    refused = world.try_to("preview")
    assert refused.returncode != 0
    said = refused.stdout + refused.stderr
    assert "no longer have klaviyo/local/support/key, klaviyo/local/support/reserve. Renamed?" in said
    assert "Traceback" not in said

    world.write("access.yaml", ACCESS.replace("desk:", "front-desk:"))
    world.write("Pulumi.local.yaml", SETTINGS.replace("desk:", "front-desk:"))
    world.deploy("up")
    assert world.secrets() == before

    world.write("access.yaml", ACCESS)
    new_prefix = SETTINGS.replace("config:\n", "config:\n  klaviyo-access:prefix: kx\n", 1)
    for moved in (new_prefix, SETTINGS.replace("us-east-1", "eu-west-1", 1)):
        world.write("Pulumi.local.yaml", moved)
        refused = world.try_to("preview")
        assert refused.returncode != 0
        assert "rotect" in refused.stdout + refused.stderr
    world.write("access.yaml", ACCESS.replace("desk:", "front-desk:"))
    world.write("Pulumi.local.yaml", SETTINGS.replace("desk:", "front-desk:"))

    program = (world.project / "__main__.py").read_text("utf-8")
    assert COMPONENT in program
    world.write("__main__.py", program.replace(COMPONENT, RENAMED))
    said = world.deploy("up")
    assert "created" not in said
    assert "deleted" not in said
    assert world.secrets() == before
