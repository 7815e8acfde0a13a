"""Secrets with their policies and their rotation; never their values."""
# ruff: noqa: ARG002 -- every entry has the same methods, whether or not it needs all that they are given

from collections.abc import Callable

from botocore.exceptions import ClientError

from sandbox.provider.beginnings import Beginning
from sandbox.provider.table import (
    ALPHANUMERIC,
    AutoName,
    Aws,
    Change,
    Place,
    ResourceType,
    camel,
    chosen,
    names,
    pascal,
    tag_list,
    tag_map,
    values,
)
from sandbox.provider.wire import Properties

SERVICE = "secretsmanager"
ATTEMPTS = 20
PAUSE = 0.5
"""Seconds between two attempts to change a secret's rotation."""


class Secret(ResourceType):
    aws_type = "aws:secretsmanager/secret:Secret"
    updatable = names("description forceOverwriteReplicaSecret kmsKeyId recoveryWindowInDays replicas")
    replacing = names("name")
    computed = names("arn")
    defaults = values(forceOverwriteReplicaSecret=False, recoveryWindowInDays=30)
    auto_name = AutoName(longest=512)
    taggable = True

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        arn = place.arn(SERVICE, f"secret:{inputs['name']}-{place.letters(ALPHANUMERIC, 6)}")
        return arn, {"arn": arn}

    def create(self, aws: Aws, inputs: Properties) -> str:
        parameters = pascal(chosen(inputs, ("name", "description", "kmsKeyId")))
        if replicas := inputs.get("replicas"):
            parameters["AddReplicaRegions"] = pascal(replicas)
        return str(aws.client(SERVICE).create_secret(**parameters, Tags=tag_list(inputs["tagsAll"]))["ARN"])

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        secret = aws.client(SERVICE).describe_secret(SecretId=resource_id)
        if "DeletedDate" in secret:
            return None
        return {
            "arn": secret["ARN"],
            "name": secret["Name"],
            "description": secret.get("Description", ""),
            "kmsKeyId": secret.get("KmsKeyId"),
            "replicas": _replicas(secret.get("ReplicationStatus", []), inputs.get("replicas") or []),
            "tagsAll": tag_map(secret.get("Tags", [])),
        }

    def find(self, aws: Aws, begun: Beginning) -> str | None:
        found = self.read(aws, begun.inputs["name"], begun.inputs)
        return None if found is None else str(found["arn"])

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        if change.touches("description", "kmsKeyId"):
            aws.client(SERVICE).update_secret(
                SecretId=resource_id,
                Description=change.new.get("description", ""),
                KmsKeyId=change.new.get("kmsKeyId", "alias/aws/secretsmanager"),
            )
        if change.touches("replicas"):
            self._replicate(aws, resource_id, change)

    def _replicate(self, aws: Aws, resource_id: str, change: Change) -> None:
        """Remove first: a replica gets another key by being made anew."""
        old, new = (each.get("replicas") or [] for each in (change.old, change.new))
        if gone := [replica["region"] for replica in old if replica not in new]:
            aws.client(SERVICE).remove_regions_from_replication(SecretId=resource_id, RemoveReplicaRegions=gone)
        if added := [replica for replica in new if replica not in old]:
            aws.client(SERVICE).replicate_secret_to_regions(SecretId=resource_id, AddReplicaRegions=pascal(added))

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        if replicas := inputs.get("replicas"):
            regions = [replica["region"] for replica in replicas]
            aws.client(SERVICE).remove_regions_from_replication(SecretId=resource_id, RemoveReplicaRegions=regions)
        window = inputs.get("recoveryWindowInDays", 30)
        how = {"RecoveryWindowInDays": window} if window else {"ForceDeleteWithoutRecovery": True}
        aws.client(SERVICE).delete_secret(SecretId=resource_id, **how)

    def retag(self, aws: Aws, resource_id: str, change: Change) -> None:
        if put := change.tags_put:
            aws.client(SERVICE).tag_resource(SecretId=resource_id, Tags=tag_list(put))
        if remove := change.tags_removed:
            aws.client(SERVICE).untag_resource(SecretId=resource_id, TagKeys=remove)


