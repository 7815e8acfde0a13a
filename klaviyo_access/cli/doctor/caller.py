"""What can be wrong on this side: the project, the network, the credentials, and who the caller is."""

import http.client
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import boto3

from klaviyo_access.access_model import AccessModel
from klaviyo_access.access_model.catalog import REVISION
from klaviyo_access.access_model.environment import Environment, read_config
from klaviyo_access.cli.doctor.findings import Finding, met, skipped
from klaviyo_access.cli.doctor.sight import Sight
from klaviyo_access.cli.errors import START_SANDBOX, CommandError, UnreachableError
from klaviyo_access.cli.identity import (
    Caller,
    assume_operator_role,
    check_account,
    check_endpoint,
    identify,
    open_session,
    secrets_endpoint,
)
from klaviyo_access.cli.rendering import Resource, rendered_resources
from klaviyo_access.cli.workspace import Workspace, find_stack
from klaviyo_access.endpoint import is_loopback
from klaviyo_access.klaviyo.answers import Meaning, read_answer
from klaviyo_access.klaviyo.transport import Transport

MOST_SKEW_SECONDS: Final = 240
"""AWS refuses a signature whose time is five minutes off."""

_PATIENCE_SECONDS: Final = 10.0

_Found = TypeVar("_Found")


class SkippedError(Exception):
    """An earlier check must be fine before this one makes sense."""


class WarnedError(CommandError):
    """Nothing is wrong, and something that would guard against mistakes is missing."""


