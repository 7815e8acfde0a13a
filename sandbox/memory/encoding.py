"""Values as bytes: pickles of plain data, of the sandbox's own dataclasses and of keys, and of nothing else."""

import collections
import dataclasses
import datetime
import io
import pickle
from collections.abc import Callable
from typing import Any, Final, get_args

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from klaviyo_access.keys.secret import Key

_PLAIN: Final[dict[tuple[str, str], Any]] = {
    (kind.__module__, kind.__qualname__): kind
    for kind in (
        *(bytearray, complex, frozenset, set),
        *(collections.Counter, collections.OrderedDict, collections.defaultdict, collections.deque),
        datetime.timedelta,
    )
}
_OURS: Final = ("sandbox.aws.", "sandbox.klaviyo.")


class UnknownShapeError(Exception):
    """The bytes hold what this version does not have."""


def encode(value: Any) -> bytes:
    """The bytes of a value.

    Raises:
        pickle.PicklingError, TypeError: it holds what cannot outlive a process.
    """
    buffer = io.BytesIO()
    _Writer(buffer, protocol=5).dump(value)
    return buffer.getvalue()


def decode(written: bytes) -> Any:
    """The value of bytes.

    Raises:
        UnknownShapeError: another version wrote them.
        Exception: they are damaged; whatever pickle meets first.
    """
    return _Reader(io.BytesIO(written)).load()


class _Writer(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, Key):  # this file is the account's own, where Klaviyo keeps its keys
            return Key, (obj.reveal(),)
        if isinstance(obj, get_args(PrivateKeyTypes)):
            return _private_key, (obj.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),)
        if isinstance(obj, datetime.date):  # of whatever class: see sandbox.shifted_time
            return _moment if isinstance(obj, datetime.datetime) else _day, (obj.isoformat(),)
        if dataclasses.is_dataclass(obj) and not isinstance(obj, type):
            fields = {field.name: getattr(obj, field.name) for field in dataclasses.fields(obj)}
            return _rebuild, (type(obj), fields)
        return NotImplemented


class _Reader(pickle.Unpickler):
    """Builds what ``_Writer`` writes; a name of anything else is refused, so that a file can start nothing."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _PLAIN:
            return _PLAIN[module, name]
        if (found := _BUILDERS.get((module, name))) is not None:
            return found
        if module.startswith(_OURS):
            kind = super().find_class(module, name)
            if isinstance(kind, type):
                return kind
        raise UnknownShapeError(f"{module}.{name}")


def _rebuild(kind: type[Any], fields: dict[str, Any]) -> Any:
    expected = {field.name for field in dataclasses.fields(kind)}
    if expected != fields.keys():
        raise UnknownShapeError(f"{kind.__name__} with other fields: {sorted(expected ^ fields.keys())}")
    return kind(**fields)


def _moment(written: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(written)


def _day(written: str) -> datetime.date:
    return datetime.date.fromisoformat(written)


def _private_key(written: bytes) -> PrivateKeyTypes:
    return load_der_private_key(written, password=None)


_BUILDERS: Final[dict[tuple[str, str], Callable[..., Any]]] = {
    (builder.__module__, builder.__qualname__): builder for builder in (Key, _rebuild, _moment, _day, _private_key)
}
