"""Versions of a secret, their tokens and their staging labels."""

import pytest

from tests.conformance.account import Account
from tests.conformance.citations import cites, documented
from tests.conformance.secret import CURRENT, PENDING, PREVIOUS, Secret, refusal

pytestmark = pytest.mark.every_reading
USER_GUIDE = 'user guide, "What\'s in a Secrets Manager secret?"'
TOKEN = "0b37cbc2-5d4f-4b80-8d32-a1a1c3b8b6f{}"


@cites(
    "PutSecretValue",
    "If you don't include VersionStages, then Secrets Manager automatically moves the staging label AWSCURRENT to "
    "this "
    "version.",
)
def test_a_value_put_without_labels_becomes_current(secret: Secret) -> None:
    second = secret.put("second")
    assert secret.read() == "second"
    assert CURRENT in secret.stages()[second]


@cites(
    "PutSecretValue",
    "If this operation moves the staging label AWSCURRENT from another version to this version, then Secrets Manager "
    "also automatically moves the staging label AWSPREVIOUS to the version that AWSCURRENT was removed from.",
)
def test_the_version_that_was_current_becomes_previous(secret: Secret) -> None:
    secret.put("second")
    assert secret.read(VersionStage=PREVIOUS) == "first"


@documented(USER_GUIDE, "a version without labels is deprecated; AWSPREVIOUS is on one version alone")
def test_the_version_that_was_previous_loses_its_label(secret: Secret) -> None:
    first = next(iter(secret.stages()))
    second, third = secret.put("second"), secret.put("third")
    assert secret.stages() == {second: {PREVIOUS}, third: {CURRENT}}
    assert first not in secret.stages()


@cites("PutSecretValue", "You can specify the staging labels to attach to the new version in VersionStages.")
def test_a_value_put_under_other_labels_leaves_current_where_it_is(secret: Secret) -> None:
    spare = secret.put("spare", "SPARE", PENDING)
    assert secret.stages()[spare] == {"SPARE", PENDING}
    assert secret.read() == "first"


@pytest.mark.settles("first-value")
@cites(
    "PutSecretValue",
    "If this operation creates the first version for the secret, then Secrets Manager automatically attaches the "
    "staging label AWSCURRENT to it.",
)
def test_the_first_value_under_another_label_is_current_or_is_not(account: Account, empty: Secret) -> None:
    version = empty.put("first", "SPARE")
    stages = empty.stages()
    assert stages in ({version: {"SPARE", CURRENT}}, {version: {"SPARE"}})
    account.settle("first-value", "also-current" if CURRENT in stages[version] else "as-asked")


@cites(
    "CreateSecret",
    "Secrets Manager creates an initial secret version and automatically attaches the staging label AWSCURRENT to it.",
)
def test_the_value_of_a_new_secret_is_current(secret: Secret) -> None:
    assert list(secret.stages().values()) == [{CURRENT}]
    assert secret.read() == "first"


@cites(
    "PutSecretValue",
    "If you specify a staging label that's already associated with a different version of the same secret, then "
    "Secrets Manager removes the label from the other version and attaches it to this version.",
)
def test_a_put_takes_its_labels_from_whoever_has_them(secret: Secret) -> None:
    robbed, thief = secret.put("second", "A", "B"), secret.put("third", "B")
    stages = secret.stages()
    assert (stages[robbed], stages[thief]) == ({"A"}, {"B"})


@cites("PutSecretValue", "and you specify the same secret data, the operation succeeds but does nothing.")
def test_a_value_put_again_under_its_token_changes_nothing(secret: Secret) -> None:
    token = TOKEN.format(1)
    secret.put("second", ClientRequestToken=token)
    secret.put("third")
    before = secret.stages()
    assert secret.put("second", ClientRequestToken=token) == token
    assert secret.stages() == before


