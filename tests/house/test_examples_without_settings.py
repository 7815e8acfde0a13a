"""An example that is started without its settings says what to set, and shows no traceback."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SAYS = {
    "reporting": "KeyStoreNotConfigured: .*set KLAVIYO_ACCESS_ENVIRONMENT",
    "event_tracker": "KeyStoreNotConfigured: .*set KLAVIYO_ACCESS_ENVIRONMENT",
    "profile_sync": "KeyStoreNotConfigured: .*set KLAVIYO_ACCESS_ENVIRONMENT",
    "fastapi_app": "PermissionsUnusable: .*KLAVIYO_ACCESS_PERMISSIONS names none",
    "flask_app": "KeyStoreNotConfigured: .*set KLAVIYO_ACCESS_ENVIRONMENT",
    "login": r"python -m examples.login ada\|",
}


@pytest.mark.parametrize(("example", "said"), SAYS.items(), ids=SAYS)
def test_an_example_without_settings_says_what_to_set(example: str, said: str) -> None:
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("KLAVIYO_", "AWS_", "EXAMPLE_"))
    }
    started = subprocess.run(
        [sys.executable, "-m", f"examples.{example}"],
        cwd=PROJECT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert started.returncode == 1
    assert re.search(said, started.stderr), started.stderr
    assert "Traceback" not in started.stderr
