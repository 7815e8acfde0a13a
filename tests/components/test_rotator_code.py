"""The version of the rotators' code: what doctor compares."""

from pathlib import Path

from components.functions.bundle import bundle_files, rotator_code
from tests.components.recording import Build, whole


def test_the_codes_version_follows_each_file_of_the_bundle(tmp_path: Path) -> None:
    for path in bundle_files(Path.cwd(), "rotation.rotator"):
        copy = tmp_path / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(Path(path).read_bytes())
    version = rotator_code(tmp_path).version
    assert version == rotator_code(Path.cwd()).version
    (tmp_path / "rotation" / "actions" / "healing.py").write_text("# other\n")
    assert rotator_code(tmp_path).version != version


def test_a_rotator_names_the_version_of_its_code(build: Build) -> None:
    recorder = build(lambda: whole("dev") and None)
    version = rotator_code(Path.cwd()).version
    functions = recorder.of_type("aws:lambda/function:Function").values()
    rotators = [function for function in functions if function.inputs["handler"] == "rotation.rotator.handler"]
    assert {function.inputs["description"].rpartition("; code ")[2] for function in rotators} == {version}
