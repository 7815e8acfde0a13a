"""Sources in the configured order: which are passed over, which answer stands, what an error names."""

from functools import partial
from typing import Any

import pytest

from klaviyo_access.errors import (
    KeyReadDenied,
    KeyStoreError,
    KeyStoreNotConfigured,
    KeyStoreUnavailable,
    KeyValueMalformed,
    NoKeyYet,
)
from klaviyo_access.keys import Key, KeySnapshot, KeyStore
from klaviyo_access.keys.sources.configured import source_names
from klaviyo_access.keys.sources.ordered import OrderedSources
from tests.keys.fakes import KEYS, snapshot
from tests.keys.secrets_manager_stub import KEY, OTHER_KEY, SecretsManagerStub, current

OLD, NEW = KEYS[:2]


@pytest.mark.parametrize(
    ("argument", "variable", "names"),
    [
        (None, None, ("secrets-manager",)),
        (None, "agent, secrets-manager", ("agent", "secrets-manager")),
        (["file"], "agent", ("file",)),
        (["environment", "environment"], None, ("environment",)),
        ("agent", None, ("agent",)),
        ("agent,file", None, ("agent", "file")),
    ],
)
def test_sources_are_named_by_the_argument_then_by_the_environment(
    argument: Any, variable: str | None, names: tuple[str, ...]
) -> None:
    environ = {} if variable is None else {"KLAVIYO_ACCESS_SOURCES": variable}
    assert source_names(argument, environ) == names


@pytest.mark.parametrize(("argument", "said"), [([], "none was named"), (["vault"], "'vault' is none of them")])
def test_an_unknown_source_is_refused_with_those_that_there_are(argument: list[str], said: str) -> None:
    with pytest.raises(KeyStoreNotConfigured, match=f"secrets-manager, agent, .*{said}"):
        KeyStore("viewer", sources=argument)


def itself(source: "One") -> "One":
    return source


class One:
    """A source that has a key, or raises."""

    def __init__(self, answer: Key | KeyStoreError) -> None:
        self.answer = answer
        self.asked = 0

    def fetch(self, *, rejected: Key | None = None) -> KeySnapshot:  # noqa: ARG002 - a source's signature
        self.asked += 1
        if isinstance(self.answer, KeyStoreError):
            raise self.answer
        return snapshot(self.answer)


UNSET, DOWN = KeyStoreNotConfigured("it is not set"), KeyStoreUnavailable("it is down")
DENIED = KeyReadDenied("viewer", "x", principal="")
EMPTY, BROKEN = NoKeyYet("viewer", "x"), KeyValueMalformed("viewer", "x", reason="is no JSON object")


@pytest.mark.parametrize(
    ("answers", "rejected", "expected", "asked"),
    [
        ([OLD, NEW], None, OLD, [1, 0]),
        ([UNSET, DOWN, NEW], None, NEW, [1, 1, 1]),
        ([OLD, NEW], OLD, NEW, [1, 1]),
        ([OLD, UNSET, OLD], OLD, OLD, [1, 1, 1]),
        ([OLD, DOWN], OLD, KeyStoreUnavailable, [1, 1]),
        ([DOWN, OLD], OLD, KeyStoreUnavailable, [1, 1]),
        ([DENIED, NEW], None, KeyReadDenied, [1, 0]),
        ([EMPTY, NEW], None, NoKeyYet, [1, 0]),
        ([BROKEN, NEW], None, KeyValueMalformed, [1, 0]),
        ([UNSET, UNSET], None, KeyStoreNotConfigured, [1, 1]),
        ([UNSET, DOWN], None, KeyStoreUnavailable, [1, 1]),
    ],
)
def test_the_first_good_key_is_taken_and_a_definite_answer_stands(
    answers: list[Any], rejected: Key | None, expected: Any, asked: list[int]
) -> None:
    sources = {str(number): One(answer) for number, answer in enumerate(answers)}
    ordered = OrderedSources("viewer", {name: partial(itself, source) for name, source in sources.items()})
    if isinstance(expected, Key):
        assert ordered.fetch(rejected=rejected).key == expected
    else:
        with pytest.raises(expected):
            ordered.fetch(rejected=rejected)
    assert [source.asked for source in sources.values()] == asked


def test_when_no_source_has_a_key_each_says_why() -> None:
    environ = {"AWS_REGION": "eu-west-1", "KLAVIYO_ACCESS_SOURCES": "environment,file,agent,secrets-manager"}
    with pytest.raises(KeyStoreNotConfigured) as raised:
        KeyStore("viewer", environ=environ)
    said = str(raised.value).splitlines()
    assert "role 'viewer'" in said[0]
    assert [line.split(":")[0] for line in said[1:]] == ["- environment", "- file", "- agent", "- secrets-manager"]
    for named in ("KLAVIYO_API_KEY", "KLAVIYO_ACCESS_KEY_FILE", "KLAVIYO_ACCESS_ENVIRONMENT"):
        assert named in str(raised.value)


def test_an_injected_key_that_klaviyo_rejects_is_replaced_out_of_secrets_manager_and_stays_so(
    aws: SecretsManagerStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KLAVIYO_API_KEY", KEY)
    aws.answers = [current(OTHER_KEY)]
    sources = ["environment", "secrets-manager"]
    with KeyStore("viewer", secret_id="x", region="eu-west-1", sources=sources) as store:
        assert (store.key.reveal(), len(aws.requests)) == (KEY, 0)
        store.refresh(rejected=store.key)
        assert (store.key.reveal(), len(aws.requests)) == (OTHER_KEY, 1)
        store.refresh()
        assert store.key.reveal() == OTHER_KEY


def test_a_roll_back_to_a_key_that_was_rejected_once_is_followed_and_not_passed_over() -> None:
    stale = KEYS[2]
    secrets_manager, injected = One(OLD), One(stale)
    ordered = OrderedSources("viewer", {"secrets-manager": lambda: secrets_manager, "environment": lambda: injected})
    with KeyStore("viewer", source=ordered) as store:
        secrets_manager.answer = NEW
        store.refresh(rejected=OLD)
        secrets_manager.answer = OLD
        store.refresh()
        assert store.key == OLD
        store.refresh(rejected=OLD)  # and while the source itself has had no other since, it is passed over
        store.refresh()
        assert store.key == stale
