"""The functions' bundles: each runs in a bare interpreter on botocore alone, is small, and hashes as its sources do."""

import ast
import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import botocore
import pulumi
import pytest

from components.functions.bundle import auditor_code, bundle_files, rotator_code

PROJECT = Path(__file__).parents[2]

IMPORT_IT = """
import sys
from importlib import import_module

name, bundle, libraries = sys.argv[1:]
known = sys.stdlib_module_names | {"botocore", "jmespath", "dateutil", "six", "urllib3"}


class NothingElse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in known | {"rotation", "klaviyo_access"}:
            raise ModuleNotFoundError(f"{name} is not in the bundle", name=name)


sys.meta_path.insert(0, NothingElse())
sys.path[:0] = [bundle]
sys.path.append(libraries)
entry = import_module(name)
ours = [module for name, module in sys.modules.items() if name.partition(".")[0] in ("rotation", "klaviyo_access")]
print(sorted(module.__file__.removeprefix(bundle + "/") for module in ours))
print(entry.handler.__name__)
"""


FUNCTIONS = ("rotation.rotator", "rotation.auditor.entry", "rotation.webhooks.rotator", "rotation.redeployer")


def copied(folder: Path, *functions: str) -> Path:
    for name in {name for function in functions for name in bundle_files(PROJECT, function)}:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((PROJECT / name).read_bytes())
    return folder


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_bundle_runs_on_the_standard_library_and_botocore_alone(function: str, tmp_path: Path) -> None:
    libraries = Path(botocore.__file__).parents[1]

    run = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-W",
            "error",
            "-c",
            IMPORT_IT,
            function,
            str(copied(tmp_path, function)),
            str(libraries),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines()[1] == "handler"
    assert sorted(ast.literal_eval(run.stdout.splitlines()[0])) == sorted(bundle_files(PROJECT, function))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_bundle_that_lambda_loads_is_under_100_kb(function: str) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name in bundle_files(PROJECT, function):
            bundle.write(PROJECT / name, name)
    assert len(archive.getvalue()) < 100_000


def members(archive: pulumi.AssetArchive) -> list[tuple[str, str]]:
    """What Pulumi hashes: each name in the archive, with the file or the text that stands there."""
    return [
        (name, asset.path if isinstance(asset, pulumi.FileAsset) else asset.text)
        for name, asset in archive.assets.items()
        if isinstance(asset, pulumi.FileAsset | pulumi.StringAsset)
    ]


def test_the_same_sources_hash_the_same_wherever_and_whenever_they_were_checked_out(tmp_path: Path) -> None:
    here, there = (copied(tmp_path / place, *FUNCTIONS) for place in ("here", "lies/there"))
    for path in there.rglob("*"):
        os.utime(path, (86_400, 86_400))
        path.chmod(0o755)
    shutil.move(there / "rotation/errors.py", there / "errors.py")
    shutil.move(there / "errors.py", there / "rotation/errors.py")  # a folder's own order has changed
    (there / "rotation/__pycache__").mkdir()
    (there / "rotation/__pycache__/errors.cpython-313.pyc").write_bytes(b"compiled")
    (there / "klaviyo_access/notes.txt").write_text("none of the bundle's")
    for one, other in (
        (rotator_code(here), rotator_code(there)),
        (auditor_code(here, "[]"), auditor_code(there, "[]")),
    ):
        assert one.version == other.version
        assert members(one.archive) == members(other.archive)
    assert [(name, name) for name in bundle_files(here, "rotation.rotator")] == members(rotator_code(here).archive)
    assert members(auditor_code(here, "[]").archive)[-1] == ("audited_roles.json", "[]")


@pytest.mark.parametrize("changed", ["rotation/errors.py", "klaviyo_access/keys/labels.py", "the roles"])
def test_other_sources_hash_otherwise(changed: str, tmp_path: Path) -> None:
    checkout = copied(tmp_path, "rotation.auditor.entry")
    before = auditor_code(checkout, "[]").version
    if changed != "the roles":
        (checkout / changed).write_bytes((checkout / changed).read_bytes() + b"\n")
    assert auditor_code(checkout, '["viewer"]' if changed == "the roles" else "[]").version != before


def test_a_checkout_that_converts_line_ends_leaves_the_sources_as_they_are(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        settings = ("-c", "core.autocrlf=true", "-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", *settings, *arguments], cwd=tmp_path, check=True, capture_output=True)  # noqa: S607 - the git of whoever tests

    shutil.copy(PROJECT / ".gitattributes", tmp_path)
    (tmp_path / "module.py").write_bytes(b"one\ntwo\n")
    git("init")
    git("add", ".gitattributes", "module.py")
    git("commit", "-m", "first")
    (tmp_path / "module.py").unlink()
    git("checkout", "--", "module.py")
    assert (tmp_path / "module.py").read_bytes() == b"one\ntwo\n"
