"""Whether each KMS key of the environment works, and is used by whom the program declares."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from klaviyo_access.cli.deployer.stack import KEY
from klaviyo_access.cli.doctor.findings import Check, Trouble
from klaviyo_access.cli.doctor.sight import Sight, each, same_document
from klaviyo_access.cli.identity import PATIENCE

if TYPE_CHECKING:
    from types_boto3_kms import KMSClient


def states(sight: Sight) -> Iterator[Trouble]:
    """KMS keys that do not work: nobody reads what they encrypt, and alerts of a topic that they encrypt are lost."""
    region = sight.workspace.environment.region
    for alias, key in sight.kms_keys.items():
        if key is None:
            yield Trouble(
                on=alias,
                cause="is not deployed, or somebody deleted it: it names a KMS key of the environment",
                cure=f"Look who did (CloudTrail: DeleteAlias). {sight.deploy}",
            )
            continue
        arn, state = key.get("Arn", ""), key.get("KeyState", "")
        enable = f"aws kms enable-key --region {region} --key-id {arn}"
        if state == "PendingDeletion":
            yield Trouble(
                on=alias,
                cause="names a KMS key that waits for its deletion: nobody reads what it encrypts now, and it is lost "
                "with the key",
                cure=f"A deployer runs: aws kms cancel-key-deletion --region {region} --key-id {arn} && {enable}",
            )
        elif state != "Enabled":
            yield Trouble(
                on=alias,
                cause=f"names a KMS key that is {state}: nobody reads or writes what it encrypts",
                cure=f"A deployer runs: {enable}",
            )


def policies(sight: Sight) -> Iterator[Trouble]:
    """KMS keys whose policy says something else than the program renders."""
    client: KMSClient = sight.session.client("kms", config=PATIENCE)
    rendered = {one.arn.rpartition("/")[2]: str(one.inputs.get("policy", "")) for one in sight.of(KEY)}
    wanted = {alias: rendered.get(key, "") for alias, key in sight.rendered_keys.items() if sight.kms_keys.get(alias)}
    aliases = [alias for alias, policy in wanted.items() if policy.startswith("{")]
    ids = {alias: key["KeyId"] for alias in aliases if (key := sight.kms_keys[alias])}
    found = each(aliases, lambda alias: client.get_key_policy(KeyId=ids[alias], PolicyName="default")["Policy"])
    for alias, policy in found.items():
        if not same_document(policy, sight.as_deployed(wanted[alias])):
            yield Trouble(
                on=alias,
                cause="names a KMS key with another policy than the program renders: somebody else may use it, or who "
                "needs it may not",
                cure=f"Look who changed it (CloudTrail: PutKeyPolicy). {sight.deploy}",
            )


CHECKS: Final = (
    Check(name="kms keys", fine="each KMS key is enabled", look=states),
    Check(name="key policies", fine="each KMS key has the policy that the program renders", look=policies),
)
