"""Rotations of a test's secret: the function that rotates it, what it was told, and what AWS recorded."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from botocore.exceptions import ClientError

from tests.conformance.account import Account
from tests.conformance.secret import CURRENT, Secret

T = TypeVar("T")
_FUNCTION: Final = Path(__file__).with_name("rotation_function.py")


@dataclass(frozen=True)
class Step:
    """One call of the rotation function, as it noted it."""

    name: str
    token: str
    spelling: str
    value: str


def deploy(account: Account) -> str:
    """Make the rotation function with a role of its own; its ARN. Both are removed later."""
    function, role = account.name("function"), _role(account)
    client = account.client("lambda")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("rotation_function.py", _FUNCTION.read_text())

    def create() -> str:
        made = client.create_function(
            FunctionName=function,
            Runtime="python3.13",
            Handler="rotation_function.handler",
            Role=role,
            Timeout=30,
            Code={"ZipFile": code.getvalue()},
        )
        return str(made["FunctionArn"])

    arn = account.until(_tried(create, "InvalidParameterValueException"), "a role that Lambda can take")
    account.remove_later(function, lambda: client.delete_function(FunctionName=function))
    client.get_waiter("function_active_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    client.add_permission(
        FunctionName=function,
        StatementId="rotation",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
        SourceAccount=account.id,
    )
    return arn


@dataclass(frozen=True, kw_only=True)
class Rotator:
    """Rotates secrets by the function ``arn``."""

    account: Account
    arn: str

    def rotate(self, secret: Secret, *, immediately: bool = True, **parameters: Any) -> str | None:
        """Start a rotation (or the test of its configuration); the id of its version."""

        def start() -> dict[str, Any]:
            started: dict[str, Any] = secret.client.rotate_secret(
                SecretId=secret.arn,
                **{"RotationLambdaARN": self.arn, "RotateImmediately": immediately, **parameters},
            )
            return started

        started = self.account.until(_tried(start, "AccessDeniedException"), "the permission to invoke the function")
        return started.get("VersionId")

    def rotated(self, secret: Secret) -> str:
        """Rotate to the good end; the id of the new version."""
        token = str(self.rotate(secret))
        self.account.until(lambda: "LastRotatedDate" in secret.described(), "the end of the rotation")
        assert secret.stages()[token] >= {CURRENT}
        return token

    def events(self, secret: Secret, last: str) -> list[str]:
        """What AWS recorded by itself about a secret, once ``last`` is among it; oldest first."""

        def look() -> list[str] | None:
            names = self._recorded(secret)
            return names if last in names else None

        return self.account.until(look, f"{last} in the trail", patience=self.account.patience_with_trail)

    def _recorded(self, secret: Secret) -> list[str]:
        pages = (
            self.account.client("cloudtrail")
            .get_paginator("lookup_events")
            .paginate(
                LookupAttributes=[{"AttributeKey": "EventSource", "AttributeValue": "secretsmanager.amazonaws.com"}],
                StartTime=secret.described()["CreatedDate"] - timedelta(seconds=1),
            )
        )
        found = [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]
        of_secret = [
            event
            for event in found
            if event["eventType"] == "AwsServiceEvent" and event["additionalEventData"]["SecretId"] == secret.arn
        ]
        of_secret.reverse()
        return [event["eventName"] for event in sorted(of_secret, key=lambda event: str(event["eventTime"]))]


def steps(secret: Secret) -> list[Step]:
    """The steps that the function was asked for, oldest first."""
    notes = [tag for tag in secret.described().get("Tags", []) if tag["Key"].startswith("step-")]
    return [Step(*tag["Value"].split()) for tag in sorted(notes, key=lambda tag: str(tag["Key"]))]


def script(**told: Any) -> str:
    """The description that tells the function what to do: see ``rotation_function``."""
    return json.dumps(told)


def _role(account: Account) -> str:
    iam, name = account.client("iam"), account.name("role")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust))["Role"]["Arn"]
    account.remove_later(name, lambda: iam.delete_role(RoleName=name))
    secrets = f"arn:aws:secretsmanager:*:{account.id}:secret:{account.prefix}-*"
    own = {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": secrets}
    iam.put_role_policy(RoleName=name, PolicyName="secrets", PolicyDocument=_document(own))
    account.remove_later(f"{name}: policy", lambda: iam.delete_role_policy(RoleName=name, PolicyName="secrets"))
    return str(role)


def _document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _tried(call: Callable[[], T], until: str) -> Callable[[], T | None]:
    """A call that gives None while it is refused for a reason that passes: IAM needs some time."""

    def attempt() -> T | None:
        try:
            return call()
        except ClientError as error:
            if error.response["Error"]["Code"] != until:
                raise
        return None

    return attempt
