"""How a secret is shown: DescribeSecret, the entries of ListSecrets and of ListSecretVersionIds.

Only fields that have a value are shown. Times are seconds since the epoch, as on the wire.
"""

from typing import Any, Final

from sandbox.aws.calls import Json
from sandbox.aws.secrets_manager.schedule import window_end
from sandbox.aws.secrets_manager.state import RotationRules, Secret, Version

DEFAULT_KEY: Final = "DefaultEncryptionKey"
"""What ListSecretVersionIds shows for a version under the service's own key."""


def identity(secret: Secret) -> Json:
    """What nearly every answer begins with."""
    return {"ARN": secret.arn, "Name": secret.name}


def described(secret: Secret) -> Json:
    """The answer of DescribeSecret."""
    stages = {version.id: list(version.stages) for version in secret.versions if version.stages}
    return _shown(secret) | ({"VersionIdsToStages": stages} if stages else {})


def listed(secret: Secret) -> Json:
    """An entry of ListSecrets."""
    stages = {version.id: list(version.stages) for version in secret.versions if version.stages}
    return _shown(secret) | ({"SecretVersionsToStages": stages} if stages else {})


def version_listed(version: Version) -> Json:
    """An entry of ListSecretVersionIds."""
    return _with_value(
        VersionId=version.id,
        VersionStages=list(version.stages) or None,
        CreatedDate=version.created,
        LastAccessedDate=version.accessed,
        KmsKeyIds=[version.kms_key_id or DEFAULT_KEY],
    )


def _shown(secret: Secret) -> Json:
    return _with_value(
        ARN=secret.arn,
        Name=secret.name,
        Description=secret.description or None,
        KmsKeyId=secret.kms_key_id,
        LastChangedDate=secret.changed,
        LastAccessedDate=secret.accessed,
        DeletedDate=secret.purge_at,
        PrimaryRegion=_primary_region(secret),
        CreatedDate=secret.created,
        Tags=[{"Key": key, "Value": value} for key, value in secret.tags.items()] or None,
    ) | _rotation(secret)


def _primary_region(secret: Secret) -> str | None:
    return secret.primary_region or (secret.region if secret.replicas else None)


def _rotation(secret: Secret) -> Json:
    rotation = secret.rotation
    if rotation is None:
        return {}
    opening = rotation.next_window if rotation.enabled and rotation.rules else None
    return _with_value(
        RotationEnabled=rotation.enabled,
        RotationLambdaARN=rotation.lambda_arn,
        RotationRules=_rules(rotation.rules) if rotation.rules else None,
        LastRotatedDate=rotation.succeeded,
        NextRotationDate=window_end(rotation.rules, opening) if rotation.rules and opening is not None else None,
    )


def _rules(rules: RotationRules) -> Json:
    return _with_value(
        AutomaticallyAfterDays=rules.days,
        ScheduleExpression=rules.expression,
        Duration=f"{rules.duration}h" if rules.duration else None,
    )


def _with_value(**fields: Any) -> Json:
    return {name: value for name, value in fields.items() if value is not None}
