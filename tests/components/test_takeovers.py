"""What is a takeover: each change of a function, an IAM role or a KMS key that AWS knows was judged."""

import botocore.session
import pytest

from components.alerts.detections import PatternTooLargeError
from components.alerts.takeover import takeover
from components.alerts.watch import role_events
from tests.components.recording import load_stack

PROD = load_stack("prod")
FUNCTION, ROLE, KEY = "lambda", "iam", "kms"
NAMED_BY = {FUNCTION: "FunctionName", ROLE: "RoleName", KEY: "KeyId"}
READS = ("Get", "List", "Describe", "Invoke", "Simulate")
HARMLESS: dict[str, dict[str, str]] = {
    FUNCTION: {
        **dict.fromkeys(
            ["CreateAlias", "DeleteAlias", "PublishVersion", "UpdateAlias"], "who calls ours names neither"
        ),
        **dict.fromkeys(["PutProvisionedConcurrencyConfig", "DeleteProvisionedConcurrencyConfig"], "of versions alone"),
        "PutRuntimeManagementConfig": "Lambda's own code, of another date",
        "UpdateEventSourceMapping": "there is none, unless CreateEventSourceMapping made it",
    },
    ROLE: {
        **dict.fromkeys(["TagRole", "UntagRole", "UpdateRole", "UpdateRoleDescription"], "who may act in it stays"),
        "DeleteServiceLinkedRole": "ours are none",
        "RemoveRoleFromInstanceProfile": "fewer may act in it",
    },
    KEY: {
        **dict.fromkeys(["CancelKeyDeletion", "EnableKey", "EnableKeyRotation"], "undoes"),
        **dict.fromkeys(["DisableKeyRotation", "RotateKeyOnDemand"], "opens nothing and loses nothing"),
        **dict.fromkeys(["DeleteImportedKeyMaterial", "ImportKeyMaterial"], "its material is AWS's"),
        **dict.fromkeys(["ReplicateKey", "UpdatePrimaryRegion"], "it is of one region"),
        **dict.fromkeys(["RetireGrant", "RevokeGrant"], "fewer may use it"),
        **dict.fromkeys(["TagResource", "UntagResource", "UpdateKeyDescription"], "who may use it stays"),
        **dict.fromkeys(["Decrypt", "DeriveSharedSecret", "Encrypt", "Sign", "Verify", "VerifyMac"], "its use"),
        **dict.fromkeys(["GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateMac"], "its use"),
        **dict.fromkeys(["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"], "its use"),
    },
}
"""Changes that give nobody a key, and why."""


def heard(service: str, change: str) -> bool:
    """Whether the rule hears of a change; of Lambda's it knows how their names begin."""
    pattern = takeover(name_prefix="klaviyo-prod-", encryption_key_arn="arn:key/id", deployers=["arn:role/d"])
    field = NAMED_BY[service][0].lower() + NAMED_BY[service][1:]
    (names,) = [one["eventName"] for one in pattern["detail"]["$or"] if field in one["requestParameters"]]
    return change in names or any(change.startswith(name["prefix"]) for name in names if isinstance(name, dict))


@pytest.mark.parametrize("service", NAMED_BY)
def test_every_change_of_what_reads_keys_is_heard_or_gives_nobody_a_key(service: str) -> None:
    model = botocore.session.get_session().get_service_model(service)
    inputs = {name: model.operation_model(name).input_shape for name in model.operation_names}
    changes = {name for name, shape in inputs.items() if shape and NAMED_BY[service] in shape.members}
    unheard = {name for name in changes if not name.startswith(READS) and not heard(service, name)}
    assert unheard == HARMLESS[service].keys()
    assert unheard < changes


def test_a_function_is_recognised_by_name_and_by_each_form_of_its_arn() -> None:
    pattern = takeover(name_prefix="klaviyo-prod-", encryption_key_arn="arn:key/id", deployers=["arn:role/d"])
    functions, _, key = pattern["detail"]["$or"]
    assert functions["requestParameters"]["functionName"] == [
        {"prefix": "klaviyo-prod-"},
        {"wildcard": "*:klaviyo-prod-*"},
    ]
    assert key["requestParameters"]["keyId"] == ["arn:key/id", "id"]


def test_more_deployers_than_eventbridge_takes_are_refused_with_what_to_do() -> None:
    deployers = tuple(f"arn:aws:iam::111111111111:role/{'p' * 64}/{number}" for number in range(40))
    settings = PROD.settings.model_copy(update={"deployers": deployers})
    with pytest.raises(PatternTooLargeError, match=r"changes of roles .*: too many principals deploy. Let people take"):
        role_events(PROD.environment, settings)
