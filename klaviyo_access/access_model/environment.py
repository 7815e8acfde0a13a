"""Where an environment is: the facts of a stack's settings that the program and the operators' commands share.

A stack's name is its environment's name. The rest of `Pulumi.<stack>.yaml` concerns the program alone
(`components/settings.py`).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from klaviyo_access.endpoint import KLAVIYO_URL, RULE, is_safe

PROJECT = "klaviyo-access"

OAUTH_FOLDER = "oauth"
"""The part of their names that the OAuth app's secrets share; what is named so itself would have its own among them."""

# A stack's settings fit on a few pages; anything larger is not such a file.
_LARGEST_SETTINGS_BYTES = 256 * 1024


class EnvironmentSettingsError(Exception):
    """A stack's settings are missing or wrong; the message gives file, setting, rule, value and fix."""


def _klaviyo_url(value: str) -> str:
    url = value.removesuffix("/")
    if not is_safe(url):
        raise ValueError
    return url


AccountId = Annotated[str, Field(pattern=r"^\d{12}$")]
KlaviyoUrl = Annotated[str, AfterValidator(_klaviyo_url)]
# No hyphens: names in AWS join prefix, environment and role by hyphens, and must not be taken for another's.
Prefix = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,19}$")]
EnvironmentName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,19}$")]
Region = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]


class Environment(BaseModel):
    """One environment: its place in AWS and the Klaviyo account that its keys belong to.

    Attributes:
        name: the environment's and the stack's name, one of access.yaml's.
        region: AWS region, as in ``eu-west-1``.
        account_id: 12 digits; the only account in which this environment may be deployed.
        partition: ``aws`` or ``aws-us-gov``.
        prefix: first part of every physical name.
        klaviyo_url: base URL of Klaviyo's API, without a slash at its end.
        klaviyo_account_id: Klaviyo's 6-character company id; empty when it shall not be checked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: EnvironmentName
    region: Region
    account_id: AccountId
    partition: Literal["aws", "aws-us-gov"] = "aws"
    prefix: Prefix = "klaviyo"
    klaviyo_url: KlaviyoUrl = KLAVIYO_URL
    klaviyo_account_id: Annotated[str, Field(pattern=r"^([A-Za-z0-9]{6})?$")] = ""

    @classmethod
    def of_stack(cls, directory: Path, stack: str, environ: Mapping[str, str] = os.environ) -> "Environment":
        """Read the environment out of ``Pulumi.<stack>.yaml`` in ``directory``.

        Raises:
            EnvironmentSettingsError: no such stack, a file that cannot be read, or a setting against its rule.
        """
        return cls.of_config(stack, read_config(directory, stack), environ)

    @classmethod
    def of_config(cls, stack: str, config: Mapping[str, Any], environ: Mapping[str, str]) -> "Environment":
        """Build the environment from a stack's configuration, keyed as in the file (``klaviyo-access:prefix``)."""
        facts: dict[str, Any] = {"name": stack, "region": config.get("aws:region")}
        for setting, field in _SETTINGS.items():
            if (value := config.get(f"{PROJECT}:{setting}")) is not None:
                facts[field] = value
        if stack == "local":
            facts["klaviyo_url"] = environ.get("KLAVIYO_URL", facts.get("klaviyo_url"))
        try:
            return cls(**{field: value for field, value in facts.items() if value is not None})
        except ValidationError as error:
            raise EnvironmentSettingsError(_describe(stack, error)) from None

    def secret_name(self, role: str, kind: Literal["key", "reserve"]) -> str:
        """The name of a role's secret: ``key`` is what services read, ``reserve`` holds its spares."""
        return f"{self.prefix}/{self.name}/{role}/{kind}"

    @property
    def oauth_client_name(self) -> str:
        """The name of the secret with the OAuth app's client id and client secret."""
        return f"{self.prefix}/{self.name}/{OAUTH_FOLDER}/client"

    @property
    def iam_path(self) -> str:
        """The path of every IAM role of this environment, so that a role's ARN is never ambiguous."""
        return f"/{self.prefix}/{self.name}/"

    @property
    def application_audit_log_group(self) -> str:
        """The log group of the services' audit entries."""
        return f"/{self.prefix}/{self.name}/application-audit"

    @property
    def auditor_name(self) -> str:
        """The name of the auditor's Lambda; prefix and name are too short for it to be over AWS's limit."""
        return f"{self.prefix}-{self.name}-key-auditor"

    @property
    def auditor_log_group(self) -> str:
        """The log group of what the auditor finds."""
        return f"/aws/lambda/{self.auditor_name}"

    @property
    def operator_role_arn(self) -> str:
        """The role in which operators stage and rotate."""
        return f"arn:{self.partition}:iam::{self.account_id}:role{self.iam_path}{self.prefix}-{self.name}-key-operator"


