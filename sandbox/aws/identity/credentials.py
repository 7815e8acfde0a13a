"""Short-lived credentials that the sandbox hands out: issued, kept, looked up."""

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.aws.calls import AwsError, Caller

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True, kw_only=True)
class Session:
    """Credentials of one role session; ``expires`` and ``issued`` are seconds since the epoch."""

    caller: Caller
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    issued: float
    expires: float

    @property
    def access_key_id(self) -> str:
        return self.caller.access_key_id


@dataclass(frozen=True, kw_only=True)
class Role:
    """What a session takes from the role it is of."""

    arn: str
    role_id: str

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]

    @property
    def name(self) -> str:
        return self.arn.rpartition("/")[2]


class Sessions:
    """Every session that the sandbox issued.

    Args:
        clock: seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sessions: dict[str, Session] = {}

    @property
    def entries(self) -> dict[str, Session]:
        """Every session by its access key's id: frozen values."""
        return self._sessions

    def issue(self, role: Role, *, session_name: str, seconds: float) -> Session:
        """Issue a session of ``role`` that lives for ``seconds``. Whoever calls has asked its trust policy."""
        access_key_id = "ASIA" + "".join(secrets.choice(_BASE32) for _ in range(16))
        now = self._clock()
        session = Session(
            caller=Caller(
                kind="AssumedRole",
                account=role.account,
                arn=f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{session_name}",
                principal_arn=role.arn,
                principal_id=f"{role.role_id}:{session_name}",
                access_key_id=access_key_id,
                session_name=session_name,
            ),
            secret_access_key=secrets.token_urlsafe(30),
            session_token=base64.b64encode(secrets.token_bytes(96)).decode(),
            issued=now,
            expires=now + seconds,
        )
        self._sessions[access_key_id] = session
        return session

    def find(self, access_key_id: str) -> Session | None:
        """The session of an access key, expired or not."""
        return self._sessions.get(access_key_id)

    def check(self, session: Session, token: str) -> None:
        """Refuse a session that has expired or whose token is another's.

        Raises:
            AwsError: ExpiredToken or InvalidClientTokenId, as STS words them.
        """
        if not secrets.compare_digest(session.session_token, token):
            raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", status=403)
        if session.expires <= self._clock():
            raise AwsError("ExpiredToken", "The security token included in the request is expired", status=403)
