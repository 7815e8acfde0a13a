"""The rotator's bundle in a bare interpreter: its own files, the standard library, boto3, and nothing else."""

import ast
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import boto3

from components.bundle import bundle_files

PROJECT = Path(__file__).parents[2]

IMPORT_IT = """
import sys

bundle, libraries = sys.argv[1:]
known = sys.stdlib_module_names | {"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"}


class NothingElse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in known | {"rotation", "klaviyo_access"}:
            raise ModuleNotFoundError(f"{name} is not in the bundle", name=name)


sys.meta_path.insert(0, NothingElse())
sys.path[:0] = [bundle]
sys.path.append(libraries)
import rotation.auditor
import rotation.redeployer
import rotation.rotator
import rotation.webhook_rotator

ours = [module for name, module in sys.modules.items() if name.partition(".")[0] in ("rotation", "klaviyo_access")]
print(sorted(module.__file__.removeprefix(bundle + "/") for module in ours))
print(*(entry.handler.__name__ for entry in (rotation.auditor, rotation.redeployer, rotation.rotator)))
"""


def copied(folder: Path) -> Path:
    for name in bundle_files(PROJECT):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((PROJECT / name).read_bytes())
    return folder


def test_the_bundle_runs_on_the_standard_library_and_boto3_alone(tmp_path: Path) -> None:
    libraries = Path(boto3.__file__).parents[1]

    run = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", IMPORT_IT, str(copied(tmp_path)), str(libraries)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines()[1] == "handler handler handler"
    assert sorted(ast.literal_eval(run.stdout.splitlines()[0])) == sorted(bundle_files(PROJECT))


def test_the_bundle_that_lambda_loads_is_under_100_kb() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name in bundle_files(PROJECT):
            bundle.write(PROJECT / name, name)
    assert len(archive.getvalue()) < 100_000
