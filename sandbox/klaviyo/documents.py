"""JSON:API documents: resources and pages of resources, as a query asks for them."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from klaviyo_access.klaviyo.operations import operations
from sandbox.klaviyo.problems import invalid
from sandbox.klaviyo.store import Ref, Resource, plural

_RELATIONSHIPS: Final = frozenset(
    operation.path for operation in operations() if operation.method == "GET" and "/relationships/" in operation.path
)
_DEFAULT_PAGE_SIZE: Final = 20
_LARGEST_PAGE_SIZE: Final = 100
_EQUALS: Final = re.compile(r"""equals\(([a-z_.]+),(?:"([^"]*)"|'([^']*)')\)""")


@dataclass(frozen=True, kw_only=True)
class Query:
    """The parameters of a query that the sandbox honours; any other is refused.

    Attributes:
        size: resources a page.
        start: index of the page's first resource, which the cursor carries.
        fields: the attributes to show, by type.
        equals: an attribute and the value it must have.
        sort: an attribute, with ``-`` before it for the latest first; empty for the order of making.
    """

    size: int = _DEFAULT_PAGE_SIZE
    start: int = 0
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    equals: tuple[str, str] | None = None
    sort: str = ""

    @classmethod
    def parse(cls, query_string: str) -> "Query":
        """Read a query string.

        Raises:
            Problem: 400 for what Klaviyo would refuse, or what the sandbox does not do.
        """
        given = dict(parse_qsl(query_string, keep_blank_values=True))
        size = given.pop("page[size]", str(_DEFAULT_PAGE_SIZE))
        if not size.isdecimal() or not 1 <= int(size) <= _LARGEST_PAGE_SIZE:
            raise invalid(f"Page size must be an integer between 1 and {_LARGEST_PAGE_SIZE}.", pointer="page[size]")
        start = _read_cursor(given.pop("page[cursor]", ""))
        equals, sort = _read_filter(given.pop("filter", "")), given.pop("sort", "")
        fields = {}
        for name, value in given.items():
            if not (kind := re.fullmatch(r"(?:additional-)?fields\[([a-z-]+)\]", name)):
                raise invalid(f"The sandbox does not know the parameter '{name}'.", pointer=name)
            if not name.startswith("additional-"):
                fields[kind[1]] = frozenset(value.split(","))
        return cls(size=int(size), start=start, fields=fields, equals=equals, sort=sort)

    def select(self, resources: Sequence[Resource]) -> list[Resource]:
        """The resources that pass the filter, sorted; all pages of them."""
        chosen = list(resources)
        if self.equals is not None:
            name, value = self.equals
            chosen = [one for one in chosen if str(one.attributes.get(name)) == value]
        if self.sort:
            name = self.sort.removeprefix("-")
            chosen.sort(key=lambda one: str(one.attributes.get(name, "")), reverse=self.sort.startswith("-"))
        return chosen


def resource_document(base: str, resource: Resource, query: Query) -> dict[str, Any]:
    """A resource as the member ``data`` of a document; ``base`` is the API's URL."""
    kind, collection = resource.ref.type, plural(resource.ref.type)
    link = f"{base}/api/{collection}/{resource.ref.id}"
    wanted = query.fields.get(kind)
    relationships: dict[str, dict[str, Any]] = {
        name: {"links": {"self": f"{link}/relationships/{name}", "related": f"{link}/{name}"}}
        | ({} if name.endswith("s") else {"data": next((ref._asdict() for ref in refs), None)})
        for name, refs in resource.links.items()
        if f"/api/{collection}/{{id}}/relationships/{name}" in _RELATIONSHIPS
    }
    document: dict[str, Any] = {
        **resource.ref._asdict(),
        "attributes": {name: value for name, value in resource.attributes.items() if wanted is None or name in wanted},
        "links": {"self": link},
    }
    return document | ({"relationships": relationships} if relationships else {})


def page_document(url: str, items: Sequence[Any], query: Query) -> dict[str, Any]:
    """One page of ``items`` with the links to its neighbours; ``url`` is the request's, with its query."""
    end = query.start + query.size
    return {
        "data": list(items[query.start : end]),
        "links": {
            "self": url,
            "next": _at(url, end) if end < len(items) else None,
            "prev": _at(url, max(0, query.start - query.size)) if query.start else None,
        },
    }


def linkage(refs: Iterable[Ref]) -> list[dict[str, str]]:
    """Resource identifiers as JSON:API writes them."""
    return [ref._asdict() for ref in refs]


def _at(url: str, start: int) -> str:
    path, _, query_string = url.partition("?")
    cursor = urlsafe_b64encode(f"start:{start}".encode()).decode()
    return f"{path}?{urlencode({**dict(parse_qsl(query_string)), 'page[cursor]': cursor})}"


def _read_cursor(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        return int(urlsafe_b64decode(cursor).removeprefix(b"start:"))
    except (Base64Error, ValueError):
        raise invalid("Invalid page cursor.", pointer="page[cursor]") from None


def _read_filter(text: str) -> tuple[str, str] | None:
    if not text:
        return None
    if not (match := _EQUALS.fullmatch(text)):
        raise invalid(f'The sandbox filters by equals(field,"value") only; given: {text}', pointer="filter")
    return match[1], match[2] if match[2] is not None else match[3]
