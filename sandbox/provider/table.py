"""What an entry of the resource table says of one AWS resource type, and the tools that entries are written with."""

import hashlib
import json
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Final

from botocore.exceptions import ClientError

from sandbox.provider.beginnings import Beginning
from sandbox.provider.wire import Properties

HEXADECIMAL: Final = "0123456789abcdef"
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
ALPHANUMERIC: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a resource is, with an identity of its own from which predicted ids are drawn."""

    account: str
    region: str
    urn: str = ""
    partition: str = "aws"

    def arn(self, service: str, resource: str, *, regional: bool = True, account: bool = True) -> str:
        """The ARN of ``resource``, such as ``role/admin``, in this place."""
        region = self.region if regional else ""
        return f"arn:{self.partition}:{service}:{region}:{self.account if account else ''}:{resource}"

    def letters(self, alphabet: str, length: int) -> str:
        """What AWS draws at random, drawn from the URN: the same at every rendering."""
        digest = int.from_bytes(hashlib.sha512(self.urn.encode()).digest())
        drawn = ""
        while len(drawn) < length:
            digest, position = divmod(digest, len(alphabet))
            drawn += alphabet[position]
        return drawn

    def uuid(self) -> str:
        """A version 4 UUID drawn from the URN."""
        drawn = self.letters(HEXADECIMAL, 30)
        return f"{drawn[:8]}-{drawn[8:12]}-4{drawn[12:15]}-a{drawn[15:18]}-{drawn[18:]}"


@dataclass(frozen=True, kw_only=True)
class Aws:
    """AWS as one resource's operations see it: clients in the resource's region."""

    region: str
    clients: Callable[[str, str], Any]
    identity: Callable[[], Mapping[str, str]]
    pause: Callable[[float], None] = time.sleep

    def client(self, service: str) -> Any:
        """The boto3 client of ``service`` in this region."""
        return self.clients(service, self.region)

    @cached_property
    def place(self) -> Place:
        """The caller's account, asked of STS once, and this region."""
        return Place(account=self.identity()["Account"], region=self.region)


@dataclass(frozen=True, kw_only=True)
class Change:
    """An update in place: inputs before and after, and which of them differ."""

    old: Properties
    new: Properties
    names: frozenset[str]

    def touches(self, *names: str) -> bool:
        """Whether any of the named inputs differ."""
        return not self.names.isdisjoint(names)

    @property
    def tags_put(self) -> dict[str, str]:
        """Tags that are new, or have another text."""
        before = self.old["tagsAll"]
        return {name: text for name, text in self.new["tagsAll"].items() if before.get(name) != text}

    @property
    def tags_removed(self) -> list[str]:
        """Names of the tags that are no longer wanted."""
        return sorted(self.old["tagsAll"].keys() - self.new["tagsAll"].keys())


@dataclass(frozen=True, kw_only=True)
class AutoName:
    """How a physical name is made where the program gives none: ``<name>-<7 hex digits>``."""

    property: str = "name"
    longest: int = 64
    lowercase: bool = False
    prefix: str = ""

    def propose(self, name: str, seed: bytes) -> str:
        """A name for the resource called ``name``, unique by ``seed``."""
        suffix = hashlib.sha256(seed).hexdigest()[:7]
        base = name.lower() if self.lowercase else name
        return f"{self._stem(base)}{suffix}"

    def collides(self, urn: str, old: Properties, new: Properties) -> bool:
        """Whether a replacement would bear the name that the old resource still has: one the program gave it."""
        name = old.get(self.property)
        if name is None or name != new.get(self.property):
            return False
        base = urn.rpartition("::")[2]
        stem = self._stem(base.lower() if self.lowercase else base)
        return not re.fullmatch(re.escape(stem) + "[0-9a-f]{7}", str(name))

    def _stem(self, base: str) -> str:
        return f"{self.prefix}{base[: self.longest - len(self.prefix) - 8]}-"


