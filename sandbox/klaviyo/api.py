"""Klaviyo's API over the store: what each admitted request reads or changes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from klaviyo_access.klaviyo.operations import Operation
from sandbox.klaviyo.actions import ACTIONS
from sandbox.klaviyo.documents import Query, included, is_many, linkage, page_document, resource_document
from sandbox.klaviyo.forms import Form, form_of
from sandbox.klaviyo.key_inventory import FORMS
from sandbox.klaviyo.kinds import plural, singular
from sandbox.klaviyo.problems import not_found, not_simulated
from sandbox.klaviyo.refused import REFUSED
from sandbox.klaviyo.store import Ref, Resource, Store
from sandbox.klaviyo.writes import Json, clone, create, refs_of, replace_links, update

_GROUPS = frozenset({"list", "segment"})


@dataclass(frozen=True, kw_only=True)
class ApiRequest:
    """A request whose credential, scopes and limits are settled; ``parts`` is its path below ``base``."""

    operation: Operation
    parts: tuple[str, ...]
    query_string: str
    body: bytes
    base: str

    @property
    def url(self) -> str:
        """The request's own URL."""
        query = f"?{self.query_string}" if self.query_string else ""
        return f"{self.base}/{'/'.join(self.parts)}{query}"


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
        name = request.operation.name
        form = FORMS.get(name) or form_of(name)
        query, data = Query.parse(request.query_string, form), form.read(request.body)
        if name in REFUSED:
            raise not_simulated(name, REFUSED[name])
        return _Answering(self._store, request, form, query).answer(data)


@dataclass(frozen=True)
class _Answering:
    store: Store
    request: ApiRequest
    form: Form
    query: Query

    def answer(self, data: Any) -> Reply:
        match self.request.operation.method, self.request.parts:
            case "POST", (collection,):
                return self._post(collection, data)
            case "GET", (collection,):
                return self._page(self.store.all(singular(collection)))
            case method, (collection, identifier):
                return self._resource(method, self.store.get(Ref(singular(collection), identifier)), data)
            case "GET", (collection, identifier, name):
                return self._related(self.store.get(Ref(singular(collection), identifier)), name)
            case method, (collection, identifier, _, name):
                return self._relationship(method, self.store.get(Ref(singular(collection), identifier)), name, data)
        raise not_found("The requested URL was not found.")

    def _post(self, collection: str, data: Json) -> Reply:
        if collection.endswith("-clone"):
            source = self.store.get(Ref(collection.removesuffix("-clone"), data["id"]))
            return self._one(clone(self.store, source, data))
        if (action := ACTIONS.get(collection)) is None:
            return self._one(create(self.store, singular(collection), data))
        done = action(self.store, data)
        if isinstance(done, Resource):
            return self._one(done)
        if done is None:
            return Reply(status=self.form.status)
        link = {"self": "/".join([self.request.base, plural(done["type"]), *filter(None, [done.get("id")])])}
        return Reply(status=self.form.status, document={"data": {**done, "links": link}, "links": link})

    def _resource(self, method: str, resource: Resource, data: Json) -> Reply:
        if method == "DELETE":
            self.store.delete(resource.ref)
        if method == "PATCH":
            update(self.store, resource, data)
        return self._one(resource)

    def _related(self, owner: Resource, name: str) -> Reply:
        related = [self.store.get(ref) for ref in owner.related(name)]
        if owner.ref.type in _GROUPS:
            related = [
                replace(one, attributes={**one.attributes, "joined_group_at": owner.links[one.ref]}) for one in related
            ]
        if is_many(name):
            return self._page(related)
        if not related:
            raise not_found(f"The {owner.ref.type} {owner.ref.id} has no {name}.")
        return self._one(related[0])

    def _relationship(self, method: str, owner: Resource, name: str, data: Any) -> Reply:
        match method:
            case "POST":
                self.store.relate(owner.ref, refs_of(data))
            case "DELETE":
                self.store.unrelate(owner.ref, refs_of(data))
            case "PATCH":
                replace_links(self.store, owner, name, refs_of(data))
            case _:
                return self._linkage(owner, name)
        return Reply(status=self.form.status)

    def _linkage(self, owner: Resource, name: str) -> Reply:
        refs = owner.related(name)
        if is_many(name):
            return Reply(status=200, document=page_document(self.request.url, linkage(refs), self.query))
        if not refs:
            raise not_found(f"The {owner.ref.type} {owner.ref.id} has no {name}.")
        return Reply(status=200, document={"data": linkage(refs)[0], "links": {"self": self.request.url}})

    def _page(self, resources: Sequence[Resource]) -> Reply:
        chosen, base = self.query.select(resources), self.request.base
        documents = [resource_document(base, one, self.query) for one in chosen]
        page = page_document(self.request.url, documents, self.query)
        shown = chosen[self.query.start : self.query.start + self.query.size]
        return Reply(status=200, document=page | included(base, shown, self.query, self.store))

    def _one(self, resource: Resource) -> Reply:
        if self.form.answer is None:
            return Reply(status=self.form.status)
        document = resource_document(self.request.base, resource, self.query)
        answer = {"data": document, "links": document["links"]}
        included_too = included(self.request.base, [resource], self.query, self.store)
        return Reply(status=self.form.status, document=answer | included_too)
