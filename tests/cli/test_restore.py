"""``restore``: when there are lines to take over, and which KMS key they name where there is more than one."""

import pytest

from tests.cli.cli_fakes import ACCOUNT, Command, FakeAws

KEY, RESERVE = "klaviyo/dev/viewer/key", "klaviyo/dev/viewer/reserve"
OLD, NEW = (f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/{name}" for name in ("old", "new"))


@pytest.fixture
def restorable(aws: FakeAws) -> FakeAws:
    """Two secrets, the second with a spare under another KMS key."""
    aws.labels = {KEY: {"k1": ["AWSCURRENT"]}, RESERVE: {"r0": ["AWSCURRENT"], "r1": ["SPARE:1:2"]}}
    aws.encrypted_by = {"k1": [OLD], "r0": [OLD], "r1": [NEW]}
    return aws


def test_the_key_of_the_values_is_taken_over_and_what_another_encrypts_is_named(
    restorable: FakeAws, command: Command
) -> None:
    done = command("restore", "--stack", "dev", "--json")
    assert (done.code, done.json["klaviyo-access:restored"]["encryptionKey"]) == (0, "old")
    assert f"{NEW} encrypts values too, which will not be readable any more: of {RESERVE}." in done.err
    assert "DescribeSecret" not in restorable.calls


def test_the_key_that_the_account_shares_is_not_taken_over(restorable: FakeAws, command: Command) -> None:
    restorable.encrypted_by |= {"k1": ["DefaultEncryptionKey"], "r0": ["DefaultEncryptionKey"]}
    done = command("restore", "--stack", "dev", "--json")
    assert done.json["klaviyo-access:restored"]["encryptionKey"] == "new"
    assert "DefaultEncryptionKey" not in done.err


@pytest.mark.parametrize(
    ("rotating", "deleted", "lines"),
    [([KEY], [], False), ([], [], True), ([KEY], [RESERVE], True)],
    ids=["all is well", "not taken over yet", "a secret waits for its deletion"],
)
def test_lines_are_printed_only_where_something_is_to_be_taken_over(
    restorable: FakeAws, command: Command, rotating: list[str], deleted: list[str], lines: bool
) -> None:
    restorable.rotating, restorable.deleted = rotating, deleted
    done = command("restore", "--stack", "dev")
    assert done.code == 0, done.err
    assert ("klaviyo-access:restored:" in done.out) is lines
    assert ("Nothing is to be done: no secret of dev waits for its deletion" in done.err) is not lines
    assert restorable.deleted == []
    assert command("restore", "--stack", "dev", "--json").json["klaviyo-access:restored"]["encryptionKey"] == "old"
