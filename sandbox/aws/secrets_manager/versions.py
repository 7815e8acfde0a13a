"""Versions and staging labels: pure steps from one state of a secret to the next.

The rules are those of botocore's model of PutSecretValue and UpdateSecretVersionStage.
"""

from dataclasses import replace
from typing import Final

from sandbox.aws.calls import AwsError
from sandbox.aws.secrets_manager.state import CURRENT, DAY, PENDING, PREVIOUS, Secret, Value, Version

STAGE_QUOTA: Final = 20
VERSION_QUOTA: Final = 100


def put(
    secret: Secret,
    *,
    token: str,
    value: Value,
    stages: tuple[str, ...] | None,
    now: float,
    first_value: str = "also-current",
) -> Secret:
    """Add the version ``token`` and give it ``stages`` (None: AWSCURRENT), taking them from whoever has them.

    Raises:
        AwsError: ResourceExistsException, the token has another value; LimitExceededException, over a quota.
    """
    existing = secret.version(token)
    if existing and existing.value is not None:
        if existing.value == value:
            return secret
        raise token_in_use(secret, token)
    wanted = (CURRENT,) if stages is None else stages
    if first_value == "also-current" and all(version.value is None for version in secret.versions):
        wanted = (*wanted, CURRENT)
    kept = existing.stages if existing else ()
    created = Version(id=token, created=now, value=value, kms_key_id=secret.kms_key_id, stages=kept)
    others = tuple(version for version in secret.versions if version.id != token)
    secret = replace(secret, versions=(*others, created))
    for stage in dict.fromkeys(wanted):
        secret = attach(secret, stage, token)
    return within_quotas(secret)


def announce(secret: Secret, token: str, now: float) -> Secret:
    """Begin a rotation: the version ``token`` gets AWSPENDING and has no value yet."""
    announced = Version(id=token, created=now, stages=(PENDING,), kms_key_id=secret.kms_key_id)
    left = detach(secret, PENDING)
    return within_quotas(replace(left, versions=(*left.versions, announced)))


def with_value(secret: Secret, version_id: str, value: Value | None) -> Secret:
    """The secret with a value in one of its versions."""
    return replace(
        secret, versions=tuple(replace(one, value=value) if one.id == version_id else one for one in secret.versions)
    )


def without(secret: Secret, version_id: str) -> Secret:
    """The secret without one of its versions."""
    return replace(secret, versions=tuple(version for version in secret.versions if version.id != version_id))


def move(secret: Secret, stage: str, *, source: str | None, target: str | None) -> Secret:
    """Move, add or remove one label; ``source`` must name its present holder: a compare-and-swap.

    Raises:
        AwsError: InvalidParameterException, ``source`` is not the holder; ResourceNotFoundException, no such target.
    """
    if source is None and target is None:
        raise AwsError("InvalidParameterException", "You must specify RemoveFromVersionId, MoveToVersionId or both.")
    holder = secret.holder(stage)
    if target is not None:
        require_value(secret, target)
        if holder and holder.id == target and source in {None, target}:
            return secret
    require_holder(stage, holder=holder, source=source)
    if target is None and stage == CURRENT:
        raise AwsError(
            "InvalidParameterException",
            "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
        )
    return within_quotas(detach(secret, stage) if target is None else attach(secret, stage, target))


def require_holder(stage: str, *, holder: Version | None, source: str | None) -> None:
    """Refuse unless ``source`` is the version that has the label now (None: nobody)."""
    if source == (holder.id if holder else None):
        return
    if holder is None:
        text = f"Staging label {stage} isn't currently attached to version {source}."
    elif source is None:
        text = (
            f"The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to version "
            f"{holder.id}, so you must explicitly reference that version in RemoveFromVersionId."
        )
    else:
        text = (
            f"The parameter RemoveFromVersionId is not valid. Staging label {stage} is currently attached to version "
            f"{holder.id}, not to {source}."
        )
    raise AwsError("InvalidParameterException", text)


def require_value(secret: Secret, version_id: str) -> None:
    """Refuse a version that does not exist: one that was only announced exists when its value is put."""
    version = secret.version(version_id)
    if version is None or version.value is None:
        raise AwsError(
            "ResourceNotFoundException", f"Secrets Manager can't find the specified secret version: {version_id}."
        )


def attach(secret: Secret, stage: str, target: str) -> Secret:
    """Give a label to a version, taking it from its holder; AWSPREVIOUS follows AWSCURRENT."""
    left = secret.holder(stage)
    if left and left.id == target:
        return secret
    secret = _with_stages(detach(secret, stage), target, add=stage)
    if stage == CURRENT and left:
        return attach(secret, PREVIOUS, left.id)
    return secret


def detach(secret: Secret, stage: str) -> Secret:
    """Take a label off its holder. A version that was only announced ends with its last label."""
    holder = secret.holder(stage)
    if holder is None:
        return secret
    secret = _with_stages(secret, holder.id, remove=stage)
    kept = tuple(version for version in secret.versions if version.stages or version.value is not None)
    return replace(secret, versions=kept)


def collect(secret: Secret, now: float) -> Secret:
    """Delete the deprecated versions: those without a label, except what was created in the last 24 hours."""
    kept = tuple(version for version in secret.versions if version.stages or now - version.created < DAY)
    return secret if len(kept) == len(secret.versions) else replace(secret, versions=kept)


def within_quotas(secret: Secret) -> Secret:
    """The secret itself, if it has at most 20 labels and 100 versions."""
    stages = sum(len(version.stages) for version in secret.versions)
    if stages > STAGE_QUOTA:
        raise AwsError(
            "LimitExceededException",
            f"The versions of a secret have at most {STAGE_QUOTA} staging labels; this would make {stages}.",
        )
    if len(secret.versions) > VERSION_QUOTA:
        raise AwsError(
            "LimitExceededException",
            f"A secret has at most {VERSION_QUOTA} versions, and those created in the last 24 hours are kept.",
        )
    return secret


def token_in_use(secret: Secret, token: str) -> AwsError:
    """A version never changes its value."""
    return AwsError(
        "ResourceExistsException",
        f"You can't use ClientRequestToken {token} because that value is already in use for a version of secret "
        f"{secret.arn}.",
    )


def _with_stages(secret: Secret, version_id: str, *, add: str | None = None, remove: str | None = None) -> Secret:
    def change(version: Version) -> Version:
        if version.id != version_id:
            return version
        stages = tuple(stage for stage in version.stages if stage != remove)
        return replace(version, stages=(*stages, add) if add else stages)

    return replace(secret, versions=tuple(change(version) for version in secret.versions))
