"""What there is to see of a deployed environment: what the program declares, and what AWS shows the operators' role."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import boto3
from botocore.exceptions import ClientError

from klaviyo_access.cli.deployer.stack import FUNCTION
from klaviyo_access.cli.identity import PATIENCE
from klaviyo_access.cli.rendering import Resource
from klaviyo_access.cli.workspace import Workspace
from klaviyo_access.keys.labels import SecretLabels

if TYPE_CHECKING:
    from types_boto3_kms import KMSClient
    from types_boto3_kms.type_defs import KeyMetadataTypeDef as Metadata
    from types_boto3_lambda import LambdaClient
    from types_boto3_lambda.type_defs import FunctionConfigurationResponseTypeDef as Configuration
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_secretsmanager.type_defs import DescribeSecretResponseTypeDef as Described

_AT_ONCE: Final = 8
_ABSENT: Final = frozenset(
    {
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchEntity",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "NotFound",
        "NotFoundException",
        "ResourceNotFoundException",
        "TrailNotFoundException",
    }
)
UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What a preview has for a string that is known only after the deployment. Source: Pulumi's SDK, `rpc.UNKNOWN`."""

_ALIAS: Final = "aws:kms/alias:Alias"
_SECRET_ARN: Final = re.compile(r'arn:[^":]+:secretsmanager:[^":]+:\d{12}:secret:([^":]+)-[A-Za-z0-9]{6}(?=\Z|")')

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What there is to see.

    Attributes:
        workspace: the project and its environment.
        declared: what the program would deploy.
        session: the operators' role.
        now: the time, in UTC.
    """

    workspace: Workspace
    declared: Sequence[Resource]
    session: boto3.Session
    now: datetime

    @property
    def stack(self) -> str:
        """The stack's name."""
        return self.workspace.environment.name

    @property
    def deploy(self) -> str:
        """The cure of whatever is not as the program declares it; it also sees what was changed past the program."""
        if self.stack == "local":
            return "Set the sandbox up anew: make down && make up"
        return f"A deployer runs: pulumi up --refresh --stack {self.stack}"

    def of(self, kind: str) -> list[Resource]:
        """What the program declares of a type."""
        return [resource for resource in self.declared if resource.type == kind]

    def secret_name(self, role: str, kind: Literal["key", "reserve"]) -> str:
        """The name of a role's secret."""
        return self.workspace.environment.secret_name(role, kind)

    @property
    def secret_names(self) -> list[str]:
        """The names of both secrets of each role."""
        return [self.secret_name(role, kind) for role in self.workspace.roles for kind in ("key", "reserve")]

    @cached_property
    def listed_secrets(self) -> Mapping[str, str]:
        """The ARNs of the environment's secrets, whoever made them, by name; also of those to be deleted."""
        environment = self.workspace.environment
        client: SecretsManagerClient = self.session.client("secretsmanager", config=PATIENCE)
        folder = f"{environment.prefix}/{environment.name}/"
        pages = client.get_paginator("list_secrets").paginate(
            Filters=[{"Key": "name", "Values": [folder]}], IncludePlannedDeletion=True
        )
        listed = {secret["Name"]: secret["ARN"] for page in pages for secret in page["SecretList"]}
        return {name: listed[name] for name in sorted(listed) if name.startswith(folder)}

    @cached_property
    def secrets(self) -> "Mapping[str, Described]":
        """What DescribeSecret says of each of the roles' secrets that is there, by its name.

        Those that are not there are not asked for: AWS refuses them to whoever may see the end of its ARNs alone.
        """
        client: SecretsManagerClient = self.session.client("secretsmanager", config=PATIENCE)
        names = [name for name in self.secret_names if name in self.listed_secrets]
        return each(names, lambda name: client.describe_secret(SecretId=name))

    @cached_property
    def rotators(self) -> "Mapping[str, Configuration | None]":
        """What GetFunctionConfiguration says of each declared rotator, by its name; None where it is not there."""
        client: LambdaClient = self.session.client("lambda", config=PATIENCE)
        names = [str(function.inputs["name"]) for function in self.of(FUNCTION)]
        return each(names, lambda name: unless_absent(lambda: client.get_function_configuration(FunctionName=name)))

    @cached_property
    def kms_keys(self) -> "Mapping[str, Metadata | None]":
        """What DescribeKey says of the KMS key behind each declared alias, by the alias; None where there is none."""
        client: KMSClient = self.session.client("kms", config=PATIENCE)
        home = self.workspace.environment.region
        aliases = [str(one.inputs["name"]) for one in self.of(_ALIAS) if one.inputs.get("region", home) == home]
        found = each(aliases, lambda alias: unless_absent(lambda: client.describe_key(KeyId=alias)))
        return {alias: answer["KeyMetadata"] if answer else None for alias, answer in found.items()}

    @cached_property
    def rendered_keys(self) -> Mapping[str, str]:
        """The id that each KMS key has in the rendering, by its alias."""
        declared = {str(one.inputs["name"]): str(one.inputs.get("targetKeyId", UNKNOWN)) for one in self.of(_ALIAS)}
        return {alias: key for alias, key in declared.items() if key != UNKNOWN}

    def as_deployed(self, text: str) -> str:
        """A rendered text with what AWS drew once it made secrets and KMS keys: the ends of ARNs, the ids of keys."""
        for alias, key in self.rendered_keys.items():
            if key in text and (found := self.kms_keys.get(alias)):
                text = text.replace(key, found["KeyId"])
        return _SECRET_ARN.sub(lambda arn: self.listed_secrets.get(arn[1], arn[0]), text)

    @property
    def live_secrets(self) -> "Mapping[str, Described]":
        """Those of `secrets` that are not waiting for their deletion."""
        return {name: answer for name, answer in self.secrets.items() if "DeletedDate" not in answer}

    def live_of_roles(self, kind: Literal["key", "reserve"]) -> "Mapping[str, Described]":
        """One of each role's two secrets, where it is live, by the role's name."""
        live = self.live_secrets
        names = {role: self.secret_name(role, kind) for role in self.workspace.roles}
        return {role: live[name] for role, name in names.items() if name in live}

    def labels_of_roles(self, kind: Literal["key", "reserve"]) -> Mapping[str, SecretLabels]:
        """The labels of one of each role's two secrets, where it is live, by the role's name."""
        return {
            role: SecretLabels.of(secret.get("VersionIdsToStages", {}))
            for role, secret in self.live_of_roles(kind).items()
        }


