"""Versions and labels, as tables of histories; quotations are botocore's model text of the operation named."""

from collections.abc import Iterator

import pytest

from sandbox.aws.calls import AwsError, Json
from sandbox.aws.secrets_manager.state import DAY
from tests.sandbox.secrets_manager_bench import Bench, token

CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as bench:
        bench.secret("s")
        yield bench


def put(number: int, *stages: str) -> tuple[str, Json]:
    """PutSecretValue with labels (none: as if not named)."""
    named: Json = {"VersionStages": list(stages)} if stages else {}
    return "PutSecretValue", {"ClientRequestToken": token(number), "SecretString": f"value {number}", **named}


def update(number: int) -> tuple[str, Json]:
    """UpdateSecret with a value."""
    return "UpdateSecret", {"ClientRequestToken": token(number), "SecretString": f"value {number}"}


def move(stage: str, *, source: int | None = None, target: int | None = None) -> tuple[str, Json]:
    """UpdateSecretVersionStage."""
    ends = {"RemoveFromVersionId": source, "MoveToVersionId": target}
    return "UpdateSecretVersionStage", {
        "VersionStage": stage,
        **{name: token(end) for name, end in ends.items() if end is not None},
    }


def play(bench: Bench, *history: tuple[str, Json]) -> str | None:
    """Make the calls of a history; the code of the refusal that ended it."""
    for operation, parameters in history:
        try:
            bench.call(operation, SecretId="s", **parameters)
        except AwsError as error:
            return error.code
    return None


HISTORIES = {
    "a put with current moves previous": ([put(1), put(2, "A", CURRENT)], {1: {PREVIOUS}, 2: {"A", CURRENT}}),
    "a label named twice is one": ([put(1), put(2, "A", "A")], {1: {CURRENT}, 2: {"A"}}),
    "a label where it is already stays": ([put(1), move(CURRENT, target=1)], {1: {CURRENT}}),
    "a label moved from where it is to there stays": ([put(1), move(CURRENT, source=1, target=1)], {1: {CURRENT}}),
    "previous can be taken off": ([put(1), put(2), move(PREVIOUS, source=1)], {2: {CURRENT}}),
}


@pytest.mark.parametrize(("history", "stages"), HISTORIES.values(), ids=HISTORIES)
def test_labels_after_a_history(bench: Bench, history: list[tuple[str, Json]], stages: dict[int, set[str]]) -> None:
    """PutSecretValue: "If you specify a staging label that's already associated with a different version of the same
    secret, then Secrets Manager removes the label from the other version and attaches it to this version."
    UpdateSecretVersionStage: "Whenever you move AWSCURRENT, Secrets Manager automatically moves the label AWSPREVIOUS
    to the version that AWSCURRENT was removed from."
    """
    assert play(bench, *history) is None
    assert bench.stages() == stages


REFUSALS = {
    "a wrong holder, even towards the right one": (
        [put(1), put(2, "A"), move("A", source=1, target=2)],
        "InvalidParameterException",
    ),
    "a free label with a holder": ([put(1), move("A", source=1)], "InvalidParameterException"),
    "neither end": ([put(1), move("A")], "InvalidParameterException"),
    "a version that does not exist": ([put(1), move("A", target=9)], "ResourceNotFoundException"),
    "both kinds of value": (
        [("PutSecretValue", put(1)[1] | {"SecretBinary": "eA=="})],
        "InvalidParameterException",
    ),
    "no value": ([("PutSecretValue", {"ClientRequestToken": token(1)})], "InvalidParameterException"),
    "no token": ([("PutSecretValue", {"SecretString": "x"})], "InvalidRequestException"),
}


@pytest.mark.parametrize(("history", "code"), REFUSALS.values(), ids=REFUSALS)
def test_the_last_call_of_a_history_is_refused_and_changes_nothing(
    bench: Bench, history: list[tuple[str, Json]], code: str
) -> None:
    """UpdateSecretVersionStage: "If the label is attached and you either do not specify this parameter, or the version
    ID does not match, then the operation fails." UpdateSecret: "If you call this operation with a ClientRequestToken
    that matches an existing version's VersionId, the operation results in an error."
    """
    assert play(bench, *history[:-1]) is None
    before = bench.call("DescribeSecret", SecretId="s")
    assert play(bench, history[-1]) == code
    assert bench.call("DescribeSecret", SecretId="s") == before


def test_versions_without_labels_are_kept_a_day_and_then_collected(bench: Bench) -> None:
    """PutSecretValue: "it keeps all secret versions created in the last 24 hours"."""
    for number in (1, 2, 3):
        bench.put(number)
    assert bench.call("GetSecretValue", SecretId="s", VersionId=token(1))["VersionStages"] == []
    listed = bench.call("ListSecretVersionIds", SecretId="s", IncludeDeprecated=True)["Versions"]
    assert [version["VersionId"] for version in listed] == [token(1), token(2), token(3)]
    bench.now += DAY
    assert bench.refusal("GetSecretValue", SecretId="s", VersionId=token(1)).code == "ResourceNotFoundException"
    assert bench.stages() == {2: {PREVIOUS}, 3: {CURRENT}}


def test_a_secret_has_at_most_a_hundred_versions(bench: Bench) -> None:
    for number in range(1, 101):
        bench.put(number)
    assert play(bench, put(101)) == "LimitExceededException"
    bench.now += DAY
    assert play(bench, put(101)) is None


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        (
            {"VersionStage": PREVIOUS},
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret value for staging label: AWSPREVIOUS",
        ),
        (
            {"VersionId": token(9)},
            "ResourceNotFoundException",
            f"Secrets Manager can't find the specified secret value for VersionId: {token(9)}",
        ),
        (
            {"VersionId": token(1), "VersionStage": PENDING},
            "InvalidRequestException",
            "You provided a VersionStage that is not associated to the provided VersionId.",
        ),
    ],
)
def test_a_value_that_is_not_there(bench: Bench, asked: Json, code: str, message: str) -> None:
    """GetSecretValue: "If you include both this parameter and VersionStage, the two parameters must refer to the same
    secret version."
    """
    bench.put(1)
    refused = bench.refusal("GetSecretValue", SecretId="s", **asked)
    assert (refused.code, refused.message) == (code, message)


def test_a_read_leaves_its_day_on_the_secret_and_on_the_version(bench: Bench) -> None:
    """LastAccessedDate: "the resolution of this field is at the date level and does not include the time"."""
    bench.put(1)
    bench.put(2, "A")
    changed = bench.call("DescribeSecret", SecretId="s")["LastChangedDate"]
    bench.now += 2 * DAY
    bench.call("GetSecretValue", SecretId="s")
    versions = bench.call("ListSecretVersionIds", SecretId="s")["Versions"]
    assert [version.get("LastAccessedDate") for version in versions] == [bench.now // DAY * DAY, None]
    described = bench.call("DescribeSecret", SecretId="s")
    assert (described["LastAccessedDate"], described["LastChangedDate"]) == (bench.now // DAY * DAY, changed)


def test_batch_get_by_filter_pages_through_what_matches(bench: Bench) -> None:
    for name in ("app/a", "app/b", "other"):
        bench.secret(name)
        bench.put(1, name=name)
    by_name = [{"Key": "name", "Values": ["app/"]}]
    first = bench.call("BatchGetSecretValue", Filters=by_name, MaxResults=1)
    second = bench.call("BatchGetSecretValue", Filters=by_name, MaxResults=1, NextToken=first["NextToken"])
    assert [value["Name"] for page in (first, second) for value in page["SecretValues"]] == ["app/a", "app/b"]
    assert "NextToken" not in second
