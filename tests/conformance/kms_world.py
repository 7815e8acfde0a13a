"""What tests of KMS, of topics and of alarms need in an account: keys, roles, topics, and patience."""

import json
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.conformance.account import Account

Statement = dict[str, Any]

_PENDING_DAYS = 7


class World:
    """An account as tests of KMS use it.

    Args:
        account: where all is made, and removed afterwards.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._patience = account.patience if account.is_aws else 0.0
        self.kms, self.iam = account.client("kms"), account.client("iam")
        self.is_aws = account.is_aws
        self.account, self.region = account.id, account.region
        self.name, self.client, self.until, self.now = account.name, account.client, account.until, account.now

    @property
    def root(self) -> dict[str, str]:
        return {"AWS": f"arn:aws:iam::{self.account}:root"}

    def later(self, undo: Callable[..., Any], **parameters: Any) -> None:
        """Call ``undo`` when the tests are over."""
        self._account.remove_later(f"{undo.__name__} {parameters}", lambda: undo(**parameters))

    def role(self, *statements: Statement) -> str:
        """A role that the account may assume, with these statements as its policy; its ARN."""
        name = self.name("role")
        trust = {"Effect": "Allow", "Principal": self.root, "Action": "sts:AssumeRole"}
        made = self.iam.create_role(RoleName=name, Path="/conformance/", AssumeRolePolicyDocument=document(trust))
        self.later(self.iam.delete_role, RoleName=name)
        if statements:
            self.iam.put_role_policy(RoleName=name, PolicyName="conformance", PolicyDocument=document(*statements))
            self.later(self.iam.delete_role_policy, RoleName=name, PolicyName="conformance")
        return str(made["Role"]["Arn"])

    def client_of(self, role: str, service: str) -> Any:
        """A boto3 client of a role."""
        sts = self.client("sts")
        found = self.allowed(sts.assume_role, RoleArn=role, RoleSessionName="conformance")["Credentials"]
        return boto3.client(
            service,
            region_name=self.region,
            endpoint_url=self._account.endpoint_url,
            config=Config(retries={"total_max_attempts": 5 if self._account.is_aws else 1}),
            aws_access_key_id=found["AccessKeyId"],
            aws_secret_access_key=found["SecretAccessKey"],
            aws_session_token=found["SessionToken"],
        )

    def key(self, *statements: Statement, **parameters: Any) -> str:
        """A key whose policy lets the account manage it, and has these statements beside; its ARN."""
        if statements:
            policy = document(self.managed(), *statements)
            parameters["Policy"] = policy
        made = self.allowed(self.kms.create_key, Description="conformance", **parameters)["KeyMetadata"]
        self.later(self._forget_key, arn=made["Arn"])
        return str(made["Arn"])

    def managed(self) -> Statement:
        """The account manages a key by its IAM policies, and does not use it."""
        actions = ("Describe*", "Enable*", "Disable*", "Get*", "List*", "PutKeyPolicy", "*Grant", "*KeyDeletion")
        return allow(self.root, *actions)

    def secret(self, **parameters: Any) -> str:
        """A secret with the value ``s``; its ARN."""
        client = self.client("secretsmanager")
        arn = str(client.create_secret(Name=self.name("secret"), SecretString="s", **parameters)["ARN"])
        self.later(client.delete_secret, SecretId=arn, ForceDeleteWithoutRecovery=True)
        return arn

    def allowed(self, call: Callable[..., Any], **parameters: Any) -> Any:
        """The answer of a call that is allowed, once what was changed before counts."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return call(**parameters)
            except ClientError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(self._account.pause)

    def refused(self, call: Callable[..., Any], **parameters: Any) -> str:
        """The error code of a call that is refused, once what was changed before counts."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                call(**parameters)
            except ClientError as error:
                return str(error.response["Error"]["Code"])
            if time.monotonic() >= deadline:
                pytest.fail(f"{call.__name__} was allowed: {sorted(parameters)}")
            time.sleep(self._account.pause)

    def _forget_key(self, *, arn: str) -> None:
        if self.kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] != "PendingDeletion":
            self.kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=_PENDING_DAYS)


def allow(principal: str | dict[str, str], *actions: str, **condition: Any) -> Statement:
    """A statement of a key policy that allows ``kms:`` actions."""
    statement: Statement = {
        "Effect": "Allow",
        "Principal": principal if isinstance(principal, dict) else {"AWS": principal},
        "Action": [f"kms:{action}" for action in actions],
        "Resource": "*",
    }
    return statement | ({"Condition": condition} if condition else {})


def document(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
