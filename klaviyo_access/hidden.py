"""What every type that hides a value is. Standard library only, since the rotator's bundle carries this module."""

import hashlib
from hmac import compare_digest
from typing import AnyStr, Final, Generic, NoReturn

FINGERPRINT_LENGTH: Final = 12


class Hidden(Generic[AnyStr]):
    """A value that no repr, format, log line, pickle, copy or traceback can show.

    Two of one type are equal when their values are, which takes as long to say for any two values.

    Args:
        value: what is hidden, text or bytes.
    """

    __slots__ = ("__value",)

    def __init__(self, value: AnyStr) -> None:
        self.__value: AnyStr = value

    def reveal(self) -> AnyStr:
        """The value in clear, for the one line that sends or uses it."""
        return self.__value

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and compare_digest(_bytes(self.__value), _bytes(other.reveal()))

    def __hash__(self) -> int:
        return hash(self.__value)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"A {type(self).__name__} is never pickled or copied: hand over what names it, and read it anew there."
        )

    def __getstate__(self) -> NoReturn:
        self.__reduce__()


def fingerprint(value: str) -> str:
    """The first 12 hex digits of a secret's SHA-256: names it without showing it, where it cannot be guessed."""
    return hashlib.sha256(value.encode()).hexdigest()[:FINGERPRINT_LENGTH]


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
