"""KMS keys and their aliases."""
# ruff: noqa: ARG002 -- every entry has the same methods, whether or not it needs all that they are given

from sandbox.provider.beginnings import Beginning
from sandbox.provider.table import (
    AutoName,
    Aws,
    Change,
    Place,
    ResourceType,
    chosen,
    names,
    pascal,
    tag_list,
    tag_map,
    values,
)
from sandbox.provider.wire import Properties

DEFAULT_POLICY = "default"
SPELLED = {"customerMasterKeySpec": "KeySpec", "tagsAll": "Tags"}


class Key(ResourceType):
    aws_type = "aws:kms/key:Key"
    updatable = names(
        "bypassPolicyLockoutSafetyCheck deletionWindowInDays description enableKeyRotation isEnabled policy"
    )
    replacing = names("customerMasterKeySpec keyUsage multiRegion")
    computed = names("arn keyId description multiRegion policy")
    defaults = values(
        bypassPolicyLockoutSafetyCheck=False,
        customerMasterKeySpec="SYMMETRIC_DEFAULT",
        enableKeyRotation=False,
        isEnabled=True,
        keyUsage="ENCRYPT_DECRYPT",
    )
    documents = names("policy")
    taggable = True

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        key_id = place.uuid()
        return key_id, {"arn": place.arn("kms", f"key/{key_id}"), "keyId": key_id, "multiRegion": False}

    def create(self, aws: Aws, inputs: Properties) -> str:
        wanted = ("bypassPolicyLockoutSafetyCheck", "customerMasterKeySpec", "description", "keyUsage", "multiRegion")
        parameters = pascal(chosen(inputs, (*wanted, "policy")), SPELLED)
        tags = tag_list(inputs["tagsAll"], "TagKey", "TagValue")
        return str(aws.client("kms").create_key(**parameters, Tags=tags)["KeyMetadata"]["KeyId"])

    def complete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        self._rotate(aws, resource_id, inputs)
        if not inputs["isEnabled"]:
            aws.client("kms").disable_key(KeyId=resource_id)

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        kms = aws.client("kms")
        key = kms.describe_key(KeyId=resource_id)["KeyMetadata"]
        if key["KeyState"] == "PendingDeletion":
            return None
        return {
            "arn": key["Arn"],
            "keyId": key["KeyId"],
            "description": key.get("Description", ""),
            "isEnabled": key["Enabled"],
            "keyUsage": key["KeyUsage"],
            "customerMasterKeySpec": key.get("KeySpec", "SYMMETRIC_DEFAULT"),
            "multiRegion": key.get("MultiRegion", False),
            "policy": kms.get_key_policy(KeyId=resource_id, PolicyName=DEFAULT_POLICY)["Policy"],
            "enableKeyRotation": kms.get_key_rotation_status(KeyId=resource_id)["KeyRotationEnabled"],
            "tagsAll": tag_map(kms.list_resource_tags(KeyId=resource_id)["Tags"], "TagKey", "TagValue"),
        }

    def find(self, aws: Aws, begun: Beginning) -> str | None:
        """A key has no name: it is the one with this description and these tags that was made since it was begun."""
        for page in aws.client("kms").get_paginator("list_keys").paginate():
            for key_id in (key["KeyId"] for key in page["Keys"]):
                if key_id not in begun.others and self._is(aws, key_id, begun):
                    return str(key_id)
        return None

    def _is(self, aws: Aws, key_id: str, begun: Beginning) -> bool:
        key = aws.client("kms").describe_key(KeyId=key_id)["KeyMetadata"]
        if not key["Enabled"] or key["CreationDate"].timestamp() < begun.at - 1:
            return False
        tags = aws.client("kms").list_resource_tags(KeyId=key_id)["Tags"]
        wanted = (begun.inputs.get("description", ""), begun.inputs["tagsAll"])
        return wanted == (key.get("Description", ""), tag_map(tags, "TagKey", "TagValue"))

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        kms, new = aws.client("kms"), change.new
        if change.touches("isEnabled") and new["isEnabled"]:
            kms.enable_key(KeyId=resource_id)
        if change.touches("enableKeyRotation"):
            self._rotate(aws, resource_id, new)
        if change.touches("description"):
            kms.update_key_description(KeyId=resource_id, Description=new.get("description", ""))
        if change.touches("policy") and "policy" in new:
            kms.put_key_policy(
                KeyId=resource_id,
                PolicyName=DEFAULT_POLICY,
                Policy=new["policy"],
                BypassPolicyLockoutSafetyCheck=new["bypassPolicyLockoutSafetyCheck"],
            )
        if change.touches("isEnabled") and not new["isEnabled"]:
            kms.disable_key(KeyId=resource_id)

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        kms = aws.client("kms")
        if kms.describe_key(KeyId=resource_id)["KeyMetadata"]["KeyState"] != "PendingDeletion":
            kms.schedule_key_deletion(KeyId=resource_id, PendingWindowInDays=inputs.get("deletionWindowInDays", 30))

    def retag(self, aws: Aws, resource_id: str, change: Change) -> None:
        if put := change.tags_put:
            aws.client("kms").tag_resource(KeyId=resource_id, Tags=tag_list(put, "TagKey", "TagValue"))
        if remove := change.tags_removed:
            aws.client("kms").untag_resource(KeyId=resource_id, TagKeys=remove)

    def _rotate(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        kms = aws.client("kms")
        switch = kms.enable_key_rotation if inputs["enableKeyRotation"] else kms.disable_key_rotation
        switch(KeyId=resource_id)


class Alias(ResourceType):
    aws_type = "aws:kms/alias:Alias"
    updatable = names("targetKeyId")
    replacing = names("name")
    required = names("targetKeyId")
    computed = names("arn targetKeyArn")
    auto_name = AutoName(longest=256, prefix="alias/")

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        key_id = inputs["targetKeyId"].rpartition("/")[2]
        arns = {"arn": place.arn("kms", inputs["name"]), "targetKeyArn": place.arn("kms", f"key/{key_id}")}
        return inputs["name"], arns

    def create(self, aws: Aws, inputs: Properties) -> str:
        aws.client("kms").create_alias(AliasName=inputs["name"], TargetKeyId=inputs["targetKeyId"])
        return str(inputs["name"])

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        for page in aws.client("kms").get_paginator("list_aliases").paginate():
            for alias in page["Aliases"]:
                if alias["AliasName"] == resource_id:
                    return self._properties(aws, alias["AliasName"], alias["TargetKeyId"], inputs)
        return None

    def _properties(self, aws: Aws, name: str, key_id: str, inputs: Properties) -> Properties:
        key_arn = aws.place.arn("kms", f"key/{key_id}")
        named_by_arn = str(inputs.get("targetKeyId", "")).startswith("arn:")
        return {
            "name": name,
            "arn": aws.place.arn("kms", name),
            "targetKeyArn": key_arn,
            "targetKeyId": key_arn if named_by_arn else key_id,
        }

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        aws.client("kms").update_alias(AliasName=resource_id, TargetKeyId=change.new["targetKeyId"])

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        aws.client("kms").delete_alias(AliasName=resource_id)
