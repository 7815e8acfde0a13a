"""Who the commands are to AWS: the ambient caller, and the operators' role that he takes on."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from klaviyo_access.access_model.environment import Environment
from klaviyo_access.cli.console import note
from klaviyo_access.cli.errors import START_SANDBOX, CommandError, UsageError, is_refusal
from klaviyo_access.endpoint import is_loopback

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_sts import STSClient

PATIENCE: Final = Config(connect_timeout=3, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
"""How long a command waits for AWS: it is a person who waits."""

_AWS_HOSTS: Final = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn")
_SESSION_SECONDS: Final = 3600


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whom AWS takes us for.

    Attributes:
        account: 12 digits.
        arn: as GetCallerIdentity gives it.
    """

    account: str
    arn: str

    @property
    def role_name(self) -> str:
        """The assumed role's name without its path; empty for users and the account's root."""
        match = re.fullmatch(r"arn:[^:]+:sts::\d{12}:assumed-role/([^/]+)/.+", self.arn)
        return match[1] if match else ""

    @property
    def session_name(self) -> str:
        """The session's or user's own name, in the characters that AWS allows in a session's name."""
        own = re.sub(r"[^A-Za-z0-9_+=,.@-]", "-", self.arn.rpartition("/")[2])[:64]
        return own if len(own) >= 2 else "operator"

    def is_operator_of(self, environment: Environment) -> bool:
        """Whether this is a session of the environment's operators' role already."""
        role = environment.operator_role_arn.rpartition("/")[2]
        return (self.account, self.role_name) == (environment.account_id, role)


def open_session(environment: Environment) -> boto3.Session:
    """A session with the credentials that the shell, the profile or the machine offers, in the stack's region."""
    return boto3.Session(region_name=environment.region)


def identify(session: boto3.Session) -> Caller:
    """Ask AWS whose credentials the session carries."""
    sts: STSClient = session.client("sts", config=PATIENCE)
    answer = sts.get_caller_identity()
    return Caller(account=answer["Account"], arn=answer["Arn"])


def become_operator(session: boto3.Session, environment: Environment) -> boto3.Session:
    """A session of the environment's operators' role: the given one if it is that already, else one that it assumes.

    Says on standard error that it assumes the role.

    Raises:
        UsageError: the credentials belong to another account, or point to a place that is not the environment's.
        CommandError: the caller may not assume the role.
    """
    check_endpoint(session, environment)
    caller = identify(session)
    check_account(caller, environment)
    if caller.is_operator_of(environment):
        return session
    operator = assume_operator_role(session, environment, caller)
    note(f"Acting as {environment.operator_role_arn.rpartition('/')[2]}, assumed by {caller.session_name}.")
    return operator


def check_account(caller: Caller, environment: Environment) -> None:
    """Refuse credentials of another account than the environment's."""
    if caller.account != environment.account_id:
        raise UsageError(
            f"The stack {environment.name} lives in the account {environment.account_id} (klaviyo-access:accountId); "
            f"your credentials are of {caller.account} ({caller.arn}).",
            cure="Use credentials of the stack's account, for instance by AWS_PROFILE, or name another stack.",
        )


def secrets_endpoint(session: boto3.Session) -> str:
    """Where calls to Secrets Manager go: AWS, unless the shell or the AWS configuration says otherwise.

    Raises:
        UsageError: what they say is no address.
    """
    try:
        secretsmanager: SecretsManagerClient = session.client("secretsmanager", config=PATIENCE)
    except ValueError as error:
        raise UsageError(
            f"AWS is to be asked at an address that is none: {error}.",
            cure="Correct or unset AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_SECRETS_MANAGER, or endpoint_url in the AWS "
            "configuration; an address begins with https:// or http://.",
        ) from None
    return secretsmanager.meta.endpoint_url


def check_endpoint(session: boto3.Session, environment: Environment) -> None:
    """Refuse to send a key to the sandbox for a real stack, or to AWS for the stack local."""
    endpoint = secrets_endpoint(session)
    if environment.name == "local":
        if not is_loopback(endpoint):
            raise UsageError(
                f"The stack local lives in the sandbox on this machine; calls would go to {endpoint}, "
                "because AWS_ENDPOINT_URL names no loopback address.",
                cure=START_SANDBOX,
            )
        return
    parts = urlsplit(endpoint)
    if parts.scheme != "https" or not (parts.hostname or "").endswith(_AWS_HOSTS):
        raise UsageError(
            f"The stack {environment.name} lives in AWS; calls would go to {endpoint}, because AWS_ENDPOINT_URL, or a "
            "setting like it, is set.",
            cure="Unset it (unset AWS_ENDPOINT_URL), or use a new shell with your own AWS credentials.",
        )


def assume_operator_role(session: boto3.Session, environment: Environment, caller: Caller) -> boto3.Session:
    """Assume the environment's operators' role as ``caller``.

    Raises:
        CommandError: he may not.
    """
    sts: STSClient = session.client("sts", config=PATIENCE)
    role = environment.operator_role_arn
    try:
        answer = sts.assume_role(RoleArn=role, RoleSessionName=caller.session_name, DurationSeconds=_SESSION_SECONDS)
    except ClientError as error:
        if not is_refusal(error):
            raise
        raise CommandError(
            f"Keys of {environment.name} are staged and rotated in the operators' role {role}, which {caller.arn} "
            "may not assume, or which is not deployed yet.",
            cure=f"Add your IAM role's ARN to klaviyo-access:operators in Pulumi.{environment.name}.yaml and let a "
            "deployer run 'pulumi up'; your own policies must allow sts:AssumeRole on that role as well.",
        ) from None
    given = answer["Credentials"]
    return boto3.Session(
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
        region_name=environment.region,
    )
