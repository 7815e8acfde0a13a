"""Property values between protobuf's wire form and Python: unknowns, archives, and the refusal of secrets."""

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from google.protobuf.struct_pb2 import Struct, Value

Properties = dict[str, Any]

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 -- Pulumi's type tag, no password
ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
UNKNOWNS: Final = frozenset(
    {
        UNKNOWN_TEXT,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
EPOCH: Final = (1980, 1, 1, 0, 0, 0)


class UnsupportedValueError(ValueError):
    """A value of a kind that the sandbox's deployments do not carry; the message names the property."""


class Unknown:
    """What a preview cannot know yet. There is one, ``UNKNOWN``."""

    def __repr__(self) -> str:
        return "<unknown>"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Archive:
    """Files of a zip, known by their hash; ``wire`` is how Pulumi spelled it (the hash alone in recorded state)."""

    hash: str
    wire: Mapping[str, Any] = field(compare=False, repr=False)

    def zip(self) -> bytes:
        """The same bytes for the same files, whenever and wherever they are packed."""
        return _zip(dict(_files(self.wire, "")))


def decode(message: Struct) -> Properties:
    """Plain values of a protobuf struct; keys that Pulumi keeps for itself (``__…``) are left out.

    Raises:
        UnsupportedValueError: a secret, a resource reference, an asset outside an archive.
    """
    fields = message.fields
    return {
        name: _decode(value, name)
        for name, value in fields.items()
        if not name.startswith("__") and value.WhichOneof("kind") != "null_value"
    }


def encode(properties: Mapping[str, Any], *, with_archives: bool = True) -> Struct:
    """The wire form of ``properties``; without archives, they are left out, as outputs never need them."""
    message = Struct()
    message.update(
        {
            name: _encode(value)
            for name, value in properties.items()
            if value is not None and (with_archives or not isinstance(value, Archive))
        }
    )
    return message


def scalar(value: Value) -> Any:
    """A text, number, boolean or null of the wire; protobuf has doubles alone, so whole numbers become integers."""
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        return int(value.number_value) if value.number_value.is_integer() else value.number_value
    return getattr(value, kind) if kind and kind != "null_value" else None


def has_unknown(value: object) -> bool:
    """Whether any part of ``value`` is not known yet."""
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN


def _decode(value: Any, path: str) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        return [_decode(item, f"{path}[{index}]") for index, item in enumerate(value.list_value.values)]
    if kind == "struct_value":
        fields = value.struct_value.fields
        if SIGNATURE in fields:
            return _decode_special(value.struct_value, fields[SIGNATURE].string_value, path)
        return {
            name: _decode(item, f"{path}.{name}")
            for name, item in fields.items()
            if item.WhichOneof("kind") != "null_value"
        }
    found = scalar(value)
    return UNKNOWN if found in UNKNOWNS else found


def _decode_special(message: Struct, signature: str, path: str) -> Any:
    if signature == ARCHIVE:
        wire = _plain(message)
        digest = wire.get("hash") or hashlib.sha256(_zip(dict(_files(wire, "")))).hexdigest()
        return Archive(str(digest), {**wire, "hash": digest})
    if signature == SECRET:
        raise UnsupportedValueError(
            f"No secret passes through a deployment; property '{path}' is marked secret. "
            "Put the value into AWS Secrets Manager with the operators' commands instead."
        )
    kind = "an asset outside an archive" if signature == ASSET else f"a value of the kind {signature}"
    raise UnsupportedValueError(f"Property '{path}' is {kind}, which the sandbox's provider does not take.")


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return {name: _plain(value[name]) for name in value.fields}
    return value


def _encode(value: Any) -> Any:
    if value is UNKNOWN:
        return UNKNOWN_TEXT
    if isinstance(value, Archive):
        return dict(value.wire)
    if isinstance(value, Mapping):
        return {name: _encode(item) for name, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_encode(item) for item in value]
    return value


def _files(wire: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, bytes]]:
    """The members of an archive: names in the zip with their bytes."""
    if "assets" in wire:
        for name, member in wire["assets"].items():
            inner = f"{prefix}{name}"
            if member[SIGNATURE] == ARCHIVE:
                yield from _files(member, f"{inner}/")
            else:
                yield inner, _asset(member, inner)
    elif "path" in wire:
        yield from _files_below(Path(wire["path"]), prefix)
    else:
        raise UnsupportedValueError(
            "An archive must hold files or a path; this one has neither: remote archives are not supported, and "
            "recorded state knows an archive by its hash alone."
        )


def _asset(member: Mapping[str, Any], name: str) -> bytes:
    if "text" in member:
        return str(member["text"]).encode()
    if "path" in member:
        return Path(member["path"]).read_bytes()
    raise UnsupportedValueError(f"Asset '{name}' must be a string or a file: remote assets are not supported.")


def _files_below(path: Path, prefix: str) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield f"{prefix}{file.relative_to(path).as_posix()}", file.read_bytes()
        return
    with zipfile.ZipFile(path) as packed:
        for name in packed.namelist():
            yield f"{prefix}{name}", packed.read(name)


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, EPOCH)
            member.external_attr = 0o644 << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(member, files[name])
    return buffer.getvalue()


def code_hash(packed: bytes) -> str:
    """The SHA-256 of a zip as Lambda reports it: base64."""
    return base64.b64encode(hashlib.sha256(packed).digest()).decode()
