"""The functions of pulumi-aws that the program calls: who and where it is."""

from collections.abc import Callable, Mapping
from datetime import UTC
from types import MappingProxyType
from typing import Final

from sandbox.provider.cloud import Cloud
from sandbox.provider.configuration import Configuration
from sandbox.provider.wire import Properties

Invoke = Callable[[Cloud, Configuration, Properties], Properties]


def _caller_identity(cloud: Cloud, _configuration: Configuration, _arguments: Properties) -> Properties:
    caller = cloud.identity()
    return {"accountId": caller["Account"], "arn": caller["Arn"], "id": caller["Account"], "userId": caller["UserId"]}


def _partition(_cloud: Cloud, _configuration: Configuration, _arguments: Properties) -> Properties:
    return {"dnsSuffix": "amazonaws.com", "id": "aws", "partition": "aws", "reverseDnsPrefix": "com.amazonaws"}


def _region(_cloud: Cloud, configuration: Configuration, arguments: Properties) -> Properties:
    region = arguments.get("region") or configuration.region
    description = DESCRIPTIONS.get(region, region)
    return {
        "description": description,
        "endpoint": f"ec2.{region}.amazonaws.com",
        "id": region,
        "name": region,
        "region": region,
    }


def _session_context(cloud: Cloud, _configuration: Configuration, arguments: Properties) -> Properties:
    arn = str(arguments["arn"])
    issuer = cloud.issuer(arn)
    return {
        "arn": arn,
        "id": arn,
        "issuerArn": issuer,
        "issuerId": "",
        "issuerName": issuer.rpartition("/")[2],
        "sessionName": arn.rpartition("/")[2],
    }


def _role(cloud: Cloud, _configuration: Configuration, arguments: Properties) -> Properties:
    return {"id": arguments["name"], "arn": cloud.principal("role", str(arguments["name"])), **arguments}


def _user(cloud: Cloud, _configuration: Configuration, arguments: Properties) -> Properties:
    return {"id": arguments["userName"], "arn": cloud.principal("user", str(arguments["userName"])), **arguments}


def _service_quota(cloud: Cloud, _configuration: Configuration, arguments: Properties) -> Properties:
    service, code = str(arguments["serviceCode"]), str(arguments["quotaCode"])
    return {"id": f"{service}/{code}", "serviceCode": service, "quotaCode": code, "value": cloud.quota(service, code)}


def _secrets(cloud: Cloud, configuration: Configuration, arguments: Properties) -> Properties:
    filters = [{"Key": each["name"], "Values": each["values"]} for each in arguments.get("filters", [])]
    found = cloud.secrets(filters)
    arns, named = [arn for arn, _ in found], [name for _, name in found]
    return {"id": configuration.region, "region": configuration.region, "arns": arns, "names": named, **arguments}


def _secret(cloud: Cloud, configuration: Configuration, arguments: Properties) -> Properties:
    found = cloud.secret(str(arguments["name"]))
    dates = {name: f"{found[key].astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for name, key in _DATES.items() if key in found}
    return {
        "id": found["ARN"],
        "region": configuration.region,
        "arn": found["ARN"],
        "name": found["Name"],
        "description": found.get("Description", ""),
        "kmsKeyId": found.get("KmsKeyId", ""),
        "policy": found.get("ResourcePolicy", ""),
        "tags": {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])},
        "type": "",
        **dates,
    }


_DATES: Final = MappingProxyType({"createdDate": "CreatedDate", "lastChangedDate": "LastChangedDate"})


def _secret_versions(cloud: Cloud, configuration: Configuration, arguments: Properties) -> Properties:
    found = cloud.secret_versions(str(arguments["secretId"]))
    versions = [
        {
            "createdTime": f"{version['CreatedDate'].astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "lastAccessedDate": "",
            "versionId": version["VersionId"],
            "versionStages": version["VersionStages"],
        }
        for version in found["Versions"]
    ]
    named = {"arn": found["ARN"], "name": found["Name"], "secretArn": found["ARN"], "secretName": found["Name"]}
    return {"id": found["ARN"], "region": configuration.region, "versions": versions, **named, **arguments}


def _function(cloud: Cloud, configuration: Configuration, arguments: Properties) -> Properties:
    found = cloud.function(str(arguments["functionName"]))
    variables = found.get("Environment", {}).get("Variables", {})
    return {
        "id": found["FunctionName"],
        "region": configuration.region,
        "arn": found["FunctionArn"],
        "lastModified": found["LastModified"],
        "environment": {"variables": variables},
        **arguments,
    }


DESCRIPTIONS: Final = MappingProxyType(
    {
        "eu-central-1": "Europe (Frankfurt)",
        "eu-west-1": "Europe (Ireland)",
        "us-east-1": "US East (N. Virginia)",
        "us-east-2": "US East (Ohio)",
        "us-west-2": "US West (Oregon)",
    }
)

INVOKES: Final[Mapping[str, tuple[frozenset[str], Invoke]]] = MappingProxyType(
    {
        "aws:index/getCallerIdentity:getCallerIdentity": (frozenset(), _caller_identity),
        "aws:index/getPartition:getPartition": (frozenset(), _partition),
        "aws:index/getRegion:getRegion": (frozenset({"region"}), _region),
        "aws:iam/getRole:getRole": (frozenset({"name"}), _role),
        "aws:iam/getUser:getUser": (frozenset({"userName"}), _user),
        "aws:iam/getSessionContext:getSessionContext": (frozenset({"arn"}), _session_context),
        "aws:lambda/getFunction:getFunction": (frozenset({"functionName"}), _function),
        "aws:secretsmanager/getSecret:getSecret": (frozenset({"name"}), _secret),
        "aws:secretsmanager/getSecretVersions:getSecretVersions": (frozenset({"secretId"}), _secret_versions),
        "aws:secretsmanager/getSecrets:getSecrets": (frozenset({"filters"}), _secrets),
        "aws:servicequotas/getServiceQuota:getServiceQuota": (frozenset({"serviceCode", "quotaCode"}), _service_quota),
    }
)
"""Each function by its token, with the arguments it takes."""
