"""Requests of real boto3 through the gateway: who is let in, and that AWS's protocols pass whole."""

import json
import uuid

import boto3
import pytest
from botocore.exceptions import ClientError

from running_sandbox import ACCOUNT, Sandbox, document


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_the_deployer_is_a_session_of_a_real_role(sandbox: Sandbox) -> None:
    identity = sandbox.client("sts").get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/deployer"
    role = sandbox.client("iam").get_role(RoleName="deployer")["Role"]
    assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/sandbox/deployer"
