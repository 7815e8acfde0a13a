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
    "a value without labels becomes current": ([put(1)], {1: {CURRENT}}),
    "the next one leaves the first as previous": ([put(1), put(2)], {1: {PREVIOUS}, 2: {CURRENT}}),
    "the former previous loses its label": ([put(1), put(2), put(3)], {2: {PREVIOUS}, 3: {CURRENT}}),
    "an update moves current too": ([put(1), update(2)], {1: {PREVIOUS}, 2: {CURRENT}}),
    "a put steals its labels": ([put(1), put(2, "A", "B"), put(3, "B")], {1: {CURRENT}, 2: {"A"}, 3: {"B"}}),
    "labels without current leave current": ([put(1), put(2, PENDING)], {1: {CURRENT}, 2: {PENDING}}),
    "a put with current moves previous": ([put(1), put(2, "A", CURRENT)], {1: {PREVIOUS}, 2: {"A", CURRENT}}),
    "the same put again does nothing": ([put(1), put(2), put(1)], {1: {PREVIOUS}, 2: {CURRENT}}),
    "the same put with other labels does nothing": ([put(1), put(2), put(1, "A")], {1: {PREVIOUS}, 2: {CURRENT}}),
    "a label named twice is one": ([put(1), put(2, "A", "A")], {1: {CURRENT}, 2: {"A"}}),
    "current moves and previous follows": (
        [put(1), put(2, PENDING), move(CURRENT, source=1, target=2)],
        {1: {PREVIOUS}, 2: {PENDING, CURRENT}},
    ),
    "current moves back": (
        [put(1), put(2), move(CURRENT, source=2, target=1)],
        {1: {CURRENT}, 2: {PREVIOUS}},
    ),
    "a free label is added": ([put(1), move("A", target=1)], {1: {CURRENT, "A"}}),
    "a label is removed": ([put(1), put(2, "A"), move("A", source=2)], {1: {CURRENT}}),
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
    "another value under a used token": (
        [put(1), ("PutSecretValue", put(1)[1] | {"SecretString": "other"})],
        "ResourceExistsException",
    ),
    "binary under a used token": (
        [put(1), ("PutSecretValue", {"ClientRequestToken": token(1), "SecretBinary": "dmFsdWUgMQ=="})],
        "ResourceExistsException",
    ),
    "an update under a used token, even of the same value": ([put(1), update(1)], "ResourceExistsException"),
    "a held label without its holder": ([put(1), put(2, "A"), move("A", target=1)], "InvalidParameterException"),
    "a held label with a wrong holder": (
        [put(1), put(2, "A"), put(3, "B"), move("A", source=3, target=1)],
        "InvalidParameterException",
    ),
    "a wrong holder, even towards the right one": (
        [put(1), put(2, "A"), move("A", source=1, target=2)],
        "InvalidParameterException",
    ),
    "a free label with a holder": ([put(1), move("A", source=1)], "InvalidParameterException"),
    "neither end": ([put(1), move("A")], "InvalidParameterException"),
    "current taken off altogether": ([put(1), move(CURRENT, source=1)], "InvalidParameterException"),
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


def test_at_most_twenty_labels_on_all_versions_of_a_secret(bench: Bench) -> None:
    bench.put(1, *[f"L{n}" for n in range(10)])
    bench.put(2, *[f"M{n}" for n in range(9)])
    assert sum(len(stages) for stages in bench.stages().values()) == 20
    assert play(bench, put(3, "ONE-TOO-MANY")) == "LimitExceededException"
    assert play(bench, move("ONE-TOO-MANY", target=1)) == "LimitExceededException"
    assert play(bench, put(3)) == "LimitExceededException"  # AWSPREVIOUS would be the twenty-first
    assert play(bench, put(3, "L0")) is None


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


def test_a_value_is_read_by_label_by_id_and_by_both(bench: Bench) -> None:
    bench.put(1)
    bench.put(2, PENDING)
    read = bench.call("GetSecretValue", SecretId="s")
    assert (read["SecretString"], read["VersionId"], read["VersionStages"]) == ("value 1", token(1), [CURRENT])
    assert bench.call("GetSecretValue", SecretId="s", VersionStage=PENDING)["SecretString"] == "value 2"
    assert bench.call("GetSecretValue", SecretId="s", VersionId=token(2))["SecretString"] == "value 2"
    agreed = bench.call("GetSecretValue", SecretId="s", VersionId=token(2), VersionStage=PENDING)
    assert agreed["SecretString"] == "value 2"


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


def test_a_secret_without_a_value_says_so(bench: Bench) -> None:
    refused = bench.refusal("GetSecretValue", SecretId="s")
    assert (refused.code, refused.message) == (
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
    )


def test_a_binary_value_comes_back_as_it_was_put(bench: Bench) -> None:
    bench.call("PutSecretValue", SecretId="s", ClientRequestToken=token(1), SecretBinary="AAEC")
    read = bench.call("GetSecretValue", SecretId="s")
    assert read["SecretBinary"] == "AAEC"
    assert "SecretString" not in read


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


def test_batch_get_tells_what_each_secret_refuses_and_returns_the_rest(bench: Bench) -> None:
    """BatchGetSecretValue: "If Secrets Manager encounters errors such as AccessDeniedException while attempting to
    retrieve any of the secrets, you can see the errors in Errors in the response."
    """
    bench.put(1)
    for name in ("empty", "secret"):
        bench.secret(name)
    bench.denies = lambda asked: asked.action.endswith(":GetSecretValue") and ":secret:secret-" in asked.resource
    answer = bench.call("BatchGetSecretValue", SecretIdList=["s", "empty", "secret", "absent"])
    assert [value["SecretString"] for value in answer["SecretValues"]] == ["value 1"]
    assert [(error["SecretId"], error["ErrorCode"]) for error in answer["Errors"]] == [
        ("empty", "ResourceNotFoundException"),
        ("secret", "AccessDeniedException"),
        ("absent", "ResourceNotFoundException"),
    ]


def test_batch_get_by_filter_pages_through_what_matches(bench: Bench) -> None:
    for name in ("app/a", "app/b", "other"):
        bench.secret(name)
        bench.put(1, name=name)
    by_name = [{"Key": "name", "Values": ["app/"]}]
    first = bench.call("BatchGetSecretValue", Filters=by_name, MaxResults=1)
    second = bench.call("BatchGetSecretValue", Filters=by_name, MaxResults=1, NextToken=first["NextToken"])
    assert [value["Name"] for page in (first, second) for value in page["SecretValues"]] == ["app/a", "app/b"]
    assert "NextToken" not in second


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"SecretIdList": ["s"], "Filters": [{"Key": "name", "Values": ["s"]}]},
        {"SecretIdList": ["s"], "MaxResults": 1},
    ],
)
def test_batch_get_takes_either_names_or_filters(bench: Bench, asked: Json) -> None:
    assert bench.refusal("BatchGetSecretValue", **asked).code == "InvalidParameterException"
