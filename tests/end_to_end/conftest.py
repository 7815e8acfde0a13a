"""One deployed environment for all end-to-end tests."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.end_to_end.deployed import PROJECT, Deployed, clean_environment


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """What `make up` makes, on ports of its own."""
    home = tmp_path_factory.mktemp("deployed") / "home"
    environ = clean_environment(home)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments], cwd=PROJECT, env=environ, capture_output=True, text=True, check=False
        )

    try:
        started = run("-m", "sandbox", "start", "--port", "0", "--klaviyo-port", "0")
        assert started.returncode == 0, started.stdout + started.stderr
        tour = run("-m", "sandbox.tour", "up")
        assert tour.returncode == 0, tour.stdout + tour.stderr
        yield Deployed(home, environ, tour.stdout + tour.stderr)
    finally:
        down = run("-m", "sandbox.tour", "down")
    assert down.returncode == 0, down.stdout + down.stderr
    assert not home.exists()
