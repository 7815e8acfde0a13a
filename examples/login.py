"""Who is signed in: stands for your identity provider, which signs who somebody is so that nobody can claim it.

``python -m examples.login marie`` signs marie in and prints her token for ``Authorization: Bearer …``.
"""

import hashlib
import hmac
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

HOUR = 3600
ROLES = {"ada": "admin", "marie": "marketer", "dora": "developer", "vera": "viewer", "gus": None}


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in, with the Klaviyo role that they were given."""

    name: str
    role: str | None


@dataclass(frozen=True)
class Login:
    """Signs people in for an hour, and knows them by their tokens."""

    secret: bytes
    clock: Callable[[], float] = time.time

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Login":
        """The login whose secret the services share."""
        if len(secret := environ.get("EXAMPLE_LOGIN_SECRET", "")) < 32:
            sys.exit("Tokens are signed with EXAMPLE_LOGIN_SECRET; set it to 32 random characters or more.")
        return cls(secret.encode())

    def token(self, name: str) -> str:
        """A token that says for an hour: this is ``name``."""
        claim = f"{name}.{int(self.clock()) + HOUR}"
        return f"{claim}.{self._signature(claim)}"

    def person(self, authorization: str | None) -> Person | None:
        """Whom an ``Authorization`` header names; None where its signature is not ours, or its hour is over."""
        claim, _, signature = (authorization or "").removeprefix("Bearer ").rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(claim).encode()):
            return None
        name, _, expires = claim.partition(".")
        return Person(name, ROLES.get(name)) if int(expires) > self.clock() else None

    def _signature(self, claim: str) -> str:
        return hmac.new(self.secret, claim.encode(), hashlib.sha256).hexdigest()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"Name who signs in: python -m examples.login {'|'.join(ROLES)}")
    print(Login.of(os.environ).token(sys.argv[1]))
