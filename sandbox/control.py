"""What the sandbox's own commands ask of a running sandbox, below ``/_sandbox/`` on the AWS port."""

import json
import secrets
from collections.abc import Awaitable, Callable

from sandbox.aws.calls import AwsError, Json
from sandbox.aws.http import Request, Response
from sandbox.aws.identity.platform import Platform
from sandbox.aws.secrets_manager import SecretsManager
from sandbox.clock import Clock, ClockError

TOKEN_HEADER = "X-Sandbox-Token"  # noqa: S105 - the header's name, no secret


class Control:
    """Answers status and hands out credentials, to whoever shows the control token.

    Args:
        token: the control token.
        platform: hands out credentials.
        status: what is running, for ``status``.
        secrets_manager: whose readings of open points are shown and set.
        clock: the sandbox's, which is shown and moved.
        do_what_is_due: called when it was moved.
    """

    def __init__(
        self,
        *,
        token: str,
        platform: Platform,
        status: Callable[[], Json],
        secrets_manager: SecretsManager,
        clock: Clock,
        do_what_is_due: Callable[[], Awaitable[None]],
    ) -> None:
        self._token = token
        self._platform = platform
        self._status = status
        self._secrets_manager = secrets_manager
        self._clock = clock
        self._do_what_is_due = do_what_is_due
        self._answers: dict[tuple[str, str], Callable[[Json], Awaitable[Json]]] = {
            ("GET", "/_sandbox/status"): self._show_status,
            ("POST", "/_sandbox/credentials"): self._hand_out,
            ("GET", "/_sandbox/clock"): self._show_clock,
            ("POST", "/_sandbox/clock"): self._move_clock,
            ("GET", "/_sandbox/readings"): self._show_readings,
            ("PATCH", "/_sandbox/readings"): self._set_readings,
        }

    async def __call__(self, request: Request) -> Response:
        """Answer in JSON: 403 without the token, 404 for what there is not, 400 with a message for what is refused."""
        if not secrets.compare_digest(request.headers.get(TOKEN_HEADER.lower(), "").encode(), self._token.encode()):
            return _json(403, {"error": f"The header {TOKEN_HEADER} does not hold this sandbox's control token."})
        answer = self._answers.get((request.method, request.path))
        if answer is None:
            return _json(404, {"error": f"The sandbox has no {request.method} {request.path}."})
        try:
            return _json(200, await answer(json.loads(request.body or b"{}")))
        except AwsError as error:
            return _json(400, {"error": error.message})

    async def _show_status(self, _: Json) -> Json:
        return self._status()

    async def _show_clock(self, _: Json) -> Json:
        return {"now": self._clock.now(), "secondsAhead": self._clock.offset}

    async def _move_clock(self, asked: Json) -> Json:
        try:
            self._clock.move(asked["seconds"])
        except ClockError as error:
            raise AwsError("ClockRefused", str(error)) from error
        await self._do_what_is_due()
        return await self._show_clock(asked)

    async def _show_readings(self, _: Json) -> Json:
        return self._secrets_manager.readings.as_mapping()

    async def _set_readings(self, asked: Json) -> Json:
        readings = self._secrets_manager.readings
        for point, reading in asked.items():
            try:
                readings = readings.but(point, reading)
            except ValueError as error:
                raise AwsError("InvalidReading", str(error)) from error
        self._secrets_manager.readings = readings
        return readings.as_mapping()

    async def _hand_out(self, asked: Json) -> Json:
        if "bootstrap" in asked:
            session = await self._platform.sign_in(asked["bootstrap"])
        else:
            session = await self._platform.credentials(asked["role"])
        return {
            "AccessKeyId": session.access_key_id,
            "SecretAccessKey": session.secret_access_key,
            "SessionToken": session.session_token,
            "Expiration": session.expires,
            "Arn": session.caller.arn,
        }


def _json(status: int, body: Json) -> Response:
    return Response(status=status, body=json.dumps(body).encode(), headers={"content-type": "application/json"})
