"""At DEBUG no logger is told a secret that the stores read or write: not theirs, not botocore's, not urllib3's."""

import json
import logging
from pathlib import Path

import pytest

from klaviyo_access.aws.client import AwsClient
from klaviyo_access.aws.settings import SECRETS_MANAGER
from klaviyo_access.errors import KlaviyoAccessError
from klaviyo_access.keys import KeyStore
from klaviyo_access.oauth import AppSecrets, OAuthTokens, Secret
from klaviyo_access.webhooks.secrets_manager import SecretPlace, SecretsManagerVersions
from tests.keys.secrets_manager_stub import KEY, Answer, SecretsManagerStub, refused, secrets_manager

HIDDEN = "hidden-from-every-log"
TOKENS = OAuthTokens(
    access_token=Secret(f"new-access-{HIDDEN}"),
    refresh_token=Secret(f"new-refresh-{HIDDEN}"),
    expires_at=1.0,
    scopes=(),
)


def held(**value: object) -> Answer:
    return Answer({"VersionId": "v1", "SecretString": json.dumps(value)})


def use_the_stores(aws: SecretsManagerStub, environ: dict[str, str]) -> None:
    """Read and write each kind of secret by its own store, over HTTP."""
    app = AppSecrets("klaviyo/dev/oauth", AwsClient(SECRETS_MANAGER, environ=environ, pause=lambda _: None).ask)
    aws.answers = [held(clientId="app", clientSecret=f"client-{HIDDEN}")]
    assert app.credentials().client_secret.reveal() == f"client-{HIDDEN}"
    aws.answers = [held(accessToken=f"access-{HIDDEN}", refreshToken=f"refresh-{HIDDEN}", expiresAt=1.0, scopes=[])]
    loaded = app.load("AbC123")
    assert loaded is not None
    assert loaded.refresh_token.reveal() == f"refresh-{HIDDEN}"
    aws.answers = [Answer({"VersionId": "v2"})]
    app.save("AbC123", TOKENS)
    assert HIDDEN in aws.requests[-1][1]["SecretString"]
    aws.answers = [
        Answer({"VersionIdsToStages": {"v1": ["AWSCURRENT"]}}),
        held(secretKey=f"webhook-{HIDDEN}-32-characters"),
    ]
    (signing,) = SecretsManagerVersions(SecretPlace(secret_id="w"), environ=environ).fetch()
    assert HIDDEN in signing.reveal()
    aws.answers = [held(apiKey=KEY, role="viewer", scopes=[])]
    with KeyStore("viewer", secret_id="k", environ=environ) as keys:
        assert keys.key.reveal() == KEY
    aws.answers = [refused("InvalidRequestException", f"You sent {TOKENS.to_json()}")]
    with pytest.raises(KlaviyoAccessError):
        app.load("AbC123")
    aws.answers = [Answer(aws.answers[0].document, breaks_off=True)]
    with pytest.raises(KlaviyoAccessError):
        app.save("AbC123", TOKENS)


@pytest.mark.parametrize("settings", ["variables", "a file, by botocore's session"])
def test_no_logger_is_told_a_secret_that_a_store_reads_or_writes(
    settings: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    config = tmp_path / "config"
    if settings != "variables":
        config.write_text("[default]\nregion = eu-west-1\n")
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):  # each tells all, to the root's handlers
            monkeypatch.setattr(logger, "level", logging.NOTSET)
            monkeypatch.setattr(logger, "propagate", True)
            monkeypatch.setattr(logger, "disabled", False)
            logger.manager._clear_cache()  # type: ignore[attr-defined] # setLevel's own way, which cannot be undone here
    with secrets_manager() as aws, caplog.at_level(logging.DEBUG):
        environ = {
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": f"aws-{HIDDEN}",
            "AWS_CONFIG_FILE": str(config),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        }
        use_the_stores(aws, environ)
    assert {"urllib3.connectionpool", "botocore.auth"} <= {record.name for record in caplog.records}
    told = [f"{record.name}: {record.getMessage()} {record.args}" for record in caplog.records]
    assert [line for line in told if HIDDEN in line or KEY in line] == []
