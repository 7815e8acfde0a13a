"""The program in the wrong place, by the wrong caller, with a wrong file: a message and an exit code, no traceback."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.end_to_end.deployed import PROJECT, Deployed

pytestmark = pytest.mark.end_to_end

Change = Callable[[Path], None]


def nothing(project: Path) -> None:
    """Leave the project as it is."""


def break_yaml(project: Path) -> None:
    (project / "access.yaml").write_text("permissions: [\n")


def unknown_scope(project: Path) -> None:
    text = (PROJECT / "access.yaml").read_text("utf-8")
    (project / "access.yaml").write_text(text.replace("campaigns:*", "campaing:*", 1))


def misspell_setting(project: Path) -> None:
    text = (PROJECT / "Pulumi.local.yaml").read_text("utf-8")
    (project / "Pulumi.local.yaml").write_text(text.replace("rotateEvery", "rotatEvery"))


def unknown_environment(project: Path) -> None:
    shutil.copy(PROJECT / "Pulumi.dev.yaml", project / "Pulumi.qa.yaml")


REFUSED = {
    "another account": ("deployer", "dev", nothing, "belongs to account 111111111111"),
    "no deployer": ("intruder", "local", nothing, "Only klaviyo-access:deployers may deploy 'local'"),
    "no sandbox": (None, "local", nothing, "AWS_ENDPOINT_URL"),
    "an unknown stack": ("deployer", "lokal", nothing, "lokal"),
    "an environment without a ceiling": ("deployer", "qa", unknown_environment, "qa"),
    "broken YAML": ("deployer", "local", break_yaml, "access.yaml:2"),
    "an unknown scope": ("deployer", "local", unknown_scope, "campaigns"),
    "a misspelt setting": ("deployer", "local", misspell_setting, "did you mean rotateEvery"),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout whose files can be changed."""
    for name in ("components", "klaviyo_access", "rotation", "sandbox"):
        (tmp_path / name).symlink_to(PROJECT / name)
    for name in ("__main__.py", "access.yaml", *(path.name for path in PROJECT.glob("Pulumi*.yaml"))):
        shutil.copy(PROJECT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(("who", "stack", "change", "message"), REFUSED.values(), ids=REFUSED)
def test_a_deployment_that_must_not_be_is_refused_with_its_reason(
    deployed: Deployed, project: Path, who: str | None, stack: str, change: Change, message: str
) -> None:
    change(project)
    signed_in: Mapping[str, str] = deployed.signed_in(who) if who else {}
    refused = subprocess.run(
        [sys.executable, "-m", "sandbox.engine", "preview", "--stack", stack],
        cwd=project,
        env={**deployed.environ, **signed_in},
        capture_output=True,
        text=True,
        check=False,
    )
    said = refused.stdout + refused.stderr
    assert refused.returncode in (1, 2, 3), said
    assert message in said
    assert "Traceback" not in said
