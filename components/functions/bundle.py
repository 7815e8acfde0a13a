"""The rotator's code as Lambda runs it: the files of `rotation/` and the few modules that it shares with services."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi

SHARED_MODULES: Final = (
    "klaviyo_access/__init__.py",
    "klaviyo_access/endpoint.py",
    "klaviyo_access/hidden.py",
    "klaviyo_access/keys/__init__.py",
    "klaviyo_access/keys/labels.py",
    "klaviyo_access/keys/secret.py",
    "klaviyo_access/klaviyo/__init__.py",
    "klaviyo_access/klaviyo/answers.py",
    "klaviyo_access/klaviyo/probe_table.py",
    "klaviyo_access/klaviyo/probes.py",
    "klaviyo_access/klaviyo/transport.py",
    "klaviyo_access/webhooks/__init__.py",
    "klaviyo_access/webhooks/labels.py",
    "klaviyo_access/webhooks/secret.py",
)
"""Modules of the package that import nothing but the standard library."""


def bundle_files(project: Path) -> tuple[str, ...]:
    """The bundle's files as paths relative to ``project``, in the order of the alphabet."""
    rotation = (path.relative_to(project).as_posix() for path in (project / "rotation").rglob("*.py"))
    return tuple(sorted((*rotation, *SHARED_MODULES)))


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """The rotators' code.

    Attributes:
        archive: the files; the same sources give the same hash wherever the checkout lies, since paths are relative.
        version: the first 12 hex digits of the SHA-256 of the files, by which a deployed rotator names its sources.
    """

    archive: pulumi.AssetArchive
    version: str


def rotator_code(project: Path) -> Bundle:
    """The bundle of the sources in ``project``."""
    return _code(project, {})


def auditor_code(project: Path, roles: str) -> Bundle:
    """The bundle of the sources in ``project`` with the list of ``roles`` that the auditor looks after, as JSON."""
    return _code(project, {"audited_roles.json": roles})


def _code(project: Path, more: Mapping[str, str]) -> Bundle:
    files, digest = bundle_files(project), hashlib.sha256()
    for path in files:
        text = (project / path).read_bytes()
        digest.update(f"{path} {len(text)}\n".encode() + text)
    for path, content in more.items():
        digest.update(f"{path} {len(content)}\n{content}".encode())
    assets: dict[str, pulumi.Asset | pulumi.Archive] = {path: pulumi.FileAsset(path) for path in files}
    archive = pulumi.AssetArchive(assets | {path: pulumi.StringAsset(content) for path, content in more.items()})
    return Bundle(archive=archive, version=digest.hexdigest()[:12])
