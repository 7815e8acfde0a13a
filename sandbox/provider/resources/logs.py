"""Log groups of CloudWatch Logs."""

from sandbox.provider.table import AutoName, Aws, Change, Place, ResourceType, chosen, names, values
from sandbox.provider.wire import Properties


class LogGroup(ResourceType):
    aws_type = "aws:cloudwatch/logGroup:LogGroup"
    updatable = names("deletionProtectionEnabled kmsKeyId retentionInDays skipDestroy")
    replacing = names("name")
    computed = names("arn")
    defaults = values(deletionProtectionEnabled=False, retentionInDays=0, skipDestroy=False)
    auto_name = AutoName(longest=512)
    taggable = True

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        return inputs["name"], {"arn": place.arn("logs", f"log-group:{inputs['name']}")}

    def create(self, aws: Aws, inputs: Properties) -> str:
        optional = chosen(inputs, ("kmsKeyId",))
        if inputs["deletionProtectionEnabled"]:
            optional["deletionProtectionEnabled"] = True
        aws.client("logs").create_log_group(logGroupName=inputs["name"], tags=inputs["tagsAll"], **optional)
        return str(inputs["name"])

    def complete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        self._retain(aws, resource_id, inputs)

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        logs = aws.client("logs")
        pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=resource_id)
        groups = [group for page in pages for group in page["logGroups"] if group["logGroupName"] == resource_id]
        if not groups:
            return None
        group = groups[0]
        arn = group["arn"].removesuffix(":*")
        return {
            "arn": arn,
            "name": group["logGroupName"],
            "kmsKeyId": group.get("kmsKeyId") or inputs.get("kmsKeyId"),
            "retentionInDays": group.get("retentionInDays", 0),
            "deletionProtectionEnabled": group.get("deletionProtectionEnabled", False),
            "tagsAll": logs.list_tags_for_resource(resourceArn=arn)["tags"],
        }

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        if change.touches("retentionInDays"):
            self._retain(aws, resource_id, change.new)
        if change.touches("deletionProtectionEnabled"):
            protected = change.new["deletionProtectionEnabled"]
            aws.client("logs").put_log_group_deletion_protection(
                logGroupIdentifier=resource_id, deletionProtectionEnabled=protected
            )
        if change.touches("kmsKeyId"):
            if "kmsKeyId" in change.new:
                aws.client("logs").associate_kms_key(logGroupName=resource_id, kmsKeyId=change.new["kmsKeyId"])
            else:
                aws.client("logs").disassociate_kms_key(logGroupName=resource_id)

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        if not inputs.get("skipDestroy"):
            aws.client("logs").delete_log_group(logGroupName=resource_id)

    def retag(self, aws: Aws, resource_id: str, change: Change) -> None:
        arn = aws.place.arn("logs", f"log-group:{resource_id}")
        if put := change.tags_put:
            aws.client("logs").tag_resource(resourceArn=arn, tags=dict(put))
        if remove := change.tags_removed:
            aws.client("logs").untag_resource(resourceArn=arn, tagKeys=remove)

    def _retain(self, aws: Aws, name: str, inputs: Properties) -> None:
        if inputs["retentionInDays"]:
            aws.client("logs").put_retention_policy(logGroupName=name, retentionInDays=inputs["retentionInDays"])
        else:
            aws.client("logs").delete_retention_policy(logGroupName=name)
