"""Imports go one way: what each room may import, held for every module in it."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.functions.bundle import bundle_files

PROJECT = Path(__file__).parents[2]
OURS = {"components", "klaviyo_access", "rotation", "sandbox", "tools", "tests", "examples", "policy", "benchmarks"}

# For each room what of the project it may import beside itself; the first that fits a module decides.
ALLOWED = {
    "klaviyo_access/access_model": set(),
    "klaviyo_access/isolation": set(),
    "klaviyo_access/errors": set(),
    "klaviyo_access/aws": set(),
    "klaviyo_access/keys": {"klaviyo_access.aws"},
    "klaviyo_access/klaviyo": {"klaviyo_access.keys"},
    "klaviyo_access/authorization": {"klaviyo_access.access_model", "klaviyo_access.audit"},
    "klaviyo_access/cli": {"klaviyo_access"},
    "klaviyo_access": {"klaviyo_access"},
    "components/policies": {"components.names", "klaviyo_access.access_model"},
    "components": {"klaviyo_access.access_model"},
    "rotation": {"klaviyo_access.keys", "klaviyo_access.klaviyo", "klaviyo_access.webhooks"},
    "sandbox": {"klaviyo_access", "components", "rotation", "tools"},
    "tools": {"klaviyo_access", "components"},
    "benchmarks": {"klaviyo_access", "components", "sandbox"},
    "examples": {"klaviyo_access"},
    "__main__.py": {"components", "klaviyo_access.access_model"},
}

# Standard library only, and imports nothing of the project: every room may ask it.
LEAVES = {
    "klaviyo_access.endpoint",
    "klaviyo_access.errors",
    "klaviyo_access.frames",
    "klaviyo_access.hidden",
    "klaviyo_access.moments",
}

FORBIDDEN_ANYWHERE_BUT = {
    "pulumi": {"components", "sandbox", "policy", "__main__.py"},
    "pulumi_aws": {"components", "sandbox", "policy", "__main__.py"},
    "ministack": {"sandbox"},
}


def modules() -> Iterator[tuple[str, str, Path]]:
    for room in ALLOWED:
        place = PROJECT / room
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            name = path.relative_to(PROJECT).as_posix()
            if next(known for known in ALLOWED if name == known or name.startswith(f"{known}/")) == room:
                yield room, name, path


def imported_by(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


@pytest.mark.parametrize(("room", "name", "path"), [pytest.param(*module, id=module[1]) for module in modules()])
def test_a_module_imports_only_what_its_room_may(room: str, name: str, path: Path) -> None:
    own = room.removesuffix(".py").replace("/", ".")
    allowed = {own, *ALLOWED[room], *LEAVES}
    ours = {imported for imported in imported_by(path) if imported.split(".")[0] in OURS}
    strangers = {imported for imported in ours if not any(f"{imported}.".startswith(f"{known}.") for known in allowed)}
    assert not strangers, f"{name} may import {sorted(allowed)}"


@pytest.mark.parametrize("package", FORBIDDEN_ANYWHERE_BUT)
def test_a_heavy_package_stays_in_its_rooms(package: str) -> None:
    rooms = {
        room for room, _, path in modules() if any(imported.split(".")[0] == package for imported in imported_by(path))
    }
    assert rooms <= FORBIDDEN_ANYWHERE_BUT[package]


@pytest.mark.parametrize(
    "function", ["rotation.rotator", "rotation.auditor.entry", "rotation.webhooks.rotator", "rotation.redeployer"]
)
def test_a_functions_bundle_imports_only_the_standard_library_and_botocore(function: str) -> None:
    files = bundle_files(PROJECT, function)
    bundled = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in files}
    for name in files:
        for imported in imported_by(PROJECT / name):
            top = imported.split(".")[0]
            known = top in sys.stdlib_module_names or top == "botocore" or imported in bundled
            assert known or _only_for_types(PROJECT / name, imported), f"{name} imports {imported}"


def _only_for_types(path: Path, imported: str) -> bool:
    """Whether a module is imported under TYPE_CHECKING or inside a function alone, as lazy exports do."""
    tree = ast.parse(path.read_text("utf-8"))
    top_level = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {
        name
        for node in top_level
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
    }
    return imported not in names
