"""``keys adopt``: what the operator is told of a key that he does not see."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.cli.cli_fakes import Command, FakeAws

KEY, FP = "klaviyo/dev/viewer/key", "aaaaaaaaaaaa"


@pytest.fixture
def bare(aws: FakeAws) -> FakeAws:
    """Somebody put a value into viewer's secret, and no label names a key."""
    aws.labels[KEY] = {"v1": ["AWSCURRENT"]}
    return aws


@pytest.mark.parametrize(
    ("answer", "code", "out", "err"),
    [
        ({"outcome": "adopted"}, 0, f"viewer: {FP} is managed now.\n", "Next: klaviyo-access keys stage viewer"),
        (
            {"outcome": "adopted", "unproved": ["profiles:write"]},
            0,
            f"viewer: {FP} is managed now.\n",
            "Without proof, since Klaviyo has no exact question for them: profiles:write.",
        ),
        (
            {"outcome": "adopted", "reason": "missing:lists:read,tags:read"},
            1,
            f"viewer: {FP} is managed now.\n",
            "It is not the key that viewer needs: it lacks lists:read, tags:read, which its role has.",
        ),
        ({"outcome": "no answer"}, 3, "", f"{FP} is managed now; whether it has the role's scopes, Klaviyo did not"),
        ({"outcome": "nothing to adopt", "reason": "malformed"}, 1, "", "holds no Klaviyo private key, or several"),
    ],
    ids=["good", "unproved", "short of scopes", "Klaviyo is down", "no key"],
)
def test_each_answer_is_told(
    command: Command, bare: FakeAws, answer: Mapping[str, Any], code: int, out: str, err: str
) -> None:
    bare.on_invoke = lambda _event: {"action": "adopt", "fingerprint": FP, **answer}
    result = command("keys", "adopt", "viewer", "--yes", "--stack", "dev")
    assert (result.code, result.out) == (code, out)
    assert err in result.err
    assert bare.events == [{"action": "adopt"}]
    assert "GetSecretValue" not in bare.calls


def test_what_the_next_rotation_changes_is_said_before(command: Command, bare: FakeAws) -> None:
    result = command("keys", "adopt", "viewer", "--stack", "dev")
    assert result.code == 2
    assert "puts JSON in its place, with the new key under 'apiKey'" in result.err
    assert bare.events == []


@pytest.mark.parametrize(
    ("labels", "code", "said"),
    [({}, 1, "holds nothing to adopt"), ({"v1": ["AWSCURRENT", f"KEY:{FP}"]}, 0, f"{FP} is managed already")],
    ids=["empty", "managed"],
)
def test_where_there_is_nothing_to_do_nobody_is_asked(
    command: Command, aws: FakeAws, labels: dict[str, list[str]], code: int, said: str
) -> None:
    aws.labels[KEY] = labels
    result = command("keys", "adopt", "viewer", "--yes", "--stack", "dev")
    assert result.code == code
    assert said in result.out + result.err
    assert aws.events == []
