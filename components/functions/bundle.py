"""The functions' code as Lambda runs it: what a handler imports of `rotation/` and of what it shares with services."""

import ast
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi

_OURS: Final = frozenset({"rotation", "klaviyo_access"})


def bundle_files(project: Path, module: str) -> tuple[str, ...]:
    """The files that a module imports when it is loaded, itself among them.

    Args:
        project: folder with the sources.
        module: its dotted name, as in ``rotation.rotator``.

    Returns:
        Paths relative to ``project``, in the order of the alphabet.
    """
    found: set[Path] = set()
    due = [module]
    while due:
        for path in _files_of(project, due.pop()):
            if path not in found:
                found.add(path)
                due += _imported(path)
    return tuple(sorted(path.relative_to(project).as_posix() for path in found))


def _files_of(project: Path, name: str) -> Iterator[Path]:
    """The file of a module of ours and those of the packages around it; none where the name is no module's."""
    parts = name.split(".")
    if parts[0] in _OURS:
        for length in range(1, len(parts) + 1):
            place = project.joinpath(*parts[:length])
            yield from (path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file())


def _imported(path: Path) -> Iterator[str]:
    """Every name that is imported when the file is loaded, and each that may be a module of a package."""
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """The code of one function.

    Attributes:
        archive: the files; the same sources give the same hash wherever the checkout lies, since paths are relative.
        version: the first 12 hex digits of the SHA-256 of the files, by which a deployed function names its sources.
    """

    archive: pulumi.AssetArchive
    version: str


def rotator_code(project: Path) -> Bundle:
    """What a role's rotator runs."""
    return _code(project, "rotation.rotator", {})


def webhook_rotator_code(project: Path) -> Bundle:
    """What the rotator of a webhook's secret runs."""
    return _code(project, "rotation.webhooks.rotator", {})


def redeployer_code(project: Path) -> Bundle:
    """What starts new deployments of services on ECS."""
    return _code(project, "rotation.redeployer", {})


def auditor_code(project: Path, roles: str) -> Bundle:
    """What the auditor runs, with the list of ``roles`` that it looks after, as JSON."""
    return _code(project, "rotation.auditor.entry", {"audited_roles.json": roles})


def _code(project: Path, module: str, more: Mapping[str, str]) -> Bundle:
    files, digest = bundle_files(project, module), hashlib.sha256()
    for path in files:
        text = (project / path).read_bytes()
        digest.update(f"{path} {len(text)}\n".encode() + text)
    for path, content in more.items():
        digest.update(f"{path} {len(content)}\n{content}".encode())
    assets: dict[str, pulumi.Asset | pulumi.Archive] = {path: pulumi.FileAsset(path) for path in files}
    archive = pulumi.AssetArchive(assets | {path: pulumi.StringAsset(content) for path, content in more.items()})
    return Bundle(archive=archive, version=digest.hexdigest()[:12])
