"""The environment's auditor, asked for its work at once instead of at its hour."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from klaviyo_access.access_model.environment import Environment
from klaviyo_access.cli.console import note

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

_WHILE_IT_RUNS: Final = Config(connect_timeout=3, read_timeout=910, retries={"total_max_attempts": 1})
"""A Lambda has 900 s at the most; Klaviyo answers 15 questions about keys a minute."""


def audit(session: boto3.Session, environment: Environment, roles: Iterable[str]) -> bool:
    """Let the auditor look after some roles now: it disables what is to be disabled, where there is a custodian's key.

    Args:
        session: the operators'.
        environment: whose auditor.
        roles: their names.

    Returns:
        Whether it did; where not, the user was told, and a person can do the same.
    """
    client: LambdaClient = session.client("lambda", config=_WHILE_IT_RUNS)
    payload = json.dumps({"action": "audit", "roles": list(dict.fromkeys(roles))})
    try:
        answer = client.invoke(FunctionName=environment.auditor_name, Payload=payload)
        said = json.loads(answer["Payload"].read()).get("errorMessage", "") if answer.get("FunctionError") else None
    except ClientError as error:
        said = str(error.response["Error"]["Code"])
    except BotoCoreError as error:
        said = type(error).__name__
    if said is None:
        return True
    note(f"The auditor could not be asked ({said}); what it would do is done by hand.")
    return False
