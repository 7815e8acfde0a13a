"""docs/keys.md says what is so; its ```python blocks run with those of all pages on a deployed sandbox."""

import re
from pathlib import Path

import pytest

from klaviyo_access.errors import KeyStoreError
from klaviyo_access.keys import Key, KeyStore
from klaviyo_access.keys.keeper import HOLD_OFF
from klaviyo_access.keys.snapshot import FRESH_FOR
from klaviyo_access.keys.sources.configured import source_names
from klaviyo_access.keys.sources.injected import FILE_FRESH_FOR
from klaviyo_access.keys.store import STALE_AFTER
from tests.keys.secrets_manager_stub import KEY, OTHER_KEY, Answer, SecretsManagerStub, value

PAGE = (Path(__file__).parents[2] / "docs/keys.md").read_text("utf-8")


def table(title: str) -> list[str]:
    """The names in the first column of the table under a title."""
    _, _, section = PAGE.partition(f"## {title}\n")
    return re.findall(r"^\| `([\w-]+)` \|", section.partition("\n## ")[0], re.MULTILINE)


def test_the_tables_name_every_source_and_every_error_of_a_store() -> None:
    sources = table("Where the key comes from")
    assert source_names(sources, {}) == tuple(sources)
    assert len(sources) == 5
    assert sorted(table("When there is no key")) == sorted(kind.__name__ for kind in KeyStoreError.__subclasses__())


def test_the_times_that_the_page_states_are_those_of_the_library() -> None:
    assert (FRESH_FOR, STALE_AFTER, HOLD_OFF, FILE_FRESH_FOR) == (15 * 60, 24 * 60 * 60, 5, 10)
    for stated in ("every 15 minutes", "for 24 hours", "the next after 5 s", "every 10 s"):
        assert stated in PAGE


def test_an_injected_key_follows_a_rotation_as_the_page_says(
    aws: SecretsManagerStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, setting in {
        "AWS_REGION": "eu-west-1",
        "KLAVIYO_ACCESS_ENVIRONMENT": "dev",
        "KLAVIYO_API_KEY": KEY,
    }.items():
        monkeypatch.setenv(name, setting)
    aws.answers = [Answer({"SecretString": value(OTHER_KEY, role="event-tracker")})]
    (block,) = re.findall(r"^```py\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    ran: dict[str, KeyStore] = {}
    exec(block, ran)  # noqa: S102 - our own page
    assert ran["store"].key == Key(OTHER_KEY)
