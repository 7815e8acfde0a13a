"""An example that is started without its settings says what to set, and shows no traceback."""

import os
import runpy
import sys

import pytest

SAYS = {
    "reporting": "KeyStoreNotConfigured: .*set KLAVIYO_ACCESS_ENVIRONMENT",
    "event_tracker": "KeyStoreNotConfigured: .*set KLAVIYO_ACCESS_ENVIRONMENT",
    "profile_sync": "KeyStoreNotConfigured: .*set KLAVIYO_ACCESS_ENVIRONMENT",
    "fastapi_app": "PermissionsUnusable: .*KLAVIYO_ACCESS_PERMISSIONS names none",
    "flask_app": "KeyStoreNotConfigured: .*set KLAVIYO_ACCESS_ENVIRONMENT",
    "login": "python -m examples.login ada|",
}


@pytest.mark.parametrize(("example", "said"), SAYS.items(), ids=SAYS)
@pytest.mark.filterwarnings("ignore:'examples.login' found in sys.modules:RuntimeWarning")
def test_an_example_without_settings_says_what_to_set(monkeypatch: pytest.MonkeyPatch, example: str, said: str) -> None:
    for name in [name for name in os.environ if name.startswith(("KLAVIYO_", "AWS_", "EXAMPLE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "argv", [example])
    with pytest.raises(SystemExit, match=said):
        runpy.run_module(f"examples.{example}", run_name="__main__")
