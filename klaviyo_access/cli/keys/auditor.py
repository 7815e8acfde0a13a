"""The environment's auditor, asked for its work at once instead of at its hour."""

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
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

_PAUSE_SECONDS: Final = 5.0
_BUSY: Final = "TooManyRequestsException"


class Auditor:
    """An environment's auditor, which runs one audit at a time.

    Args:
        session: the operators'.
        environment: whose auditor.
        pause: waits between two tries of an auditor that is busy; the argument is seconds.
        clock: the time in UTC.
    """

    def __init__(
        self,
        session: boto3.Session,
        environment: Environment,
        *,
        pause: Callable[[float], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._client: LambdaClient = session.client("lambda", config=_WHILE_IT_RUNS)
        self._name = environment.auditor_name
        self._pause = pause
        self._clock = clock

    def audit(self, roles: Iterable[str], *, seconds: float) -> bool:
        """Let it look after some roles now: it disables what is to be disabled, where there is a custodian's key.

        Args:
            roles: their names.
            seconds: how long an auditor is waited for that is at another audit.

        Returns:
            Whether it did; where not, the user was told, and a person can do the same.
        """
        payload = json.dumps({"action": "audit", "roles": list(dict.fromkeys(roles))})
        deadline = self._clock() + timedelta(seconds=seconds)
        trouble = self._ask(payload)
        if trouble == _BUSY and seconds:
            note("The auditor is busy with another audit; waiting for it.")
        while trouble == _BUSY and self._clock() < deadline:
            self._pause(_PAUSE_SECONDS)
            trouble = self._ask(payload)
        if trouble is None:
            return True
        why = "it stays busy with another audit" if trouble == _BUSY else trouble
        note(f"The auditor could not be asked ({why}); what it would do is done by hand.")
        return False

    def _ask(self, payload: str) -> str | None:
        """What kept it from an audit; None where nothing did."""
        try:
            answer = self._client.invoke(FunctionName=self._name, Payload=payload)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        except BotoCoreError as error:
            return type(error).__name__
        return json.loads(answer["Payload"].read()).get("errorMessage", "") if answer.get("FunctionError") else None