_SETTINGS = {
    "accountId": "account_id",
    "partition": "partition",
    "prefix": "prefix",
    "klaviyoUrl": "klaviyo_url",
    "klaviyoAccountId": "klaviyo_account_id",
}
_SETTING_OF_FIELD = {field: f"{PROJECT}:{setting}" for setting, field in _SETTINGS.items()} | {"region": "aws:region"}


def stacks_in(directory: Path) -> tuple[str, ...]:
    """The names of the stacks that have a settings file in ``directory``."""
    found = (re.fullmatch(r"Pulumi\.([A-Za-z0-9_.-]+)\.yaml", path.name) for path in directory.glob("Pulumi.*.yaml"))
    return tuple(sorted(match[1] for match in found if match))


def read_config(directory: Path, stack: str) -> Mapping[str, Any]:
    """The ``config`` mapping of ``Pulumi.<stack>.yaml``.

    Raises:
        EnvironmentSettingsError: no such file, or it is no YAML mapping with a ``config`` mapping.
    """
    path = directory / f"Pulumi.{stack}.yaml"
    if stack not in stacks_in(directory):
        known = ", ".join(stacks_in(directory)) or "none"
        raise EnvironmentSettingsError(
            f"A stack is named by its settings file Pulumi.<stack>.yaml; {stack!r} has none in {directory} "
            f"(there: {known}). Name one of those, or copy one to {path.name} and add the environment to access.yaml."
        )
    try:
        text = path.read_bytes()
        if len(text) > _LARGEST_SETTINGS_BYTES:
            raise EnvironmentSettingsError(f"{path.name} has {len(text)} bytes; a settings file has at most 256 KiB.")
        document = YAML(typ="safe", pure=True).load(text.decode())
    except (OSError, UnicodeDecodeError, YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise EnvironmentSettingsError(
            f"{path.name} cannot be read as YAML: {reason}. Mend the line it names."
        ) from None
    config = document.get("config") if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise EnvironmentSettingsError(f"{path.name} must hold a mapping named 'config' with the stack's settings.")
    return config


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """What a fact of an environment must be.

    Attributes:
        must: goes on after "must be".
        why: goes on after "because".
        write: goes on after "write".
    """

    must: str
    why: str
    write: str


_NAME = "1 to 20 lower-case letters and digits that begin with a letter"
_RULES = {
    "name": _Rule(
        must=f"named by {_NAME}",
        why="it is part of every name in AWS, where hyphens part the names",
        write="another name, in the file's and in access.yaml",
    ),
    "region": _Rule(must="the name of an AWS region", why="everything is deployed there", write="one like eu-west-1"),
    "account_id": _Rule(
        must="the 12 digits of an AWS account, as text",
        why="the program refuses to touch any other account, and YAML drops zeros of a number",
        write='it in quotes, like "111111111111"',
    ),
    "partition": _Rule(must="aws or aws-us-gov", why="the program was written for these two", write="one of them"),
    "prefix": _Rule(
        must=_NAME, why="it is part of every name in AWS, where hyphens part the names", write="one like klaviyo"
    ),
    "klaviyo_url": _Rule(must=RULE, why="the key travels in a header", write=KLAVIYO_URL),
    "klaviyo_account_id": _Rule(
        must="the 6 letters and digits of a Klaviyo account's id",
        why="a key of another account is refused by it",
        write="the id that Klaviyo also calls site id or public API key, or leave the setting out",
    ),
}


def _describe(stack: str, error: ValidationError) -> str:
    lines = [f"Pulumi.{stack}.yaml:"]
    for problem in error.errors():
        field = str(problem["loc"][0])
        rule = _RULES[field]
        value = "nothing" if problem["type"] == "missing" else _shown(problem["input"])
        setting = "the stack" if field == "name" else _SETTING_OF_FIELD[field]
        lines.append(f"  {setting}: must be {rule.must}, because {rule.why}; given: {value}. Fix: write {rule.write}.")
    return "\n".join(lines)


def _shown(value: object) -> str:
    """The value, unless somebody wrote a private key where its account's id belongs."""
    return "a private key, which belongs in no file" if "pk_" in str(value) else repr(value)