def each(items: Iterable[Item], ask: Callable[[Item], Answer]) -> dict[Item, Answer]:
    """The answer for each item, asked for a few at a time."""
    listed = list(items)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(listed, pool.map(ask, listed), strict=True))


def unless_absent(ask: Callable[[], Answer]) -> Answer | None:
    """The answer of AWS, or None where what is asked about does not exist."""
    try:
        return ask()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code", "") in _ABSENT:
            return None
        raise


def differing(
    sight: Sight, declared: Mapping[str, Any], found: Mapping[str, Any], fields: Mapping[str, str]
) -> list[str]:
    """Which arguments AWS has otherwise than the program declares them; what is not declared or not known is no use.

    Args:
        sight: what there is to see.
        declared: a resource's arguments.
        found: AWS's answer.
        fields: by each argument's name, what AWS's answer calls it.
    """
    return [name for name, field in fields.items() if not _as_declared(sight, declared.get(name), found.get(field))]


def _as_declared(sight: Sight, wanted: Any, has: Any) -> bool:
    if wanted is None or wanted == UNKNOWN:
        return True
    if isinstance(wanted, list):
        return sorted(map(sight.as_deployed, wanted)) == sorted(has or [])
    return bool((sight.as_deployed(wanted) if isinstance(wanted, str) else wanted) == has)


def same_document(one: str | Mapping[str, Any], other: str | Mapping[str, Any]) -> bool:
    """Whether two documents of AWS say the same: neither the order in lists counts, nor a list around one string."""
    return bool(_plain(one) == _plain(other))


def _plain(document: Any) -> Any:
    if isinstance(document, str) and document[:1] in {"{", "["}:
        return _plain(json.loads(document))
    if isinstance(document, Mapping):
        return {name: _plain(value) for name, value in document.items()}
    if isinstance(document, list):
        items = sorted((_plain(item) for item in document), key=lambda item: json.dumps(item, sort_keys=True))
        return items[0] if len(items) == 1 and isinstance(items[0], str) else items
    return document