@cites("PutSecretValue", "and you specify the same secret data, the operation succeeds but does nothing.")
def test_a_value_put_again_under_its_token_takes_no_labels(secret: Secret) -> None:
    token = TOKEN.format(1)
    secret.put("second", "A", ClientRequestToken=token)
    before = secret.stages()
    secret.put("second", "A", "B", ClientRequestToken=token)
    assert secret.stages() == before


@cites(
    "PutSecretValue",
    "if the secret data is different, then the operation fails because you can't modify an existing version",
)
def test_another_value_under_a_used_token_is_refused(secret: Secret) -> None:
    token = TOKEN.format(1)
    secret.put("second", ClientRequestToken=token)
    assert (
        secret.refused("put_secret_value", SecretString="other", ClientRequestToken=token) == "ResourceExistsException"
    )
    assert secret.read(VersionId=token) == "second"


@cites(
    "PutSecretValue",
    "If a version with this value already exists and that version's SecretString or SecretBinary values are the same "
    "as those in the request then the request is ignored.",
)
def test_bytes_are_another_value_than_the_text_they_spell(secret: Secret) -> None:
    token = TOKEN.format(1)
    secret.put("second", ClientRequestToken=token)
    refused = secret.refused("put_secret_value", SecretBinary=b"second", ClientRequestToken=token)
    assert refused == "ResourceExistsException"


@cites("PutSecretValue", "This value becomes the VersionId of the new version.")
def test_a_token_becomes_the_id_of_its_version(secret: Secret) -> None:
    token = TOKEN.format(1)
    assert secret.put("second", ClientRequestToken=token) == token
    assert secret.read(VersionId=token) == "second"


@cites(
    "UpdateSecret",
    "If you call this operation with a ClientRequestToken that matches an existing version's VersionId, the "
    "operation results in an error.",
)
def test_an_update_under_a_used_token_is_refused_even_of_the_same_value(secret: Secret) -> None:
    token = TOKEN.format(1)
    secret.put("second", ClientRequestToken=token)
    refused = secret.refused("update_secret", SecretString="second", ClientRequestToken=token)
    assert refused == "ResourceExistsException"


@cites(
    "UpdateSecret",
    "Secrets Manager automatically moves the staging label AWSCURRENT to the new version. Then it attaches the label "
    "AWSPREVIOUS to the version that AWSCURRENT was removed from.",
)
def test_an_update_of_the_value_moves_current_and_previous(secret: Secret) -> None:
    secret.client.update_secret(SecretId=secret.arn, SecretString="second")
    assert (secret.read(), secret.read(VersionStage=PREVIOUS)) == ("second", "first")


@cites(
    "UpdateSecretVersionStage",
    "Whenever you move AWSCURRENT, Secrets Manager automatically moves the label AWSPREVIOUS to the version that "
    "AWSCURRENT was removed from.",
)
def test_moving_current_leaves_previous_on_the_version_it_left(secret: Secret) -> None:
    first = next(iter(secret.stages()))
    second = secret.put("second", PENDING)
    secret.move(CURRENT, source=first, target=second)
    assert secret.stages() == {first: {PREVIOUS}, second: {PENDING, CURRENT}}


@cites(
    "UpdateSecretVersionStage",
    "You can move the AWSCURRENT staging label to this version by including it in this call.",
)
def test_current_moves_back(secret: Secret) -> None:
    first = next(iter(secret.stages()))
    second = secret.put("second")
    secret.move(CURRENT, source=second, target=first)
    assert secret.stages() == {first: {CURRENT}, second: {PREVIOUS}}


@cites(
    "UpdateSecretVersionStage",
    "If the label is attached and you either do not specify this parameter, or the version ID does not match, then "
    "the operation fails.",
)
def test_a_held_label_does_not_move_without_its_holder(secret: Secret) -> None:
    first = next(iter(secret.stages()))
    second = secret.put("second", "A")
    asked = secret.moving("A", target=first)
    assert refusal(secret.client.update_secret_version_stage, **asked) == "InvalidParameterException"
    assert secret.stages()[second] == {"A"}


