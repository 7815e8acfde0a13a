"""Klaviyo's API over the store: what each admitted request reads or changes."""

import json
from dataclasses import dataclass, replace
from typing import Any

from klaviyo_access.klaviyo.operations import Operation
from sandbox.klaviyo.documents import Query, linkage, page_document, resource_document
from sandbox.klaviyo.problems import invalid, not_found, not_simulated
from sandbox.klaviyo.store import Ref, Resource, Store, plural, singular
from sandbox.klaviyo.writes import Json, attributes_of, refs_of, write

_GROUPS = frozenset({"list", "segment"})


@dataclass(frozen=True, kw_only=True)
class ApiRequest:
    """A request whose key, scopes and limits are settled; ``parts`` is its path without ``/api``."""

    operation: Operation
    parts: tuple[str, ...]
    query_string: str
    body: bytes
    base: str

    @property
    def url(self) -> str:
        """The request's own URL."""
        query = f"?{self.query_string}" if self.query_string else ""
        return f"{self.base}/api/{'/'.join(self.parts)}{query}"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A status and, where there is one, a document."""

    status: int
    document: Json | None = None


class Api:
    """The API of one account, over its store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def answer(self, request: ApiRequest) -> Reply:
        """Do what a request asks for.

        Raises:
            Problem: Klaviyo's refusal of it.
        """
        if request.operation.method == "GET":
            return self._read(request)
        return self._change(request, request.operation.method)

    def _read(self, request: ApiRequest) -> Reply:
        match request.parts:
            case (collection,):
                return self._list(request, self._store.all(singular(collection)))
            case (collection, identifier):
                return self._one(request, self._store.get(Ref(singular(collection), identifier)))
            case (collection, identifier, name):
                return self._related(request, Ref(singular(collection), identifier), name)
            case (collection, identifier, _, name):
                return self._linkage(request, Ref(singular(collection), identifier), name)
        raise not_simulated(request.operation.name)

    def _change(self, request: ApiRequest, method: str) -> Reply:
        match method, request.parts:
            case "POST", (collection,):
                return self._write(request, collection)
            case "PATCH", (collection, identifier):
                return self._update(request, Ref(singular(collection), identifier))
            case "DELETE", (collection, identifier):
                self._store.delete(Ref(singular(collection), identifier))
                return Reply(status=204)
            case _, (collection, identifier, _, name):
                return self._link(request, Ref(singular(collection), identifier), name)
        raise not_simulated(request.operation.name)

    def _list(self, request: ApiRequest, resources: list[Resource]) -> Reply:
        query = Query.parse(request.query_string)
        documents = [resource_document(request.base, one, query) for one in query.select(resources)]
        return Reply(status=200, document=page_document(request.url, documents, query))

    def _one(self, request: ApiRequest, resource: Resource, *, status: int = 200) -> Reply:
        query = Query.parse(request.query_string)
        document = resource_document(request.base, resource, query)
        return Reply(status=status, document={"data": document, "links": document["links"]})

    def _related(self, request: ApiRequest, ref: Ref, name: str) -> Reply:
        refs = self._store.get(ref).links.get(name, {})
        related = [self._store.get(other) for other in refs]
        if ref.type in _GROUPS:
            related = [replace(one, attributes={**one.attributes, "joined_group_at": refs[one.ref]}) for one in related]
        if _is_many(name):
            return self._list(request, related)
        if not related:
            raise not_found(f"The {ref.type} {ref.id} has no {name}.")
        return self._one(request, related[0])

    def _linkage(self, request: ApiRequest, ref: Ref, name: str) -> Reply:
        refs = self._store.get(ref).links.get(name, {})
        if _is_many(name):
            return Reply(
                status=200, document=page_document(request.url, linkage(refs), Query.parse(request.query_string))
            )
        if not refs:
            raise not_found(f"The {ref.type} {ref.id} has no {name}.")
        return Reply(status=200, document={"data": linkage(refs)[0], "links": {"self": request.url}})

    def _link(self, request: ApiRequest, ref: Ref, name: str) -> Reply:
        refs = refs_of(_data_of(request.body))
        match request.operation.method:
            case "POST":
                self._store.relate(ref, name, refs)
            case "DELETE":
                self._store.unrelate(ref, name, refs)
            case _:
                raise not_simulated(request.operation.name)
        return Reply(status=204)

    def _update(self, request: ApiRequest, ref: Ref) -> Reply:
        data = _resource_of(request.body)
        resource = self._store.get(ref)
        resource.change({**attributes_of(data), "updated": self._store.now()})
        return Reply(status=204) if ref.type == "tag" else self._one(request, resource)

    def _write(self, request: ApiRequest, collection: str) -> Reply:
        written = write(self._store, collection, _resource_of(request.body))
        if written is None:
            raise not_simulated(request.operation.name)
        if written.resource is not None:
            return self._one(request, written.resource, status=written.status)
        if written.data is None:
            return Reply(status=written.status)
        link = {"self": f"{request.base}/api/{plural(written.data['type'])}"}
        return Reply(status=written.status, document={"data": {**written.data, "links": link}, "links": link})


def _is_many(relationship: str) -> bool:
    return relationship.endswith("s")


def _data_of(body: bytes) -> Any:
    try:
        return json.loads(body)["data"]
    except (ValueError, RecursionError, TypeError, KeyError):
        raise invalid("The body must be a JSON document with a member 'data'.", pointer="/") from None


def _resource_of(body: bytes) -> Json:
    data = _data_of(body)
    if not isinstance(data, dict) or not isinstance(data.get("type"), str):
        raise invalid("'type' is a required field.", pointer="/data/type")
    return data
