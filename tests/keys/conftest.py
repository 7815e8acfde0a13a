"""Secrets Manager on a loopback port, and an environment that names it and nothing of this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.keys.secrets_manager_stub import SecretsManagerStub, secrets_manager


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SecretsManagerStub]:
    with secrets_manager() as stub:
        for name, value in {
            "AWS_ENDPOINT_URL": stub.url,
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "token",
            "AWS_CONFIG_FILE": str(tmp_path / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_SECRETS_MANAGER"):
            monkeypatch.delenv(name, raising=False)
        yield stub
