"""CloudTrail's trails."""
# ruff: noqa: ARG002 -- every entry has the same methods, whether or not it needs all that they are given

from sandbox.provider.table import (
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

SETTINGS = (
    "cloudWatchLogsGroupArn cloudWatchLogsRoleArn enableLogFileValidation includeGlobalServiceEvents "
    "isMultiRegionTrail isOrganizationTrail kmsKeyId s3BucketName"
)
SPELLED = {"cloudWatchLogsGroupArn": "CloudWatchLogsLogGroupArn"}


class Trail(ResourceType):
    aws_type = "aws:cloudtrail/trail:Trail"
    updatable = names(f"{SETTINGS} enableLogging")
    replacing = names("name")
    required = names("s3BucketName")
    computed = names("arn homeRegion")
    defaults = values(
        enableLogFileValidation=False,
        enableLogging=True,
        includeGlobalServiceEvents=True,
        isMultiRegionTrail=False,
        isOrganizationTrail=False,
    )
    auto_name = AutoName(longest=128)
    taggable = True

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        arn = place.arn("cloudtrail", f"trail/{inputs['name']}")
        return arn, {"arn": arn, "homeRegion": place.region}

    def create(self, aws: Aws, inputs: Properties) -> str:
        answer = aws.client("cloudtrail").create_trail(
            Name=inputs["name"], TagsList=tag_list(inputs["tagsAll"]), **self._settings(inputs)
        )
        return str(answer["TrailARN"])

    def complete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        self._switch(aws, resource_id, inputs)

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        cloudtrail = aws.client("cloudtrail")
        trails = cloudtrail.describe_trails(trailNameList=[resource_id])["trailList"]
        if not trails:
            return None
        trail = trails[0]
        tags = cloudtrail.list_tags(ResourceIdList=[resource_id])["ResourceTagList"]
        found = camel(trail, SPELLED)
        return {
            **chosen(found, (*SETTINGS.split(), "homeRegion", "name")),
            "arn": trail["TrailARN"],
            "enableLogFileValidation": trail.get("LogFileValidationEnabled", False),
            "enableLogging": cloudtrail.get_trail_status(Name=resource_id)["IsLogging"],
            "tagsAll": tag_map(tags[0]["TagsList"]) if tags else {},
        }

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        if change.touches(*SETTINGS.split()):
            emptied = {name: "" for name in change.old if name not in change.new and name in SETTINGS.split()}
            aws.client("cloudtrail").update_trail(Name=resource_id, **self._settings({**emptied, **change.new}))
        if change.touches("enableLogging"):
            self._switch(aws, resource_id, change.new)

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        aws.client("cloudtrail").delete_trail(Name=resource_id)

    def retag(self, aws: Aws, resource_id: str, change: Change) -> None:
        if put := change.tags_put:
            aws.client("cloudtrail").add_tags(ResourceId=resource_id, TagsList=tag_list(put))
        if remove := change.tags_removed:
            removed = [{"Key": name} for name in remove]
            aws.client("cloudtrail").remove_tags(ResourceId=resource_id, TagsList=removed)

    def _settings(self, inputs: Properties) -> Properties:
        found: Properties = pascal(chosen(inputs, SETTINGS.split()), SPELLED)
        return found

    def _switch(self, aws: Aws, arn: str, inputs: Properties) -> None:
        cloudtrail = aws.client("cloudtrail")
        switch = cloudtrail.start_logging if inputs["enableLogging"] else cloudtrail.stop_logging
        switch(Name=arn)
