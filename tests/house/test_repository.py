"""What must never be in a file of the repository."""

import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

NEVER = {
    "a Klaviyo private key": re.compile(r"\bpk_(?:[A-Za-z0-9]{6}_)?[0-9a-f]{34}\b"),
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a path of one machine": re.compile(r"(?<![\w.])/(?:home|root|Users)/\w+"),
    "a package registry's host": re.compile(r"\b(?:files\.pythonhosted|pypi|registry\.npmjs)\.org\b"),
}


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, check=True, capture_output=True, text=True).stdout  # noqa: S607 - git is on PATH wherever a checkout is
    return [PROJECT / name for name in listing.split("\0") if name]


@pytest.mark.parametrize("what", NEVER)
def test_no_file_holds(what: str) -> None:
    found = [
        f"{path.relative_to(PROJECT)}: {match[0][:6]}…"
        for path in tracked_files()
        if path.is_file()
        for match in [NEVER[what].search(path.read_text("utf-8", errors="replace"))]
        if match
    ]
    assert found == []
