"""IAM roles with their policies, and instance profiles."""
# ruff: noqa: ARG002 -- every entry has the same methods, whether or not it needs all that they are given

import json
from typing import Any
from urllib.parse import unquote

from sandbox.provider.table import (
    LETTERS,
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

PREDICTED_DATE = "2026-01-01T00:00:00Z"


class Role(ResourceType):
    aws_type = "aws:iam/role:Role"
    updatable = names("assumeRolePolicy description forceDetachPolicies maxSessionDuration")
    replacing = names("name path")
    required = names("assumeRolePolicy")
    computed = names("arn createDate uniqueId")
    defaults = values(forceDetachPolicies=False, maxSessionDuration=3600, path="/")
    documents = names("assumeRolePolicy")
    auto_name = AutoName()
    taggable = True
    regional = False

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        arn = place.arn("iam", f"role{inputs['path']}{inputs['name']}", regional=False)
        unique = f"AROA{place.letters(LETTERS, 17)}"
        return inputs["name"], {"arn": arn, "createDate": PREDICTED_DATE, "uniqueId": unique}

    def create(self, aws: Aws, inputs: Properties) -> str:
        wanted = ("description", "maxSessionDuration", "path")
        aws.client("iam").create_role(
            RoleName=inputs["name"],
            AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
            Tags=tag_list(inputs["tagsAll"]),
            **pascal(chosen(inputs, wanted)),
        )
        return str(inputs["name"])

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        role = aws.client("iam").get_role(RoleName=resource_id)["Role"]
        return {
            "arn": role["Arn"],
            "name": role["RoleName"],
            "path": role["Path"],
            "uniqueId": role["RoleId"],
            "createDate": role["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "description": role.get("Description") or None,
            "maxSessionDuration": role.get("MaxSessionDuration", 3600),
            "assumeRolePolicy": as_text(role["AssumeRolePolicyDocument"]),
            "tagsAll": tag_map(role.get("Tags", [])),
        }

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        iam, new = aws.client("iam"), change.new
        if change.touches("assumeRolePolicy"):
            iam.update_assume_role_policy(RoleName=resource_id, PolicyDocument=new["assumeRolePolicy"])
        if change.touches("description", "maxSessionDuration"):
            iam.update_role(
                RoleName=resource_id,
                Description=new.get("description", ""),
                MaxSessionDuration=new["maxSessionDuration"],
            )

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        iam = aws.client("iam")
        if inputs.get("forceDetachPolicies"):
            for policy in iam.list_attached_role_policies(RoleName=resource_id)["AttachedPolicies"]:
                iam.detach_role_policy(RoleName=resource_id, PolicyArn=policy["PolicyArn"])
            for policy_name in iam.list_role_policies(RoleName=resource_id)["PolicyNames"]:
                iam.delete_role_policy(RoleName=resource_id, PolicyName=policy_name)
        iam.delete_role(RoleName=resource_id)

    def retag(self, aws: Aws, resource_id: str, change: Change) -> None:
        if put := change.tags_put:
            aws.client("iam").tag_role(RoleName=resource_id, Tags=tag_list(put))
        if remove := change.tags_removed:
            aws.client("iam").untag_role(RoleName=resource_id, TagKeys=remove)


class RolePolicy(ResourceType):
    aws_type = "aws:iam/rolePolicy:RolePolicy"
    updatable = names("policy")
    replacing = names("name role")
    required = names("policy role")
    documents = names("policy")
    auto_name = AutoName(longest=128)
    regional = False

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        return f"{inputs['role']}:{inputs['name']}", {}

    def create(self, aws: Aws, inputs: Properties) -> str:
        aws.client("iam").put_role_policy(
            RoleName=inputs["role"], PolicyName=inputs["name"], PolicyDocument=inputs["policy"]
        )
        return f"{inputs['role']}:{inputs['name']}"

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        role, _, name = resource_id.partition(":")
        policy = aws.client("iam").get_role_policy(RoleName=role, PolicyName=name)
        return {"role": role, "name": name, "policy": as_text(policy["PolicyDocument"])}

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        self.create(aws, change.new)

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        role, _, name = resource_id.partition(":")
        aws.client("iam").delete_role_policy(RoleName=role, PolicyName=name)


class RolePolicyAttachment(ResourceType):
    aws_type = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    replacing = names("policyArn role")
    required = names("policyArn role")
    regional = False

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        return f"{inputs['role']}/{inputs['policyArn']}", {}

    def create(self, aws: Aws, inputs: Properties) -> str:
        aws.client("iam").attach_role_policy(RoleName=inputs["role"], PolicyArn=inputs["policyArn"])
        return f"{inputs['role']}/{inputs['policyArn']}"

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        role, _, arn = resource_id.partition("/")
        pages = aws.client("iam").get_paginator("list_attached_role_policies").paginate(RoleName=role)
        attached = {policy["PolicyArn"] for page in pages for policy in page["AttachedPolicies"]}
        return {"role": role, "policyArn": arn} if arn in attached else None

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        role, _, arn = resource_id.partition("/")
        aws.client("iam").detach_role_policy(RoleName=role, PolicyArn=arn)


class InstanceProfile(ResourceType):
    aws_type = "aws:iam/instanceProfile:InstanceProfile"
    updatable = names("role")
    replacing = names("name path")
    computed = names("arn createDate uniqueId")
    defaults = values(path="/")
    auto_name = AutoName(longest=128)
    taggable = True
    regional = False

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        arn = place.arn("iam", f"instance-profile{inputs['path']}{inputs['name']}", regional=False)
        unique = f"AIPA{place.letters(LETTERS, 17)}"
        return inputs["name"], {"arn": arn, "createDate": PREDICTED_DATE, "uniqueId": unique}

    def create(self, aws: Aws, inputs: Properties) -> str:
        aws.client("iam").create_instance_profile(
            InstanceProfileName=inputs["name"], Path=inputs["path"], Tags=tag_list(inputs["tagsAll"])
        )
        return str(inputs["name"])

    def complete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        iam, wanted = aws.client("iam"), inputs.get("role")
        has = [role["RoleName"] for role in self._roles(aws, resource_id)]
        for role in has:
            if role != wanted:
                iam.remove_role_from_instance_profile(InstanceProfileName=resource_id, RoleName=role)
        if wanted and wanted not in has:
            iam.add_role_to_instance_profile(InstanceProfileName=resource_id, RoleName=wanted)

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        profile = aws.client("iam").get_instance_profile(InstanceProfileName=resource_id)["InstanceProfile"]
        return {
            "arn": profile["Arn"],
            "name": profile["InstanceProfileName"],
            "path": profile["Path"],
            "uniqueId": profile["InstanceProfileId"],
            "createDate": profile["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "role": next((role["RoleName"] for role in profile["Roles"]), None),
            "tagsAll": tag_map(profile.get("Tags", [])),
        }

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        self.complete(aws, resource_id, change.new)

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        self.complete(aws, resource_id, {})
        aws.client("iam").delete_instance_profile(InstanceProfileName=resource_id)

    def retag(self, aws: Aws, resource_id: str, change: Change) -> None:
        if put := change.tags_put:
            aws.client("iam").tag_instance_profile(InstanceProfileName=resource_id, Tags=tag_list(put))
        if remove := change.tags_removed:
            aws.client("iam").untag_instance_profile(InstanceProfileName=resource_id, TagKeys=remove)

    def _roles(self, aws: Aws, name: str) -> list[dict[str, Any]]:
        answer = aws.client("iam").get_instance_profile(InstanceProfileName=name)
        roles: list[dict[str, Any]] = answer["InstanceProfile"]["Roles"]
        return roles


def as_text(document: Any) -> str:
    """IAM's answer of a policy, which botocore has parsed already, as JSON."""
    return json.dumps(document) if isinstance(document, dict) else unquote(document)
