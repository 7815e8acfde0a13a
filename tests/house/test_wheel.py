"""What a service installs: the wheel, with botocore and nothing more."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
CORE = {"botocore", "dateutil", "jmespath", "six", "urllib3"}  # botocore, and what it needs


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built from what git tracks."""
    source = tmp_path_factory.mktemp("source")
    listing = ["git", "ls-files", "-z", "klaviyo_access", "pyproject.toml", "README.md", "LICENSE"]
    for name in subprocess.run(listing, cwd=PROJECT, check=True, capture_output=True, text=True).stdout.split("\0"):
        if name and (PROJECT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((PROJECT / name).read_bytes())
    target = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(target),
        str(source),
    ]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = target.glob("*.whl")
    return built


def test_the_wheel_holds_the_package_and_its_tables_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"klaviyo_access"}
    assert {"klaviyo_access/py.typed", "klaviyo_access/klaviyo/operations.json"} <= set(names)


def test_the_core_needs_botocore_and_nothing_more() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert [requirement.split(">")[0] for requirement in project["dependencies"]] == ["botocore"]


BARE = """
import sys
sys.path[:] = [p for p in sys.path if "site-packages" not in p] + sys.argv[1:]
import klaviyo_access.keys
import klaviyo_access.klaviyo
from klaviyo_access.keys import KeyStore
from klaviyo_access.klaviyo import scopes_for
from klaviyo_access.errors import KeyStoreNotConfigured
assert scopes_for("create_event") == ("events:write",), scopes_for("create_event")
try:
    KeyStore("viewer", environ={})
except KeyStoreNotConfigured as missing:
    assert "KLAVIYO_ACCESS_ENVIRONMENT" in str(missing)
heavy = {"boto3", "pydantic", "httpx", "klaviyo_api", "ruamel"} & {name.split(".")[0] for name in sys.modules}
assert not heavy, heavy
"""


def test_a_service_with_the_core_alone_gets_keys_and_scopes(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    zipfile.ZipFile(wheel).extractall(site)
    packages = next(Path(entry) for entry in sys.path if entry.endswith("site-packages"))
    for name in CORE:
        place = packages / name if (packages / name).exists() else packages / f"{name}.py"
        (site / place.name).symlink_to(place)
    ran = subprocess.run(
        [sys.executable, "-I", "-c", BARE, str(site)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
