"""JSON:API documents: resources and pages of resources, as a query asks for them."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from klaviyo_access.klaviyo.operations import operations
from sandbox.klaviyo.filters import Term, read_filter
from sandbox.klaviyo.forms import Form
from sandbox.klaviyo.kinds import plural, related_kind
from sandbox.klaviyo.problems import invalid
from sandbox.klaviyo.store import Ref, Resource, Store

_RELATIONSHIPS: Final = re.compile(r"/api/([\w-]+)/\{id\}/relationships/([\w-]+)")
_FIELDS: Final = re.compile(r"(additional-)?fields\[([a-z-]+)\]")
_ON_REQUEST: Final = {"api-key": {"redacted_key"}, "profile": {"subscriptions", "predictive_analytics"}}


def _relationships() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for operation in operations():
        if operation.method == "GET" and (match := _RELATIONSHIPS.fullmatch(operation.path)):
            found.setdefault(match[1], []).append(match[2])
    return found


_NAMES: Final = _relationships()


@dataclass(frozen=True, kw_only=True)
class Query:
    """The parameters of a query.

    Attributes:
        size: resources a page.
        start: index of the page's first resource, which the cursor carries.
        fields: the attributes to show, by type.
        additional: the attributes to show that are hidden unless asked for, by type.
        include: the relationships whose resources the answer brings along.
        terms: what a resource must fit.
        sort: an attribute, with ``-`` before it for the latest first; empty for the order of making.
    """

    size: int
    start: int
    fields: Mapping[str, frozenset[str]]
    additional: Mapping[str, frozenset[str]]
    include: tuple[str, ...]
    terms: tuple[Term, ...]
    sort: str

    @classmethod
    def parse(cls, query_string: str, form: Form) -> "Query":
        """Read a query string as the operation's form allows.

        Raises:
            Problem: 400 for a parameter or a value that the operation does not have.
        """
        given = dict(parse_qsl(query_string, keep_blank_values=True))
        if unknown := sorted(given.keys() - form.parameters):
            raise invalid(f"'{unknown[0]}' is not a valid parameter of this endpoint.", parameter=unknown[0])
        default, largest = form.page_size
        size = given.get("page[size]", str(default))
        if not size.isdecimal() or not 1 <= int(size) <= largest:
            raise invalid(f"Page size must be an integer between 1 and {largest}.", parameter="page[size]")
        chosen: dict[bool, dict[str, frozenset[str]]] = {True: {}, False: {}}
        for name, value in given.items():
            if match := _FIELDS.fullmatch(name):
                chosen[bool(match[1])][match[2]] = frozenset(value.split(","))
        include = tuple(filter(None, given.get("include", "").split(",")))
        for name in include:
            if f"fields[{related_kind(name)}]" not in form.parameters:
                raise invalid(f"'{name}' cannot be included here.", parameter="include")
        return cls(
            size=int(size),
            start=_read_cursor(given.get("page[cursor]", "")),
            fields=chosen[False],
            additional=chosen[True],
            include=include,
            terms=read_filter(given.get("filter", ""), form.filters),
            sort=given.get("sort", ""),
        )

    def select(self, resources: Iterable[Resource]) -> list[Resource]:
        """The resources that pass the filter, sorted; all pages of them."""
        chosen = [one for one in resources if all(term.fits(one) for term in self.terms)]
        if self.sort:
            name = self.sort.removeprefix("-")
            chosen.sort(key=lambda one: str(one.attributes.get(name, "")), reverse=self.sort.startswith("-"))
        return chosen

    def shows(self, kind: str, attribute: str) -> bool:
        """Whether an attribute of a type is to be shown."""
        if attribute in _ON_REQUEST.get(kind, ()):
            return attribute in self.additional.get(kind, ())
        return kind not in self.fields or attribute in self.fields[kind]


def resource_document(base: str, resource: Resource, query: Query) -> dict[str, Any]:
    """A resource as the member ``data`` of a document; ``base`` is the API's URL."""
    kind, collection = resource.ref.type, plural(resource.ref.type)
    link = f"{base}/{collection}/{resource.ref.id}"
    relationships: dict[str, dict[str, Any]] = {}
    for name in _NAMES.get(collection, ()):
        relationships[name] = {"links": {"self": f"{link}/relationships/{name}", "related": f"{link}/{name}"}}
        refs = resource.related(name)
        if not is_many(name):
            relationships[name]["data"] = refs[0]._asdict() if refs else None
        elif name in query.include:
            relationships[name]["data"] = linkage(refs)
    return {
        **resource.ref._asdict(),
        "attributes": {name: value for name, value in resource.attributes.items() if query.shows(kind, name)},
        "links": {"self": link},
        **({"relationships": relationships} if relationships else {}),
    }


def included(base: str, resources: Iterable[Resource], query: Query, store: Store) -> dict[str, Any]:
    """The member ``included`` of a document about ``resources``; nothing where the query includes nothing."""
    refs = {ref: None for one in resources for name in query.include for ref in one.related(name)}
    found = [resource_document(base, store.get(ref), query) for ref in refs]
    return {"included": found} if query.include else {}


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


def is_many(relationship: str) -> bool:
    """Whether a relationship leads to many resources."""
    return relationship.endswith("s")


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
        raise invalid("Invalid page cursor.", parameter="page[cursor]") from None