class CallerSide:
    """The checks of this side, in their order: each may use what those before it found.

    Args:
        project: the project's directory, or None to look for it.
        stack: the stack's name.
        rendered: a file with the stack's resources; None to have the program render them.
        send: sends one HTTP request.
        clock: the time in UTC.
    """

    def __init__(
        self,
        project: Path | None,
        stack: str | None,
        *,
        rendered: Path | None,
        send: Transport,
        clock: Callable[[], datetime],
    ) -> None:
        self._project = project
        self._stack = stack
        self._rendered = rendered
        self._send = send
        self._clock = clock
        self._environment: Environment | None = None
        self._workspace: Workspace | None = None
        self._session: boto3.Session | None = None
        self._caller: Caller | None = None
        self._operator: boto3.Session | None = None
        self._declared: tuple[Resource, ...] | None = None
        self._skew: float | None = None

    def look(self) -> list[Finding]:
        """Make every check; one that fails never hides the next."""
        checks: tuple[tuple[str, Callable[[], str]], ...] = (
            ("settings", self._settings),
            ("access model", self._access_model),
            ("endpoint", self._endpoint),
            ("region", self._region),
            ("credentials", self._credentials),
            ("clock", self._say_clock),
            ("account", self._account),
            ("caller", self._who),
            ("klaviyo", self._klaviyo),
            ("klaviyo account", self._klaviyo_account),
            ("program", self._program),
        )
        return [_examine(name, check) for name, check in checks]

    def sight(self) -> Sight:
        """What there is to see of the deployed environment.

        Raises:
            SkippedError: a check of this side must be fine first.
        """
        return Sight(
            workspace=_needs(self._workspace, "access model"),
            session=_needs(self._operator, "caller"),
            declared=_needs(self._declared, "program"),
            now=self._clock(),
        )

    def _settings(self) -> str:
        directory, stack = find_stack(self._project, self._stack)
        self._environment = Environment.of_stack(directory, stack)
        return f"{directory / f'Pulumi.{stack}.yaml'}"

    def _access_model(self) -> str:
        environment = _needs(self._environment, "settings")
        directory, stack = find_stack(self._project, self._stack)
        model = AccessModel.load(directory / "access.yaml")
        access = model.in_environment(stack)
        self._workspace = Workspace(directory=directory, model=model, environment=environment, access=access)
        return f"{len(access.roles)} roles, {len(access.services)} services"

    def _endpoint(self) -> str:
        environment = _needs(self._environment, "settings")
        session = open_session(environment)
        check_endpoint(session, environment)
        endpoint = secrets_endpoint(session)
        try:
            self._send("GET", endpoint, {}, _PATIENCE_SECONDS)
        except (OSError, http.client.HTTPException) as error:
            raise _no_answer(environment, endpoint, error) from None
        self._session = session
        return f"{'the sandbox' if environment.name == 'local' else 'AWS'} answers at {endpoint}"

    def _region(self) -> str:
        environment = _needs(self._environment, "settings")
        known = boto3.Session().get_available_regions("secretsmanager", partition_name=environment.partition)
        if environment.region not in known:
            raise CommandError(
                f"aws:region names a region that has Secrets Manager; AWS's library knows none called "
                f"{environment.region!r} in the partition {environment.partition!r}.",
                cure=f"Correct aws:region in Pulumi.{environment.name}.yaml, or update boto3 if the region is new.",
            )
        return environment.region

    def _credentials(self) -> str:
        session = _needs(self._session, "endpoint")
        session.events.register("after-call.sts", self._read_clock)
        self._caller = identify(session)
        return f"AWS accepts them: {self._caller.arn}"

    def _read_clock(self, http_response: Any, **_: object) -> None:
        if date := http_response.headers.get("date"):
            self._skew = (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()

    def _say_clock(self) -> str:
        skew = self._skew
        if skew is None:
            _needs(self._caller, "credentials")
            return "near enough to AWS's, which accepts signatures of it"
        if abs(skew) > MOST_SKEW_SECONDS:
            raise CommandError(
                f"AWS refuses signatures that are five minutes off; this machine's clock is {skew:+.0f} s off AWS's.",
                cure="Set the clock, or switch on its synchronisation.",
            )
        return f"{abs(skew):.0f} s from AWS's"

    def _account(self) -> str:
        environment, caller = _needs(self._environment, "settings"), _needs(self._caller, "credentials")
        check_account(caller, environment)
        return environment.account_id

    def _who(self) -> str:
        environment, caller = _needs(self._environment, "settings"), _needs(self._caller, "credentials")
        session = _needs(self._session, "endpoint")
        if caller.is_operator_of(environment):
            self._operator = session
            return "the operators' role: may stage and rotate"
        try:
            self._operator = assume_operator_role(session, environment, caller)
        except CommandError as error:
            if not self._is_deployer(caller):
                raise
            raise CommandError(
                f"You are a deployer, {caller.role_name}: what is deployed is examined in the operators' role, which "
                "you may not take.",
                cure=f"Have an operator run: klaviyo-access doctor --stack {environment.name}",
            ) from error
        return f"{caller.session_name} may take the operators' role, and so stage and rotate"

    def _is_deployer(self, caller: Caller) -> bool:
        workspace = _needs(self._workspace, "access model")
        deployers = read_config(workspace.directory, workspace.environment.name).get("klaviyo-access:deployers")
        names = {str(arn).rpartition("/")[2] for arn in deployers} if isinstance(deployers, list) else set()
        return caller.role_name in names

    def _program(self) -> str:
        workspace = _needs(self._workspace, "access model")
        self._declared = rendered_resources(workspace.directory, workspace.environment.name, self._rendered)
        return f"declares {len(self._declared)} resources"

    def _klaviyo(self) -> str:
        environment = _needs(self._environment, "settings")
        url = f"{environment.klaviyo_url}/api/accounts"
        try:
            status, headers, body = self._send("GET", url, {"revision": REVISION}, _PATIENCE_SECONDS)
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(
                f"Klaviyo could not be reached at {environment.klaviyo_url} ({type(error).__name__}).",
                cure=START_SANDBOX
                if is_loopback(url)
                else "Check the network and the stack's setting klaviyo-access:klaviyoUrl.",
            ) from None
        answer = read_answer(status, headers, body)
        if answer.meaning not in {Meaning.NO_KEY, Meaning.KEY_REFUSED}:
            raise UnreachableError(
                f"Klaviyo answers a call without a key with 401; {environment.klaviyo_url} answered {status} "
                f"({answer.meaning.value}).",
                cure="Check the stack's setting klaviyo-access:klaviyoUrl, and the proxy in between.",
            )
        return f"{environment.klaviyo_url} answers"

    def _klaviyo_account(self) -> str:
        environment = _needs(self._environment, "settings")
        if environment.klaviyo_account_id:
            return environment.klaviyo_account_id
        if is_loopback(environment.klaviyo_url):
            return "the sandbox's own, the only one there is"
        raise WarnedError(
            "The setting klaviyo-access:klaviyoAccountId is empty, so that a key of any Klaviyo account may be staged "
            "and taken into use, another environment's too.",
            cure="Name the account, whose 6-character id stands in Klaviyo under Settings, API keys (also called site "
            f"id), as klaviyo-access:klaviyoAccountId in Pulumi.{environment.name}.yaml, and have the stack deployed.",
        )


def _needs(found: _Found | None, check: str) -> _Found:
    if found is None:
        raise SkippedError(f"after '{check}' is fine")
    return found


def _no_answer(environment: Environment, endpoint: str, error: Exception) -> UnreachableError:
    if environment.name == "local":
        return UnreachableError(f"The sandbox does not run: nothing answers at {endpoint}.", cure=START_SANDBOX)
    return UnreachableError(
        f"AWS could not be reached at {endpoint} ({type(error).__name__}).",
        cure="Check the network and the stack's region.",
    )


def _examine(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(check=name, result="ok", detail=check())
    except SkippedError as skip:
        return skipped(name, str(skip))
    except WarnedError as warned:
        return Finding(check=name, result="warning", detail=warned.cause, cure=warned.cure)
    except Exception as error:  # noqa: BLE001 - whatever a check meets is what it found
        return met(name, error)
