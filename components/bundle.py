"""The rotator's code as Lambda runs it: the files of `rotation/` and the few modules that it shares with services."""

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
    "klaviyo_access/klaviyo/probes.py",
    "klaviyo_access/webhooks/__init__.py",
    "klaviyo_access/webhooks/labels.py",
    "klaviyo_access/webhooks/secret.py",
)
"""Modules of the package that import nothing but the standard library."""


def bundle_files(project: Path) -> tuple[str, ...]:
    """The bundle's files as paths relative to ``project``, in the order of the alphabet."""
    rotation = (path.relative_to(project).as_posix() for path in (project / "rotation").glob("*.py"))
    return tuple(sorted((*rotation, *SHARED_MODULES)))


def rotator_code(project: Path) -> pulumi.AssetArchive:
    """The bundle; the same sources give the same hash wherever the checkout lies, since paths are relative."""
    return pulumi.AssetArchive({path: pulumi.FileAsset(path) for path in bundle_files(project)})
