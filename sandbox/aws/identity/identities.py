"""What IAM knows of who calls: roles, users, their policies and tags; read from ministack, kept until IAM changes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from sandbox.aws.backend import Backend
from sandbox.aws.calls import AwsError, Caller, Json
from sandbox.aws.identity.credentials import Role
from sandbox.aws.identity.signatures import UserKey

_REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A role's or a user's policy documents by name, and its tags."""

    policies: Mapping[str, Json]
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class StoredRole:
    """A role with its trust policy; ``max_session_seconds`` bounds its sessions."""

    role: Role
    trust_policy: Json
    max_session_seconds: int


class Identities:
    """Reads IAM.

    Args:
        backend: where IAM is kept.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._identities: dict[str, Identity] = {}
        self._key_secrets: dict[str, tuple[str, str]] = {}

    @property
    def entries(self) -> dict[str, tuple[str, str]]:
        """The user and the secret of every access key, by the key's id."""
        return self._key_secrets

    def forget(self) -> None:
        """Read everything anew: IAM was written to."""
        self._identities.clear()

    async def role(self, arn: str) -> StoredRole | None:
        """The role with exactly this ARN, path included; None where there is none."""
        try:
            found = (await self._iam("GetRole", RoleName=arn.rpartition("/")[2]))["Role"]
        except AwsError as error:
            if error.code == "NoSuchEntity":
                return None
            raise
        if found["Arn"] != arn:
            return None
        return StoredRole(
            role=Role(arn=found["Arn"], role_id=found["RoleId"]),
            trust_policy=_document(found["AssumeRolePolicyDocument"]),
            max_session_seconds=found.get("MaxSessionDuration", 3600),
        )

    async def exists(self, arn: str) -> bool:
        """Whether a role or a user has exactly this ARN."""
        if ":user/" not in arn:
            return await self.role(arn) is not None
        try:
            user = (await self._iam("GetUser", UserName=arn.rpartition("/")[2]))["User"]
        except AwsError as error:
            if error.code == "NoSuchEntity":
                return False
            raise
        return bool(user["Arn"] == arn)

    async def of(self, caller: Caller) -> Identity:
        """The policies and tags of a role or a user; none of either for a service.

        Raises:
            AwsError: the role or the user is gone.
        """
        if caller.kind == "AWSService":
            return Identity(policies={}, tags={})
        if caller.principal_arn not in self._identities:
            kind = "Role" if caller.kind == "AssumedRole" else "User"
            self._identities[caller.principal_arn] = await self._read(kind, caller.principal_arn.rpartition("/")[2])
        return self._identities[caller.principal_arn]

    def remember_key(self, created: Json) -> None:
        """Keep an access key that IAM has just made: its secret is never shown again."""
        key = created["AccessKey"]
        self._key_secrets[key["AccessKeyId"]] = (key["UserName"], key["SecretAccessKey"])

    async def user_key(self, access_key_id: str) -> UserKey | None:
        """A user's access key, if IAM still holds it and it is active."""
        if access_key_id not in self._key_secrets:
            return None
        name, secret = self._key_secrets[access_key_id]
        try:
            keys = (await self._iam("ListAccessKeys", UserName=name))["AccessKeyMetadata"]
            user = (await self._iam("GetUser", UserName=name))["User"]
        except AwsError as error:
            if error.code == "NoSuchEntity":
                return None
            raise
        if (access_key_id, "Active") not in {(key["AccessKeyId"], key["Status"]) for key in keys}:
            return None
        arn = user["Arn"]
        caller = Caller(
            kind="IAMUser",
            account=arn.split(":")[4],
            arn=arn,
            principal_arn=arn,
            principal_id=user["UserId"],
            access_key_id=access_key_id,
        )
        return UserKey(caller=caller, secret_access_key=secret)

    async def _read(self, kind: str, name: str) -> Identity:
        owner = {f"{kind}Name": name}
        found = (await self._iam(f"Get{kind}", **owner))[kind]
        if "PermissionsBoundary" in found:
            raise AwsError(
                "NotImplemented",
                f"The sandbox evaluates no permissions boundary, and {name} has one: remove it.",
                status=501,
            )
        if kind == "User" and (await self._iam("ListGroupsForUser", **owner))["Groups"]:
            raise AwsError(
                "NotImplemented",
                f"The sandbox evaluates no groups, and {name} is in one: attach its policies.",
                status=501,
            )
        policies = {
            policy: _document((await self._iam(f"Get{kind}Policy", PolicyName=policy, **owner))["PolicyDocument"])
            for policy in (await self._iam(f"List{kind}Policies", **owner))["PolicyNames"]
        }
        for attached in (await self._iam(f"ListAttached{kind}Policies", **owner))["AttachedPolicies"]:
            policies[attached["PolicyName"]] = await self._managed(attached["PolicyArn"])
        return Identity(policies=policies, tags={tag["Key"]: tag["Value"] for tag in found.get("Tags", [])})

    async def _managed(self, arn: str) -> Json:
        version = (await self._iam("GetPolicy", PolicyArn=arn))["Policy"]["DefaultVersionId"]
        found = await self._iam("GetPolicyVersion", PolicyArn=arn, VersionId=version)
        return _document(found["PolicyVersion"]["Document"])

    async def _iam(self, operation: str, **parameters: Any) -> Json:
        return await self._backend.call("iam", operation, parameters, region=_REGION)


def _document(text: str | Json) -> Json:
    document: Json = json.loads(unquote(text)) if isinstance(text, str) else text
    return document
