"""The two clouds a provider can work on: AWS at a loopback endpoint, and AWS as it is predicted to answer."""

import functools
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.provider.beginnings import Beginning
from sandbox.provider.configuration import Configuration, ConfigurationError
from sandbox.provider.diff import changed
from sandbox.provider.table import Aws, Change, Place, ResourceType, chosen, is_gone, same_document
from sandbox.provider.wire import Archive, Properties


class IncompleteError(Exception):
    """A resource was made, but what had to follow failed: it exists under ``resource_id``."""

    def __init__(self, resource_id: str, *, inputs: Properties, outputs: Properties, cause: Exception) -> None:
        super().__init__(str(cause))
        self.resource_id = resource_id
        self.inputs = inputs
        self.outputs = outputs
        self.cause = cause


class Cloud(Protocol):
    """What the provider asks of a cloud. ``inputs`` are whole: with defaults, name, region and all tags."""

    def create(self, kind: ResourceType, inputs: Properties, *, urn: str) -> tuple[str, Properties]:
        """Make a resource; its id and outputs."""

    def read(self, kind: ResourceType, resource_id: str, inputs: Properties) -> Properties | None:
        """The outputs of a resource as they are now; None where it is gone."""

    def update(self, kind: ResourceType, resource_id: str, change: Change) -> Properties:
        """Change a resource in place; its outputs."""

    def delete(self, kind: ResourceType, resource_id: str, inputs: Properties) -> None:
        """Remove a resource; fine where it is gone already."""

    def take_over(self, kind: ResourceType, begun: Beginning, inputs: Properties) -> tuple[str, Properties] | None:
        """Bring what was begun, if AWS has it, to ``inputs``; its id and outputs. None where it must be made."""

    def identity(self) -> Mapping[str, str]:
        """Who calls: ``Account``, ``Arn`` and ``UserId``, as STS answers."""

    def issuer(self, arn: str) -> str:
        """The ARN, with its path, of the role whose session ``arn`` is; ``arn`` itself where it is no session."""

    def principal(self, kind: str, name: str) -> str:
        """The ARN, with its path, of the ``role`` or ``user`` of this name."""

    def quota(self, service: str, code: str) -> float:
        """The quota that the account has, as Service Quotas answers."""

    def secrets(self, filters: Sequence[Mapping[str, Any]]) -> Sequence[tuple[str, str]]:
        """ARN and name of each secret that satisfies every filter of ListSecrets, without those to be deleted."""

    def secret(self, name: str) -> Mapping[str, Any]:
        """A secret as DescribeSecret answers, with its policy; one that waits for its deletion is not found."""

    def secret_versions(self, secret: str) -> Mapping[str, Any]:
        """A secret's ARN and name, and its versions with labels, as ListSecretVersionIds answers."""

    def function(self, name: str) -> Mapping[str, Any]:
        """A function's configuration, as GetFunction answers."""


