"""The package says which version it is, and imports nothing for it until it is asked."""

import importlib.metadata
import subprocess
import sys

import pytest

import klaviyo_access


def test_the_version_is_that_of_the_installed_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", {"klaviyo-access": "1.2.3"}.__getitem__)
    assert klaviyo_access.__version__ == "1.2.3"


def test_a_package_that_is_not_installed_says_so_and_has_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert klaviyo_access.__version__ == "0+unknown"
    with pytest.raises(AttributeError, match="no attribute 'version'"):
        _ = klaviyo_access.version  # type: ignore[attr-defined] # what is tried


def test_importing_the_package_looks_nothing_up() -> None:
    program = "import sys; before = set(sys.modules); import klaviyo_access; print(sorted(set(sys.modules) - before))"
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert answer == "['klaviyo_access']\n"
