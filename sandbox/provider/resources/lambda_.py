"""Lambda functions, and who may invoke them."""
# ruff: noqa: ARG002 -- every entry has the same methods, whether or not it needs all that they are given

import json
from collections.abc import Mapping
from typing import Any

from sandbox.provider.beginnings import Beginning
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
    values,
)
from sandbox.provider.wire import Properties, code_hash

CONFIGURATION = ("description", "environment", "handler", "memorySize", "role", "runtime", "timeout")


class Function(ResourceType):
    aws_type = "aws:lambda/function:Function"
    updatable = names(f"{' '.join(CONFIGURATION)} architectures code reservedConcurrentExecutions")
    replacing = names("name packageType")
    required = names("code role")
    computed = names(
        "arn architectures codeSha256 invokeArn lastModified qualifiedArn qualifiedInvokeArn sourceCodeHash "
        "sourceCodeSize version"
    )
    changing = names("codeSha256 lastModified sourceCodeHash sourceCodeSize")
    defaults = values(memorySize=128, packageType="Zip", reservedConcurrentExecutions=-1, timeout=3)
    auto_name = AutoName()
    taggable = True

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        name = inputs["name"]
        arn = place.arn("lambda", f"function:{name}")
        digest = code_hash(inputs["code"].zip())
        outputs = {
            "arn": arn,
            "architectures": ["x86_64"],
            "codeSha256": digest,
            "invokeArn": _invoke_arn(place, arn),
            "lastModified": "2026-01-01T00:00:00.000+0000",
            "qualifiedArn": f"{arn}:$LATEST",
            "qualifiedInvokeArn": _invoke_arn(place, f"{arn}:$LATEST"),
            "sourceCodeHash": digest,
            "sourceCodeSize": len(inputs["code"].zip()),
            "version": "$LATEST",
        }
        return name, outputs

    def create(self, aws: Aws, inputs: Properties) -> str:
        wanted = ("name", "packageType", "architectures", *CONFIGURATION)
        aws.client("lambda").create_function(
            **pascal(chosen(inputs, wanted), {"name": "FunctionName"}) | _environment(inputs),
            Code={"ZipFile": inputs["code"].zip()},
            Tags=inputs["tagsAll"],
        )
        return str(inputs["name"])

    def complete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        aws.client("lambda").get_waiter("function_active_v2").wait(FunctionName=resource_id)
        if inputs["reservedConcurrentExecutions"] >= 0:
            self._reserve(aws, resource_id, inputs)

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        function = aws.client("lambda").get_function(FunctionName=resource_id)
        found = function["Configuration"]
        arn = found["FunctionArn"]
        settings = camel(chosen(found, pascal(dict.fromkeys(CONFIGURATION))))
        settings["environment"] = (
            {"variables": found.get("Environment", {}).get("Variables", {})} if found.get("Environment") else None
        )
        return {
            **settings,
            "name": found["FunctionName"],
            "arn": arn,
            "architectures": found.get("Architectures", ["x86_64"]),
            "codeSha256": found["CodeSha256"],
            "invokeArn": _invoke_arn(aws.place, arn),
            "lastModified": found["LastModified"],
            "packageType": found.get("PackageType", "Zip"),
            "qualifiedArn": f"{arn}:$LATEST",
            "qualifiedInvokeArn": _invoke_arn(aws.place, f"{arn}:$LATEST"),
            "reservedConcurrentExecutions": function.get("Concurrency", {}).get("ReservedConcurrentExecutions", -1),
            "sourceCodeHash": found["CodeSha256"],
            "sourceCodeSize": found["CodeSize"],
            "version": found["Version"],
            "tagsAll": function.get("Tags", {}),
        }

    def find(self, aws: Aws, begun: Beginning) -> str | None:
        return str(begun.inputs["name"])

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        client, new = aws.client("lambda"), change.new
        if change.touches("code", "architectures"):
            client.update_function_code(
                FunctionName=resource_id,
                ZipFile=new["code"].zip(),
                **pascal(chosen(new, ("architectures",))),
            )
            client.get_waiter("function_updated_v2").wait(FunctionName=resource_id)
        if change.touches(*CONFIGURATION):
            emptied = {"description": ""} if change.touches("description") else {}
            parameters = pascal({**emptied, **chosen(new, CONFIGURATION)})
            client.update_function_configuration(FunctionName=resource_id, **parameters | _environment(new))
            client.get_waiter("function_updated_v2").wait(FunctionName=resource_id)
        if change.touches("reservedConcurrentExecutions"):
            self._reserve(aws, resource_id, new)

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        aws.client("lambda").delete_function(FunctionName=resource_id)

    def retag(self, aws: Aws, resource_id: str, change: Change) -> None:
        arn = aws.place.arn("lambda", f"function:{resource_id}")
        if put := change.tags_put:
            aws.client("lambda").tag_resource(Resource=arn, Tags=dict(put))
        if remove := change.tags_removed:
            aws.client("lambda").untag_resource(Resource=arn, TagKeys=remove)

    def _reserve(self, aws: Aws, name: str, inputs: Properties) -> None:
        reserved = inputs["reservedConcurrentExecutions"]
        if reserved >= 0:
            aws.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
        else:
            aws.client("lambda").delete_function_concurrency(FunctionName=name)


class Permission(ResourceType):
    aws_type = "aws:lambda/permission:Permission"
    replacing = names("action function principal sourceAccount sourceArn statementId")
    required = names("action function principal")
    auto_name = AutoName(property="statementId", longest=100)

    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        return inputs["statementId"], {}

    def create(self, aws: Aws, inputs: Properties) -> str:
        wanted = self.replacing - {"function"}
        aws.client("lambda").add_permission(FunctionName=inputs["function"], **pascal(chosen(inputs, sorted(wanted))))
        return str(inputs["statementId"])

    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        answer = aws.client("lambda").get_policy(FunctionName=inputs["function"])
        statements = json.loads(answer.get("Policy") or "{}").get("Statement", [])
        statement = next((found for found in statements if found["Sid"] == resource_id), None)
        return None if statement is None else _permission(statement, inputs)

    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        aws.client("lambda").remove_permission(FunctionName=inputs["function"], StatementId=resource_id)


def _invoke_arn(place: Place, arn: str) -> str:
    return f"arn:{place.partition}:apigateway:{place.region}:lambda:path/2015-03-31/functions/{arn}/invocations"


def _environment(inputs: Properties) -> dict[str, Any]:
    """The environment in AWS's spelling: the names of the variables are the program's own."""
    return {"Environment": {"Variables": inputs.get("environment", {}).get("variables", {})}}


def _permission(statement: Mapping[str, Any], inputs: Properties) -> Properties:
    """The inputs of a permission, read off its statement in the function's policy."""
    condition = statement.get("Condition", {})
    principal = statement["Principal"]
    if isinstance(principal, Mapping):
        principal = principal.get("Service") or principal.get("AWS")
    return {
        "statementId": statement["Sid"],
        "action": statement["Action"],
        "principal": principal,
        "function": inputs["function"],
        "sourceArn": condition.get("ArnLike", {}).get("AWS:SourceArn"),
        "sourceAccount": condition.get("StringEquals", {}).get("AWS:SourceAccount"),
    }
