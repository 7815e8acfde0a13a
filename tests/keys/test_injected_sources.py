"""The key as a platform hands it over: an environment variable or a file, bare or as the secret's JSON."""

from pathlib import Path
from typing import Any

import pytest

from klaviyo_access.errors import KeyStoreNotConfigured, KeyStoreUnavailable, KeyValueMalformed
from klaviyo_access.keys import KeyStore
from klaviyo_access.keys.snapshot import KeySnapshot
from klaviyo_access.keys.sources.injected import EnvironmentSource, FileSource
from tests.keys.fakes import KEYS
from tests.keys.secrets_manager_stub import KEY, OTHER_KEY, value


def by_variable(text: str, tmp_path: Path, **environ: str) -> KeySnapshot:
    return EnvironmentSource("viewer", environ={"KLAVIYO_API_KEY": text} | environ, clock=lambda: 7.0).fetch()


def by_file(text: str, tmp_path: Path, **environ: str) -> KeySnapshot:
    (tmp_path / "key").write_text(text)
    environ["KLAVIYO_ACCESS_KEY_FILE"] = str(tmp_path / "key")
    return FileSource("viewer", environ=environ, clock=lambda: 7.0).fetch()


both = pytest.mark.parametrize("read", [by_variable, by_file])


@both
@pytest.mark.parametrize("text", [KEY, f"{KEY}\n", value(), f" {value()}\n"], ids=["bare", "line", "JSON", "file"])
def test_the_key_is_bare_or_the_secrets_json(read: Any, text: str, tmp_path: Path) -> None:
    found = read(text, tmp_path)
    assert (found.role, found.key.reveal(), found.endpoint) == ("viewer", KEY, "https://a.klaviyo.com")
    assert found.fetched_at == 7.0


@both
def test_a_bare_key_is_for_the_klaviyo_that_the_environment_names(read: Any, tmp_path: Path) -> None:
    assert read(KEY, tmp_path, KLAVIYO_URL="http://127.0.0.1:4567").endpoint == "http://127.0.0.1:4567"
    with pytest.raises(KeyValueMalformed, match="endpoint"):
        read(KEY, tmp_path, KLAVIYO_URL="http://klaviyo.example")


@both
@pytest.mark.parametrize("text", [f"{KEY}0", "pk_", '"' + KEY + '"', value(role="admin"), "\0"])
def test_anything_else_is_refused_and_not_quoted(read: Any, text: str, tmp_path: Path) -> None:
    with pytest.raises(KeyValueMalformed) as raised:
        read(text, tmp_path)
    assert KEY not in f"{raised.value!r}{raised.value.__context__!r}"


@both
@pytest.mark.parametrize(
    ("text", "said"), [("pk_123", "6 characters in another form"), ("AbC123", "looks like the public key")]
)
def test_a_key_with_a_slip_is_told_what_is_wrong_and_that_the_platform_injects_it(
    read: Any, text: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(KeyValueMalformed, match=f"{said}.*inject the role's secret") as raised:
        read(text, tmp_path)
    assert "rotate" not in str(raised.value)


def test_a_variable_that_is_not_set_is_named() -> None:
    for environ in ({}, {"KLAVIYO_API_KEY": ""}):
        with pytest.raises(KeyStoreNotConfigured, match="KLAVIYO_API_KEY"):
            EnvironmentSource("viewer", environ=environ).fetch()
    with pytest.raises(KeyStoreNotConfigured, match="KLAVIYO_ACCESS_KEY_FILE"):
        FileSource("viewer", environ={})


def test_a_file_that_is_not_there_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(KeyStoreUnavailable, match=r"nowhere.*No such file"):
        FileSource("viewer", environ={"KLAVIYO_ACCESS_KEY_FILE": str(tmp_path / "nowhere")}).fetch()


def test_a_file_that_the_driver_replaces_is_read_again_within_seconds_and_at_once_after_a_401(tmp_path: Path) -> None:
    mounted, data = tmp_path / "key", tmp_path / "..data"
    for version, key in (("1", KEY), ("2", OTHER_KEY)):  # as the CSI driver does: a link that is moved
        (tmp_path / version).write_text(value(key))
    data.symlink_to(tmp_path / "1")
    mounted.symlink_to(data)
    with KeyStore("viewer", sources=["file"], environ={"KLAVIYO_ACCESS_KEY_FILE": str(mounted)}) as store:
        assert (store.key.reveal(), store.snapshot.fresh_for) == (KEY, 10.0)
        (tmp_path / "new").symlink_to(tmp_path / "2")
        (tmp_path / "new").replace(data)
        store.refresh(rejected=store.key)
        assert store.key.reveal() == OTHER_KEY
        assert store.key != KEYS[0]