@cites(
    "UpdateSecretVersionStage",
    "If the label is attached and you either do not specify this parameter, or the version ID does not match, then "
    "the operation fails.",
)
def test_a_held_label_does_not_move_with_another_holder(secret: Secret) -> None:
    first = next(iter(secret.stages()))
    second, third = secret.put("second", "A"), secret.put("third", "B")
    asked = secret.moving("A", source=third, target=first)
    assert refusal(secret.client.update_secret_version_stage, **asked) == "InvalidParameterException"
    assert secret.stages()[second] == {"A"}


@cites("UpdateSecretVersionStage", "To remove a label from a version, then do not specify this parameter.")
def test_a_label_is_taken_off_its_holder(secret: Secret) -> None:
    second = secret.put("second", "A", "B")
    secret.move("A", source=second)
    assert secret.stages()[second] == {"B"}


@cites("UpdateSecretVersionStage", "The ID of the version that the staging label is to be removed from.")
def test_a_label_is_not_taken_off_a_version_that_has_it_not(secret: Secret) -> None:
    first = next(iter(secret.stages()))
    second = secret.put("second", "A")
    asked = secret.moving("A", source=first)
    assert refusal(secret.client.update_secret_version_stage, **asked) == "InvalidParameterException"
    assert secret.stages()[second] == {"A"}


@cites(
    "UpdateSecretVersionStage",
    "The staging labels that you specify in the VersionStage parameter are added to the existing list of staging "
    "labels for the version.",
)
def test_a_free_label_is_added_to_those_of_a_version(secret: Secret) -> None:
    first = next(iter(secret.stages()))
    secret.move("A", target=first)
    assert secret.stages() == {first: {CURRENT, "A"}}


@documented(
    USER_GUIDE, "a secret with a value always has a version labelled AWSCURRENT: the label moves, it is never removed"
)
def test_current_is_never_taken_off_altogether(secret: Secret) -> None:
    first = next(iter(secret.stages()))
    asked = secret.moving(CURRENT, source=first)
    assert refusal(secret.client.update_secret_version_stage, **asked) == "InvalidParameterException"
    assert secret.read() == "first"


@cites("UpdateSecretVersionStage", "Secrets Manager can't find the resource that you asked for.")
def test_a_label_moves_to_no_version_that_is_not_there(secret: Secret) -> None:
    asked = secret.moving("A", target=TOKEN.format(9))
    assert refusal(secret.client.update_secret_version_stage, **asked) == "ResourceNotFoundException"


@cites("UpdateSecretVersionStage", "The request failed because it would exceed one of the Secrets Manager quotas.")
@documented("user guide, quotas", "at most 20 staging labels attached across all versions of a secret")
def test_a_secret_has_at_most_twenty_labels(secret: Secret) -> None:
    first = next(iter(secret.stages()))
    second = secret.put("second", *(f"L{number}" for number in range(19)))
    asked = secret.moving("ONE-MORE", target=first)
    assert refusal(secret.client.update_secret_version_stage, **asked) == "LimitExceededException"
    secret.move("L0", source=second)
    secret.move("ONE-MORE", target=first)
    assert sum(len(stages) for stages in secret.stages().values()) == 20


@documented("user guide, quotas", "at most 20 staging labels attached across all versions of a secret")
def test_a_put_counts_the_previous_label_that_it_makes(secret: Secret) -> None:
    secret.put("second", *(f"L{number}" for number in range(19)))
    assert secret.refused("put_secret_value", SecretString="third") == "LimitExceededException"
    assert secret.read() == "first"


@cites(
    "ListSecretVersionIds",
    "Versions without staging labels are considered deprecated and are subject to deletion by Secrets Manager.",
)
@cites("PutSecretValue", "it keeps all secret versions created in the last 24 hours")
def test_a_version_without_labels_is_read_by_its_id_for_a_day(secret: Secret) -> None:
    second = secret.put("second", "A")
    secret.move("A", source=second)
    assert second not in secret.stages()
    assert secret.read(VersionId=second) == "second"
