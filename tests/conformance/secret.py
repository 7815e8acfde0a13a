"""A secret of a test, in few words."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.account import Account

CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"


def refusal(call: Callable[..., Any], **parameters: Any) -> str:
    """The code that a call is refused with."""
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return str(refused.value.response["Error"]["Code"])


def absent(call: Callable[..., Any], **parameters: Any) -> bool:
    """Whether what a call asks for is not there, or no more."""
    try:
        call(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return True
        raise
    return False


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A secret, and the calls that tests make on it."""

    account: Account
    client: Any
    arn: str
    name: str

    def put(self, value: str, *stages: str, **parameters: Any) -> str:
        """Put a value under labels (none: as if none were named); the version's id."""
        named: dict[str, Any] = {"VersionStages": list(stages)} if stages else {}
        put = self.client.put_secret_value(SecretId=self.arn, SecretString=value, **named, **parameters)
        return str(put["VersionId"])

    def move(self, stage: str, *, source: str | None = None, target: str | None = None) -> None:
        """Move a label."""
        self.client.update_secret_version_stage(**self.moving(stage, source=source, target=target))

    def moving(self, stage: str, *, source: str | None = None, target: str | None = None) -> dict[str, str]:
        """The parameters that move a label."""
        ends = {"RemoveFromVersionId": source, "MoveToVersionId": target}
        return {"SecretId": self.arn, "VersionStage": stage, **{name: end for name, end in ends.items() if end}}

    def described(self) -> dict[str, Any]:
        """The answer of DescribeSecret."""
        described: dict[str, Any] = self.client.describe_secret(SecretId=self.arn)
        return described

    def stages(self) -> dict[str, set[str]]:
        """The labels of each version that has any."""
        return {version: set(stages) for version, stages in self.described().get("VersionIdsToStages", {}).items()}

    def read(self, **asked: str) -> str:
        """A value."""
        return str(self.client.get_secret_value(SecretId=self.arn, **asked)["SecretString"])

    def refused(self, operation: str, **parameters: Any) -> str:
        """The code with which one of the client's methods refuses this secret."""
        return refusal(getattr(self.client, operation), SecretId=self.arn, **parameters)

    def protect(self, *statements: dict[str, Any]) -> None:
        """Attach a policy, and wait until it decides: one more statement denies UntagResource for that."""
        canary = {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:UntagResource", "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [canary, *statements]}
        self.client.put_resource_policy(SecretId=self.arn, ResourcePolicy=json.dumps(policy))
        self.account.until(self._untagging_is_denied, "the resource policy")

    def _untagging_is_denied(self) -> bool:
        try:
            self.client.untag_resource(SecretId=self.arn, TagKeys=["canary"])
        except ClientError as error:
            return str(error.response["Error"]["Code"]) == "AccessDeniedException"
        return False


def create(account: Account, *, region: str | None = None, **parameters: Any) -> Secret:
    """Make a secret, without a value unless ``parameters`` of CreateSecret bring one, and have it removed later."""
    client = account.client("secretsmanager", region=region)
    name = parameters.pop("Name", None) or account.name("secret")
    account.remove_later(name, lambda: remove(account, name, region=region))
    made = client.create_secret(Name=name, **parameters)
    return Secret(account=account, client=client, arn=made["ARN"], name=name)


def remove(account: Account, name: str, *, region: str | None = None) -> None:
    """Remove a secret at once with its policy and its replicas, wherever a test has left it."""
    client = account.client("secretsmanager", region=region)
    if absent(client.describe_secret, SecretId=name):
        return
    if "DeletedDate" not in client.describe_secret(SecretId=name):
        client.delete_resource_policy(SecretId=name)
    replicas = client.describe_secret(SecretId=name).get("ReplicationStatus", [])
    if replicas:
        regions = [replica["Region"] for replica in replicas]
        client.remove_regions_from_replication(SecretId=name, RemoveReplicaRegions=regions)
    for replica in replicas:
        if replica["Status"] != "Failed":
            there = account.client("secretsmanager", region=replica["Region"])
            account.until(partial(absent, there.describe_secret, SecretId=name), f"the end of a replica of {name}")
    client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
