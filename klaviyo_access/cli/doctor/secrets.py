"""Whether each role's two secrets are there, encrypted, guarded and replicated as the program declares it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from klaviyo_access.cli.clock import utc_now
from klaviyo_access.cli.deployer.stack import SECRET
from klaviyo_access.cli.doctor.findings import Check, Trouble
from klaviyo_access.cli.doctor.sight import UNKNOWN, Sight, each, same_document
from klaviyo_access.cli.identity import PATIENCE
from klaviyo_access.cli.secret_versions import encrypting_keys

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

_POLICY: Final = "aws:secretsmanager/secretPolicy:SecretPolicy"
_REPLICATES_WITHIN: Final = timedelta(hours=1)
"""AWS takes seconds."""


def deployed(sight: Sight) -> Iterator[Trouble]:
    """Secrets that are missing, or on their way out."""
    environment = sight.workspace.environment
    for name in sight.secret_names:
        secret = sight.secrets.get(name)
        if secret is None:
            yield Trouble(
                on=name,
                cause=f"is not deployed in {environment.region} of the account {environment.account_id}: the stack was "
                "never deployed to its end, its role is new in access.yaml, or somebody deleted it",
                cure=sight.deploy,
            )
        elif "DeletedDate" in secret:
            yield Trouble(
                on=name,
                cause="waits for its deletion, and nobody can read it: somebody deleted it, or destroyed the stack",
                cure=f"A deployer runs: klaviyo-access restore --stack {sight.stack}",
            )


def declared(sight: Sight) -> Iterator[Trouble]:
    """Secrets in the environment's folder that the program does not declare."""
    ours = {str(secret.inputs.get("name")) for secret in sight.of(SECRET)}
    for name in sight.listed_secrets:
        if name not in ours:
            yield Trouble(
                on=name,
                cause="is deployed, and the program does not declare it: its role is no longer in access.yaml, or "
                "somebody made it by hand; nobody rotates what it holds",
                cure="Disable its keys in Klaviyo's dashboard, name it in klaviyo-access:removedSecrets of "
                f"Pulumi.{sight.stack}.yaml, and have a deployer run: pulumi up --stack {sight.stack}",
            )


def encryption(sight: Sight) -> Iterator[Trouble]:
    """Secrets that another KMS key than the environment's encrypts, or some of whose values it still does."""
    environment = sight.workspace.environment
    alias = f"alias/{environment.prefix}/{environment.name}/keys"
    if (key := sight.kms_keys.get(alias)) is None:
        return
    client: SecretsManagerClient = sight.session.client("secretsmanager", config=PATIENCE)
    values = each(sight.live_secrets, lambda name: encrypting_keys(client, name))
    ours = {key.get("Arn", ""), key["KeyId"], alias}
    for name, secret in sight.live_secrets.items():
        if (used := secret.get("KmsKeyId", "")) not in ours:
            yield Trouble(
                on=name,
                cause=f"is encrypted by {used or 'the key that all secrets of the account share'}, not by {alias}: who "
                "may decrypt it is not decided here",
                cure=sight.deploy,
            )
        elif others := sorted({one for keys in values[name] for one in keys} - ours):
            yield Trouble(
                on=name,
                cause=f"names {alias}, but has values that {' and '.join(others)} encrypts: who reads the secret may "
                "not decrypt them",
                cure="If it is so of every secret, the stack was destroyed and came back with another KMS key: a "
                f"deployer runs klaviyo-access restore --stack {sight.stack}, and does what it says. Else stage new "
                f"keys and rotate: klaviyo-access keys stage ROLE --stack {sight.stack} && klaviyo-access keys rotate "
                f"ROLE --stack {sight.stack}",
            )


def policies(sight: Sight) -> Iterator[Trouble]:
    """Resource policies that were removed, or say something else than the program renders."""
    client: SecretsManagerClient = sight.session.client("secretsmanager", config=PATIENCE)
    rendered = {one.name.removesuffix("-policy"): str(one.inputs.get("policy", "")) for one in sight.of(_POLICY)}
    names = [name for name in sight.live_secrets if rendered.get(name, UNKNOWN) != UNKNOWN]
    attached = each(names, lambda name: client.get_resource_policy(SecretId=name).get("ResourcePolicy", ""))
    for name, policy in attached.items():
        if not policy:
            yield Trouble(
                on=name,
                cause="has no resource policy: any administrator of the account reads it",
                cure=sight.deploy,
            )
        elif not same_document(policy, rendered[name]):
            yield Trouble(
                on=name,
                cause="has another resource policy than the program renders: access.yaml or the settings changed since "
                "the last deployment, or somebody changed who may read it past the program",
                cure=f"Look who changed it (CloudTrail: PutResourcePolicy). {sight.deploy}",
            )


def replicas(sight: Sight) -> Iterator[Trouble]:
    """Replicas that are missing, late, or in a region that the program does not name."""
    for resource in sight.of(SECRET):
        name = str(resource.inputs.get("name"))
        if (secret := sight.live_secrets.get(name)) is None:
            continue
        wanted = {str(replica["region"]) for replica in resource.inputs.get("replicas") or ()}
        status = {replica["Region"]: replica for replica in secret.get("ReplicationStatus", [])}
        for region in sorted(wanted - status.keys()):
            yield Trouble(on=name, cause=f"has no replica in {region}: services there read no key", cure=sight.deploy)
        for region in sorted(status.keys() - wanted):
            yield Trouble(
                on=name,
                cause=f"is replicated to {region}, which klaviyo-access:replicaRegions does not name: somebody copied "
                "it past the program",
                cure=f"Look who did (CloudTrail: ReplicateSecretToRegions). A deployer runs: aws secretsmanager "
                f"remove-regions-from-replication --region {sight.workspace.environment.region} --secret-id {name} "
                f"--remove-replica-regions {region}",
            )
        for region in sorted(wanted & status.keys()):
            replica = status[region]
            if replica.get("Status") == "Failed":
                yield Trouble(
                    on=name,
                    cause=f"is not replicated to {region}: {replica.get('StatusMessage', 'AWS gives no reason')}",
                    cure=f"Mend what AWS names (a secret of this name in {region} is in the way: delete it). "
                    f"{sight.deploy}",
                )
            elif replica.get("Status") == "InProgress" and utc_now() - secret["LastChangedDate"] > _REPLICATES_WITHIN:
                yield Trouble(
                    on=name,
                    cause=f"is being replicated to {region} for over an hour: services there may read an older key",
                    cure="See whether AWS has an incident (AWS Health); else ask its support. Superseded keys of the "
                    "role are kept until the replica is in sync.",
                )


CHECKS: Final = (
    Check(name="secrets", fine="both secrets of each role are deployed", look=deployed),
    Check(name="declared", fine="no secret that the program does not declare", look=declared),
    Check(
        name="encryption", fine="the environment's KMS key encrypts each secret, and every value in it", look=encryption
    ),
    Check(name="policies", fine="each secret has the resource policy that the program renders", look=policies),
    Check(name="replicas", fine="each secret is replicated where the settings say, and nowhere else", look=replicas),
)
