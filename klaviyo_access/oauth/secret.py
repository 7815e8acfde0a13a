"""A secret of OAuth's that shows nothing of itself: client secret, tokens, codes and verifiers."""

import hashlib
from hmac import compare_digest
from typing import Final, NoReturn

_FINGERPRINT_LENGTH: Final = 12


class Secret:
    """A text that no repr, log line, pickle or traceback can show.

    Args:
        value: the secret; of so many possible values that its fingerprint gives none away, as every secret of OAuth's.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """The secret in clear, for the one line that sends it or stores it."""
        return self.__value

    @property
    def fingerprint(self) -> str:
        """The first 12 hex digits of the secret's SHA-256, by which log lines tell two secrets apart."""
        return hashlib.sha256(self.__value.encode()).hexdigest()[:_FINGERPRINT_LENGTH]

    def __repr__(self) -> str:
        return f"… ({self.fingerprint})"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and compare_digest(self.__value.encode(), other.reveal().encode())

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret is never pickled: hand over the account's id and read the tokens there.")