class ResourceType(ABC):
    """One entry of the table: how a type of pulumi-aws 7.51.1 is made, read, changed and removed over boto3.

    An entry takes the inputs ``updatable`` and ``replacing``; a change of the latter makes a new resource. ``computed``
    are the outputs that AWS decides, unknown in a preview,
    and ``changing`` those that any update may change. ``documents`` are JSON texts, compared by what they mean.
    """

    aws_type: ClassVar[str]
    updatable: ClassVar[frozenset[str]] = frozenset()
    replacing: ClassVar[frozenset[str]] = frozenset()
    required: ClassVar[frozenset[str]] = frozenset()
    computed: ClassVar[frozenset[str]] = frozenset()
    changing: ClassVar[frozenset[str]] = frozenset()
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    documents: ClassVar[frozenset[str]] = frozenset()
    auto_name: ClassVar[AutoName | None] = None
    taggable: ClassVar[bool] = False
    regional: ClassVar[bool] = True

    @cached_property
    def inputs(self) -> frozenset[str]:
        """Every input that this entry takes."""
        common = (("region",) if self.regional else ()) + (("tags",) if self.taggable else ())
        return self.updatable | self.replacing | frozenset(common)

    def forces_replacement(self, name: str) -> bool:
        """Whether a change of this input makes a new resource."""
        return name in self.replacing or name == "region"

    @abstractmethod
    def predict(self, place: Place, inputs: Properties) -> tuple[str, Properties]:
        """The id and the computed outputs that AWS would answer for ``inputs``, without AWS."""

    @abstractmethod
    def create(self, aws: Aws, inputs: Properties) -> str:
        """Make the resource with one decisive call, and return its id."""

    def complete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:  # noqa: B027 -- most need nothing
        """What creation needs after the decisive call; may be repeated. A failure leaves it to the next run."""

    @abstractmethod
    def read(self, aws: Aws, resource_id: str, inputs: Properties) -> Properties | None:
        """Inputs and computed outputs as AWS has them now; None, or a not-found error, where the resource is gone."""

    def find(self, aws: Aws, begun: Beginning) -> str | None:
        """The id of the resource that was begun, if AWS may have it; here for ids that follow from the inputs."""
        return self.predict(aws.place, begun.inputs)[0]

    def update(self, aws: Aws, resource_id: str, change: Change) -> None:
        """Change the resource in place."""
        raise NotImplementedError(f"{self.aws_type} is only ever replaced.")

    @abstractmethod
    def delete(self, aws: Aws, resource_id: str, inputs: Properties) -> None:
        """Remove the resource; a not-found error means that it is gone already."""

    def retag(self, aws: Aws, resource_id: str, change: Change) -> None:
        """Change the tags; only of a ``taggable`` type."""
        raise NotImplementedError(f"{self.aws_type} has no tags.")


def names(text: str) -> frozenset[str]:
    """The words of ``text`` as a set."""
    return frozenset(text.split())


def values(**defaults: Any) -> Mapping[str, Any]:
    """Inputs that pulumi-aws fills in, by name."""
    return MappingProxyType(defaults)


def pascal(value: Any, spelled: Mapping[str, str] | None = None) -> Any:
    """Pulumi's ``camelCase`` names as AWS's ``PascalCase``, at every depth; ``spelled`` names the exceptions."""
    exceptions = spelled or {}
    if isinstance(value, Mapping):
        return {exceptions.get(name, name[0].upper() + name[1:]): pascal(item, spelled) for name, item in value.items()}
    return [pascal(item, spelled) for item in value] if isinstance(value, list) else value


def camel(value: Any, spelled: Mapping[str, str] | None = None) -> Any:
    """AWS's ``PascalCase`` names as Pulumi's ``camelCase``, at every depth; ``spelled`` as for ``pascal``."""
    exceptions = {theirs: ours for ours, theirs in (spelled or {}).items()}
    if isinstance(value, Mapping):
        return {exceptions.get(name, name[0].lower() + name[1:]): camel(item, spelled) for name, item in value.items()}
    return [camel(item, spelled) for item in value] if isinstance(value, list) else value


def chosen(inputs: Mapping[str, Any], wanted: Iterable[str]) -> Properties:
    """Those of ``inputs`` that are wanted and given."""
    return {name: inputs[name] for name in wanted if inputs.get(name) is not None}


def tag_list(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags as most AWS services take them."""
    return [{key: name, value: text} for name, text in sorted(tags.items())]


def tag_map(tags: Iterable[Mapping[str, str]], key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Tags as most AWS services answer them, without those of AWS's own."""
    return {tag[key]: tag[value] for tag in tags if not tag[key].startswith("aws:")}


def same_document(one: object, other: object) -> bool:
    """Whether two JSON texts say the same, whatever their spacing and order of keys."""
    if not isinstance(one, str) or not isinstance(other, str):
        return one == other
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return one == other


def is_gone(error: ClientError) -> bool:
    """Whether AWS says that the thing does not exist."""
    code = error.response["Error"]["Code"]
    status = error.response["ResponseMetadata"].get("HTTPStatusCode")
    return "NotFound" in code or code.startswith("NoSuch") or code in {"404"} or status == 404
