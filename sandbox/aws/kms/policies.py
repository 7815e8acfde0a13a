"""The policies of KMS keys, which decide before any other."""

import json

from sandbox.aws.backend import Backend
from sandbox.aws.calls import AwsError, Json

_REFUSALS = {"Disabled": "DisabledException"}


class KeyPolicies:
    """Finds the key behind an ARN, and its policy.

    Args:
        backend: where keys are kept.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def resolve(self, resource: str, *, through_service: bool) -> tuple[str, Json | None]:
        """The key's ARN and policy; for what is no key yet (``*``, ``key/*``, an alias) the same again and no policy.

        Args:
            resource: the ARN of a key or, where a service uses it, of an alias.
            through_service: a service is about to use the key, so that it must be usable.

        Raises:
            AwsError: there is no such key, or it is disabled or pending deletion.
        """
        if ":alias/aws/" in resource:
            return resource, _aws_managed(resource)
        if resource.endswith(":key/*") or (":key/" not in resource and not through_service):
            return resource, None
        region = resource.split(":")[3]
        key = (await self._backend.call("kms", "DescribeKey", {"KeyId": resource}, region=region))["KeyMetadata"]
        if through_service and key["KeyState"] != "Enabled":
            code = _REFUSALS.get(key["KeyState"], "KMSInvalidStateException")
            raise AwsError(code, f"{key['Arn']} is {key['KeyState']}.")
        parameters = {"KeyId": key["KeyId"], "PolicyName": "default"}
        policy: Json = json.loads(
            (await self._backend.call("kms", "GetKeyPolicy", parameters, region=region))["Policy"]
        )
        return key["Arn"], effective(policy)


def effective(policy: Json) -> Json:
    """The policy without the statements that lack a Resource or an Action: KMS keeps those, and they do nothing.

    Source: botocore's model, ``Policy`` of CreateKey and PutKeyPolicy.
    """
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    kept = [
        statement
        for statement in statements
        if {"Action", "NotAction"} & statement.keys() and {"Resource", "NotResource"} & statement.keys()
    ]
    return {**policy, "Statement": kept}


def _aws_managed(resource: str) -> Json:
    """The policy of an AWS managed key: all of the account, through its service alone."""
    _, _, _, region, account, name = resource.split(":", 5)
    service = name.removeprefix("alias/aws/")
    actions = ("Encrypt", "Decrypt", "ReEncrypt*", "GenerateDataKey*", "CreateGrant", "DescribeKey")
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"kms:{action}" for action in actions],
        "Resource": "*",
        "Condition": {
            "StringEquals": {"kms:ViaService": f"{service}.{region}.amazonaws.com", "kms:CallerAccount": account}
        },
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
