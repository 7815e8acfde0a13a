"""Two ``KlaviyoAccess`` in one program, with a tag on everything, by the engine and by the real CLI."""

import json
import shutil
from pathlib import Path

import pytest

from tests.sandbox.engine_drivers import CHECKOUT, Driver, Place, drivers, make_place
from tests.sandbox.running_sandbox import Sandbox

PROGRAM = """
from pathlib import Path
import pulumi
from components.klaviyo_access import KlaviyoAccess, KlaviyoAccessArgs
from components.settings import load_settings
from klaviyo_access.access_model import AccessModel

def tag(args):
    if "tags" in args.props:
        args.props["tags"] = {**args.props["tags"], "cost-center": "42"}
    return pulumi.ResourceTransformResult(args.props, args.opts)

pulumi.runtime.register_resource_transform(tag)
here = Path(__file__).parent
access = AccessModel.load(here / "access.yaml").in_environment(pulumi.get_stack())
environment, settings = load_settings(pulumi.get_stack(), here)
for prefix in PREFIXES:
    args = KlaviyoAccessArgs(
        environment=environment.model_copy(update={"prefix": prefix}),
        access=access, settings=settings, project=here,
    )
    pulumi.export(prefix, KlaviyoAccess(prefix, args).key_arns)
"""


def prefixes_of(place: Place) -> tuple[str, str]:
    """First parts of names that no other test has."""
    return f"a{place.name[-6:]}", f"b{place.name[-6:]}"


@pytest.fixture
def place(tmp_path: Path, sandbox: Sandbox) -> Place:
    made = make_place(tmp_path, sandbox)
    made.write("")
    for name in ("access.yaml", "Pulumi.local.yaml"):
        shutil.copy(CHECKOUT / name, tmp_path)
    project = json.loads((tmp_path / "Pulumi.yaml").read_text())
    (tmp_path / "Pulumi.yaml").write_text(json.dumps({**project, "name": "klaviyo-access"}))
    for name in ("rotation", "klaviyo_access"):
        (tmp_path / name).symlink_to(CHECKOUT / name)
    (tmp_path / "__main__.py").write_text(PROGRAM.replace("PREFIXES", repr(prefixes_of(made))))
    return made


@pytest.mark.parametrize("driver", drivers())
def test_two_stand_side_by_side_and_a_transform_tags_both(driver: Driver, place: Place, sandbox: Sandbox) -> None:
    one, two = prefixes_of(place)
    first = driver.run(place, "up")
    assert (first.code, set(first.summary)) == (0, {"created"}), first.failures
    assert first.outputs[one].keys() == first.outputs[two].keys()
    assert set(first.outputs[one].values()).isdisjoint(first.outputs[two].values())
    secrets = sandbox.client("secretsmanager")
    for prefix in (one, two):
        for arn in first.outputs[prefix].values():
            assert {"Key": "cost-center", "Value": "42"} in secrets.describe_secret(SecretId=arn)["Tags"]
    assert driver.run(place, "up").summary == {"unchanged": first.summary["created"]}
    assert set(driver.run(place, "destroy").summary) == {"deleted"}