class LiveCloud:
    """AWS at the configured endpoints, over boto3 with the credentials of the environment.

    Raises:
        ConfigurationError: the endpoint is not on this machine, or the account is not an allowed one.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._session = boto3.Session(region_name=configuration.region)
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        allowed = configuration.allowed_accounts
        if allowed and self.identity()["Account"] not in allowed:
            raise ConfigurationError(
                f"The credentials are of account {self.identity()['Account']}; 'allowedAccountIds' allows "
                f"{', '.join(allowed)}."
            )

    def create(self, kind: ResourceType, inputs: Properties, *, urn: str) -> tuple[str, Properties]:  # noqa: ARG002 -- AWS draws its own ids
        aws = self._aws(inputs)
        resource_id = kind.create(aws, inputs)
        try:
            kind.complete(aws, resource_id, inputs)
            found = kind.read(aws, resource_id, inputs)
        except Exception as error:
            raise IncompleteError(
                resource_id, inputs=inputs, outputs=_outputs(kind, inputs, {}), cause=error
            ) from error
        return resource_id, _outputs(kind, inputs, found or {})

    def read(self, kind: ResourceType, resource_id: str, inputs: Properties) -> Properties | None:
        try:
            found = kind.read(self._aws(inputs), resource_id, inputs)
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        return None if found is None else _outputs(kind, inputs, found)

    def update(self, kind: ResourceType, resource_id: str, change: Change) -> Properties:
        aws = self._aws(change.new)
        if change.names:
            kind.update(aws, resource_id, change)
        else:
            kind.complete(aws, resource_id, change.new)  # its tags changed, or its creation was not completed
        if kind.taggable and change.old["tagsAll"] != change.new["tagsAll"]:
            kind.retag(aws, resource_id, change)
        return _outputs(kind, change.new, kind.read(aws, resource_id, change.new) or {})

    def delete(self, kind: ResourceType, resource_id: str, inputs: Properties) -> None:
        try:
            kind.delete(self._aws(inputs), resource_id, inputs)
        except ClientError as error:
            if not is_gone(error):
                raise

    def take_over(self, kind: ResourceType, begun: Beginning, inputs: Properties) -> tuple[str, Properties] | None:
        """What bears the name of what was begun is somebody else's where its tags or unchangeable inputs differ."""
        resource_id = begun.id or self._find(kind, begun)
        found = self.read(kind, resource_id, begun.inputs) if resource_id else None
        if not resource_id or found is None or not _is_begun(kind, begun, found):
            return None
        unread = {name: value for name, value in begun.inputs.items() if isinstance(value, Archive)}
        old = unread | chosen(found, kind.inputs | {"tagsAll"})
        names = changed(kind, old, inputs) & (begun.inputs.keys() | inputs.keys())
        if any(kind.forces_replacement(name) for name in names):
            self.delete(kind, resource_id, begun.inputs)
            return None
        return resource_id, self.update(kind, resource_id, Change(old=old, new=inputs, names=names & kind.updatable))

    def _find(self, kind: ResourceType, begun: Beginning) -> str | None:
        try:
            return kind.find(self._aws(begun.inputs), begun)
        except ClientError as error:
            if is_gone(error):
                return None
            raise

    @functools.cache  # noqa: B019 -- one identity for the life of the process
    def identity(self) -> Mapping[str, str]:
        answer = self._client("sts", self._configuration.region).get_caller_identity()
        return {name: answer[name] for name in ("Account", "Arn", "UserId")}

    def issuer(self, arn: str) -> str:
        if ":assumed-role/" not in arn:
            return arn
        role = self._client("iam", self._configuration.region).get_role(RoleName=arn.split("/")[1])
        return str(role["Role"]["Arn"])

    def principal(self, kind: str, name: str) -> str:
        iam = self._client("iam", self._configuration.region)
        found = iam.get_role(RoleName=name)["Role"] if kind == "role" else iam.get_user(UserName=name)["User"]
        return str(found["Arn"])

    def quota(self, service: str, code: str) -> float:
        quotas = self._client("service-quotas", self._configuration.region)
        quotas.get_aws_default_service_quota(ServiceCode=service, QuotaCode=code)  # asked first, so it must be allowed
        return float(quotas.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"])

    def secrets(self, filters: Sequence[Mapping[str, Any]]) -> Sequence[tuple[str, str]]:
        pages = self._client("secretsmanager", self._configuration.region).get_paginator("list_secrets")
        found = [secret for page in pages.paginate(Filters=filters) for secret in page["SecretList"]]
        return [(secret["ARN"], secret["Name"]) for secret in found]

    def secret(self, name: str) -> Mapping[str, Any]:
        client = self._client("secretsmanager", self._configuration.region)
        found = client.describe_secret(SecretId=name)
        if "DeletedDate" in found:
            raise _no_secret("DescribeSecret", f"({name}): couldn't find resource")
        return {**found, **client.get_resource_policy(SecretId=name)}

    def secret_versions(self, secret: str) -> Mapping[str, Any]:
        client = self._client("secretsmanager", self._configuration.region)
        found: Mapping[str, Any] = client.list_secret_version_ids(SecretId=secret, MaxResults=100)
        return found

    def function(self, name: str) -> Mapping[str, Any]:
        client = self._client("lambda", self._configuration.region)
        found: Mapping[str, Any] = client.get_function(FunctionName=name)["Configuration"]
        return found

    def _aws(self, inputs: Properties) -> Aws:
        region = inputs.get("region") or self._configuration.region
        return Aws(region=region, clients=self._client, identity=self.identity)

    def _client(self, service: str, region: str) -> Any:
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._session.client(
                    service,
                    region_name=region,
                    endpoint_url=self._configuration.endpoint_of(service),
                    config=_CONFIG,
                )
            return self._clients[service, region]


class PredictedCloud:
    """AWS as it would answer, computed from account, region and inputs: for rendering a stack that is not deployed."""

    def __init__(self, place: Place, caller: Mapping[str, str], *, principals: Collection[str] = ()) -> None:
        self._place = place
        self._caller = caller
        self._principals = principals

    def create(self, kind: ResourceType, inputs: Properties, *, urn: str) -> tuple[str, Properties]:
        place = replace(self._place, region=inputs.get("region", self._place.region), urn=urn)
        resource_id, predicted = kind.predict(place, inputs)
        return resource_id, _outputs(kind, inputs, predicted)

    def read(self, kind: ResourceType, resource_id: str, inputs: Properties) -> Properties | None:
        if kind.aws_type not in _PRESUMED:
            raise NotImplementedError(f"{kind.aws_type} '{resource_id}' is looked up, but there is no AWS: {inputs}")
        return {"arn": resource_id, **_PRESUMED[kind.aws_type]}

    def update(self, kind: ResourceType, resource_id: str, change: Change) -> Properties:
        raise NotImplementedError(f"{kind.aws_type} '{resource_id}': a rendering starts from nothing: {change.names}")

    def delete(self, kind: ResourceType, resource_id: str, inputs: Properties) -> None:
        raise NotImplementedError(f"{kind.aws_type} '{resource_id}': a rendering starts from nothing: {inputs}")

    def take_over(self, kind: ResourceType, begun: Beginning, inputs: Properties) -> tuple[str, Properties] | None:
        raise NotImplementedError(f"{kind.aws_type}: nothing interrupts a rendering: {begun} {inputs}")

    def identity(self) -> Mapping[str, str]:
        return self._caller

    def issuer(self, arn: str) -> str:
        return self._caller["Issuer"] if arn == self._caller["Arn"] else arn

    def principal(self, kind: str, name: str) -> str:
        for arn in self._principals:
            if f":{kind}/" in arn and arn.endswith(f"/{name}"):
                return arn
        raise ClientError({"Error": {"Code": "NoSuchEntity", "Message": f"no {kind} {name}"}}, f"Get{kind.title()}")

    def quota(self, service: str, code: str) -> float:  # noqa: ARG002 -- a rendering stands for an account with room
        return 1000.0

    def secrets(self, filters: Sequence[Mapping[str, Any]]) -> Sequence[tuple[str, str]]:  # noqa: ARG002 -- a rendering starts from nothing
        return ()

    def secret(self, name: str) -> Mapping[str, Any]:
        raise _no_secret("DescribeSecret", f"({name}): couldn't find resource")

    def secret_versions(self, secret: str) -> Mapping[str, Any]:
        raise _no_secret("ListSecretVersionIds", f"({secret}): couldn't find resource")

    def function(self, name: str) -> Mapping[str, Any]:
        raise NotImplementedError(f"{name} is looked up, but a rendering starts from nothing")


_PRESUMED: Final[Mapping[str, Properties]] = MappingProxyType(
    {"aws:cloudtrail/trail:Trail": {"isMultiRegionTrail": True, "enableLogging": True}}
)
"""What a rendering presumes of what the account has already: that it is in order."""

OpenCloud = Callable[[Configuration], Cloud]

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    retries={"mode": "standard", "total_max_attempts": 1},  # a call made again would hide whether the first was heard
    proxies={},
    s3={"addressing_style": "path"},
    parameter_validation=True,
)


def _no_secret(operation: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": message}}, operation)


def _is_begun(kind: ResourceType, begun: Beginning, found: Properties) -> bool:
    """Whether AWS has what was begun; some types get their tags by a second call."""
    if kind.taggable and found["tagsAll"] not in ({}, begun.inputs["tagsAll"]):
        return False
    fixed = chosen(found, kind.replacing & begun.inputs.keys())
    return all(begun.inputs[name] == value for name, value in fixed.items())


def _outputs(kind: ResourceType, inputs: Properties, found: Properties) -> Properties:
    """A resource's outputs: its inputs, overlaid with what AWS has; documents keep the program's own spelling."""
    outputs = {name: value for name, value in inputs.items() if not isinstance(value, Archive)}
    for name, value in found.items():
        if name in kind.documents and same_document(value, inputs.get(name)):
            continue
        outputs[name] = value
    return {name: value for name, value in outputs.items() if value is not None}
