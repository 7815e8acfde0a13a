"""``restore``: call an environment's secrets back from deletion, so that the program can take them over."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import boto3
import typer
from botocore.exceptions import ClientError

from klaviyo_access.access_model.environment import PROJECT, Environment
from klaviyo_access.cli.console import note, print_json
from klaviyo_access.cli.errors import DEPLOYERS_CURE, CommandError, explain, is_refusal
from klaviyo_access.cli.identity import PATIENCE, check_account, check_endpoint, identify, open_session
from klaviyo_access.cli.options import Json, Project, Stack
from klaviyo_access.cli.secret_versions import SERVICES_KEY, encrypting_keys
from klaviyo_access.cli.workspace import find_stack

if TYPE_CHECKING:
    from types_boto3_kms import KMSClient
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_secretsmanager.type_defs import SecretListEntryTypeDef

_MANAGED_BY: Final = "klaviyo-access"


def restore(stack: Stack = None, project: Project = None, *, as_json: Json = False) -> None:
    """Call the secrets of a destroyed stack back, within their recovery window, and print what takes them over.

    AWS keeps the name of a deleted secret until its window ends, so `pulumi up` could not make it again. Run as a
    deployer. Put the printed lines into the stack's settings, run `pulumi up`, take them out, and run it again. Where
    nothing waits for its deletion and the keys rotate, there is nothing to do, and it says so.

    Example: klaviyo-access restore --stack dev
    """
    directory, name = find_stack(project, stack)
    environment = Environment.of_stack(directory, name)
    session = open_session(environment)
    check_endpoint(session, environment)
    check_account(identify(session), environment)
    try:
        found = _secrets_of(session, environment)
        waited = _restore_secrets(session, found)
    except ClientError as error:
        if is_refusal(error):
            raise CommandError(explain(error).cause, cure=DEPLOYERS_CURE) from error
        raise
    if not found:
        raise CommandError(
            f"There is no secret of {environment.name} in {environment.region}, live or waiting for its deletion.",
            cure="Nothing keeps a name occupied: run `pulumi up`.",
        )
    secrets = {secret["Name"]: secret["ARN"] for secret in found}
    key, key_waited = _restore_key(session, secrets)
    restored = {"encryptionKey": key, "secrets": secrets}
    if as_json:
        print_json({f"{PROJECT}:restored": restored})
        return
    if not (waited or key_waited) and _all_rotate(found):
        note(
            f"Nothing is to be done: no secret of {name} waits for its deletion, and each role's key rotates, as after "
            "a complete `pulumi up`. If Pulumi's state is lost, --json tells what takes the secrets over."
        )
        return
    typer.echo(_lines(key, secrets))
    note(
        f"Put these lines under `config:` in Pulumi.{name}.yaml and run `pulumi up`; then take them out and run it "
        "again. Keys, spares and labels are as they were; policies and rotation stand again after the first run. If a "
        "`pulumi up` has made another KMS key since the stack was destroyed, the first run takes the old one over in "
        "its place (`import-replacement`) and schedules the new one for its deletion, even where it is protected."
    )


def _secrets_of(session: boto3.Session, environment: Environment) -> list["SecretListEntryTypeDef"]:
    """Each secret of the environment, by name; those that wait for their deletion among them."""
    client: SecretsManagerClient = session.client("secretsmanager", config=PATIENCE)
    pages = client.get_paginator("list_secrets").paginate(
        IncludePlannedDeletion=True,
        Filters=[
            {"Key": "name", "Values": [f"{environment.prefix}/{environment.name}/"]},
            {"Key": "tag-value", "Values": [_MANAGED_BY]},
        ],
    )
    return sorted((secret for page in pages for secret in page["SecretList"]), key=lambda each: each["Name"])


def _restore_secrets(session: boto3.Session, secrets: Iterable["SecretListEntryTypeDef"]) -> bool:
    """Call back those that wait for their deletion; whether there were any."""
    client: SecretsManagerClient = session.client("secretsmanager", config=PATIENCE)
    waiting = [secret for secret in secrets if "DeletedDate" in secret]
    for secret in waiting:
        client.restore_secret(SecretId=secret["ARN"])
        note(f"{secret['Name']}: restored")
    return bool(waiting)


def _all_rotate(secrets: Iterable["SecretListEntryTypeDef"]) -> bool:
    """Whether the roles' keys rotate: a stack that was destroyed, or is not taken over yet, has no rotation."""
    return all(secret.get("RotationEnabled") for secret in secrets if secret["Name"].endswith("/key"))


def _restore_key(session: boto3.Session, secrets: Mapping[str, str]) -> tuple[str, bool]:
    """The id of the KMS key of the secrets, whose deletion is called off: without it no value could be read.

    And whether there was a deletion to call off.

    It is the key that the values are encrypted by. What DescribeSecret names is what the next one will be encrypted
    by, and a `pulumi up` that failed before this command may have changed that.
    """
    kms: KMSClient = session.client("kms", config=PATIENCE)
    encrypted = _encrypted(session, secrets)
    key, *others = sorted(encrypted, key=lambda one: len(encrypted[one]), reverse=True)
    found = kms.describe_key(KeyId=key)["KeyMetadata"]
    if waited := found["KeyState"] == "PendingDeletion":
        kms.cancel_key_deletion(KeyId=found["KeyId"])
        kms.enable_key(KeyId=found["KeyId"])
        note(f"KMS key {found['KeyId']}: its deletion is called off")
    for other in others:
        note(
            f"{other} encrypts values too, which will not be readable any more: of "
            f"{', '.join(sorted(set(encrypted[other])))}. Once all is deployed, stage and rotate new keys for these."
        )
    return found["KeyId"], waited


def _encrypted(session: boto3.Session, secrets: Mapping[str, str]) -> dict[str, list[str]]:
    """By KMS key, the secret of each version that it encrypts; where no version has a key, what the next one gets."""
    client: SecretsManagerClient = session.client("secretsmanager", config=PATIENCE)
    found: dict[str, list[str]] = {}
    for name, arn in secrets.items():
        for key in (key for keys in encrypting_keys(client, arn) for key in keys if key != SERVICES_KEY):
            found.setdefault(key, []).append(name)
    first, arn = next(iter(secrets.items()))
    return found or {client.describe_secret(SecretId=arn)["KmsKeyId"]: [first]}


def _lines(key: str, secrets: Mapping[str, str]) -> str:
    listed = "\n".join(f"      {name}: {arn}" for name, arn in secrets.items())
    return f"  {PROJECT}:restored:\n    encryptionKey: {key}\n    secrets:\n{listed}"
