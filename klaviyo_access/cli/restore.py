"""``restore``: call an environment's secrets back from deletion, so that the program can take them over."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import boto3
import typer

from klaviyo_access.access_model.environment import PROJECT, Environment
from klaviyo_access.cli.console import note, print_json
from klaviyo_access.cli.errors import CommandError
from klaviyo_access.cli.identity import PATIENCE, check_account, check_endpoint, identify, open_session
from klaviyo_access.cli.options import Json, Project, Stack
from klaviyo_access.cli.workspace import find_stack

if TYPE_CHECKING:
    from types_boto3_kms import KMSClient
    from types_boto3_secretsmanager import SecretsManagerClient

_MANAGED_BY: Final = "klaviyo-access"


def restore(stack: Stack = None, project: Project = None, *, as_json: Json = False) -> None:
    """Call the secrets of a destroyed stack back, within their recovery window, and print what takes them over.

    AWS keeps the name of a deleted secret until its window ends, so `pulumi up` could not make it again. Run as a
    deployer. Put the printed lines into the stack's settings, run `pulumi up`, take them out, and run it again.

    Example: klaviyo-access restore --stack dev
    """
    directory, name = find_stack(project, stack)
    environment = Environment.of_stack(directory, name)
    session = open_session(environment)
    check_endpoint(session, environment)
    check_account(identify(session), environment)
    secrets = _restore_secrets(session, environment)
    if not secrets:
        raise CommandError(
            f"There is no secret of {environment.name} in {environment.region}, live or waiting for its deletion.",
            cure="Nothing keeps a name occupied: run `pulumi up`.",
        )
    key = _restore_key(session, next(iter(secrets.values())))
    restored = {"encryptionKey": key, "secrets": secrets}
    if as_json:
        print_json({f"{PROJECT}:restored": restored})
        return
    typer.echo(_lines(key, secrets))
    note(
        f"Put these lines under `config:` in Pulumi.{name}.yaml and run `pulumi up`; then take them out and run it "
        "again. Keys, spares and labels are as they were; policies and rotation stand again after the first run."
    )


def _restore_secrets(session: boto3.Session, environment: Environment) -> dict[str, str]:
    """ARN of each secret of the environment, by its name; those that wait for their deletion are called back."""
    client: SecretsManagerClient = session.client("secretsmanager", config=PATIENCE)
    pages = client.get_paginator("list_secrets").paginate(
        IncludePlannedDeletion=True,
        Filters=[
            {"Key": "name", "Values": [f"{environment.prefix}/{environment.name}/"]},
            {"Key": "tag-value", "Values": [_MANAGED_BY]},
        ],
    )
    found = sorted((secret for page in pages for secret in page["SecretList"]), key=lambda each: each["Name"])
    for secret in found:
        if "DeletedDate" in secret:
            client.restore_secret(SecretId=secret["ARN"])
            note(f"{secret['Name']}: restored")
    return {secret["Name"]: secret["ARN"] for secret in found}


def _restore_key(session: boto3.Session, secret_arn: str) -> str:
    """The id of the KMS key of the secrets, whose deletion is called off: without it no value could be read."""
    secrets: SecretsManagerClient = session.client("secretsmanager", config=PATIENCE)
    kms: KMSClient = session.client("kms", config=PATIENCE)
    key = kms.describe_key(KeyId=secrets.describe_secret(SecretId=secret_arn)["KmsKeyId"])["KeyMetadata"]
    if key["KeyState"] == "PendingDeletion":
        kms.cancel_key_deletion(KeyId=key["KeyId"])
        kms.enable_key(KeyId=key["KeyId"])
        note(f"KMS key {key['KeyId']}: its deletion is called off")
    return key["KeyId"]


def _lines(key: str, secrets: Mapping[str, str]) -> str:
    listed = "\n".join(f"      {name}: {arn}" for name, arn in secrets.items())
    return f"  {PROJECT}:restored:\n    encryptionKey: {key}\n    secrets:\n{listed}"
