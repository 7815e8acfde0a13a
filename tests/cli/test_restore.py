"""``restore``: which KMS key the lines name, where more than one has to do with an environment's secrets."""

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