def _replicas(found: list[dict[str, str]], wanted: list[Properties]) -> list[Properties] | None:
    """The replicas in the order in which the program names them; None where there are none."""
    position = {replica["region"]: index for index, replica in enumerate(wanted)}
    replicas = [chosen(camel(replica), ("region", "kmsKeyId")) for replica in found]
    return sorted(replicas, key=lambda one: position.get(one["region"], len(position))) or None


class SecretPolicy(ResourceType):
    aws_type = "aws:secretsmanager/secretPolicy:SecretPolicy"
    updatable = names("blockPublicPolicy policy")
    replacing = names("secretArn")
    required = names("policy secretArn")
    documents = names("policy")

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        return inputs["secretArn"], {}

    def create(self, aws: Aws, inputs: Properties) -> str:
        self._put(aws, inputs)
        return str(inputs["secretArn"])

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        answer = aws.client(SERVICE).get_resource_policy(SecretId=resource_id)
        if "ResourcePolicy" not in answer:
            return None
        return {"secretArn": answer["ARN"], "policy": answer["ResourcePolicy"]}

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        self._put(aws, change.new)

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        aws.client(SERVICE).delete_resource_policy(SecretId=resource_id)

    def _put(self, aws: Aws, inputs: Properties) -> None:
        aws.client(SERVICE).put_resource_policy(
            SecretId=inputs["secretArn"],
            ResourcePolicy=inputs["policy"],
            BlockPublicPolicy=inputs.get("blockPublicPolicy", False),
        )


class SecretRotation(ResourceType):
    aws_type = "aws:secretsmanager/secretRotation:SecretRotation"
    updatable = names("rotateImmediately rotationLambdaArn rotationRules")
    replacing = names("secretId")
    required = names("rotationRules secretId")
    computed = names("rotationEnabled")
    defaults = values(rotateImmediately=True)

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        return inputs["secretId"], {"rotationEnabled": True}

    def create(self, aws: Aws, inputs: Properties) -> str:
        self._rotate(aws, inputs)
        return str(inputs["secretId"])

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        secret = aws.client(SERVICE).describe_secret(SecretId=resource_id)
        if not secret.get("RotationEnabled"):
            return None
        return {
            "secretId": resource_id,
            "rotationEnabled": True,
            "rotationLambdaArn": secret.get("RotationLambdaARN"),
            "rotationRules": self._rules(camel(secret.get("RotationRules", {})), inputs),
        }

    def _rules(self, found: Properties, inputs: Properties) -> Properties:
        """Without the interval in days that AWS works out of a schedule expression."""
        if "automaticallyAfterDays" in inputs.get("rotationRules", {}) or "scheduleExpression" not in found:
            return found
        return {name: value for name, value in found.items() if name != "automaticallyAfterDays"}

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        if change.touches("rotationLambdaArn", "rotationRules"):
            self._rotate(aws, change.new)

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        aws.client(SERVICE).cancel_rotate_secret(SecretId=resource_id)

    def _rotate(self, aws: Aws, inputs: Properties) -> None:
        parameters = chosen(
            {
                "RotationLambdaARN": inputs.get("rotationLambdaArn"),
                "RotationRules": pascal(inputs["rotationRules"]),
                "RotateImmediately": inputs["rotateImmediately"],
            },
            ("RotationLambdaARN", "RotationRules", "RotateImmediately"),
        )
        self._when_idle(aws, lambda: aws.client(SERVICE).rotate_secret(SecretId=inputs["secretId"], **parameters))

    def _when_idle(self, aws: Aws, rotate: Callable[[], object]) -> None:
        """Settings are refused while a rotation, or the test of earlier settings, is under way: try again for a while.

        Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
        """
        for left in reversed(range(ATTEMPTS)):
            try:
                rotate()
            except ClientError as error:
                if not left or "previous rotation" not in error.response["Error"].get("Message", ""):
                    raise
                aws.pause(PAUSE)
            else:
                return
