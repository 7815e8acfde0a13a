"""What the installed SDK says of an operation: the parameters it takes, the body it sends, the answer it reads.

The SDK is generated from Klaviyo's OpenAPI. Names are read from its text, since its modules take seconds to import;
the one or two models of an operation are imported when it is first called.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, get_args

from openapi_client import models
from pydantic import BaseModel, ValidationError

from klaviyo_access.klaviyo.operations import operations
from sandbox.klaviyo.kinds import plural
from sandbox.klaviyo.problems import Problem, invalid

_STATUS: Final = re.compile(r"'(2\d\d)': (?:None|\"(\w+)\")")
_BODY: Final = re.compile(r":type \w+: ([A-Z]\w+)$", re.MULTILINE)
_PARAMETER: Final = re.compile(r"_query_params\.append\(\('([^']+)'")
_PAGE_SIZE: Final = re.compile(r":param page_size: Default: (\d+)\. Min: 1\. Max: (\d+)\.")
_DAILY: Final = re.compile(r"Daily: `(\d+)/d`")
_FILTERS: Final = re.compile(r":param filter: (.*)$", re.MULTILINE)
_FILTER: Final = re.compile(r"`([\w.]+)`: ((?:`[\w-]+`(?:, )?)+)")


@dataclass(frozen=True, kw_only=True)
class Form:
    """The form of one operation.

    Attributes:
        status: the status of its success.
        body: the model of its body; None where it has none.
        answer: the model of its answer; None where it has none.
        parameters: the names that its query may have.
        page_size: how many resources a page has unless asked otherwise, and how many it may have.
        filters: the operators that ``filter`` may use, by field.
    """

    status: int
    body: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    parameters: frozenset[str] = frozenset()
    page_size: tuple[int, int] = (20, 100)
    filters: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def read(self, body: bytes) -> Any:
        """The member ``data`` of a request's body; None for an operation without a body.

        Raises:
            Problem: 400, the body is not what the operation's model describes.
        """
        if self.body is None:
            return None
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            raise invalid("The body must be a JSON document.", pointer="/") from None
        try:
            self.body.model_validate(document)
        except ValidationError as error:
            raise _refusal(error, document) from None
        data = document["data"]
        given = data.get("attributes") if isinstance(data, dict) else None
        for name in sorted((given or {}).keys() - _attributes(self.body).keys()):
            detail = f"'{name}' is not a valid field for the resource '{data['type']}'."
            raise invalid(detail, pointer=f"/data/attributes/{name}")
        return data

    @property
    def defaults(self) -> Mapping[str, Any]:
        """The attributes that a body has where it does not name them."""
        described = _attributes(self.body).items()
        return {
            name: value.default for name, value in described if not value.is_required() and value.default is not None
        }


@cache
def form_of(operation: str) -> Form:
    """The form of an operation that is named as the SDK's method."""
    source = _source()
    start = source.index(f"    def {operation}(")
    called = source[start : source.index(f"    def {operation}_with_http_info(", start)]
    start = source.index(f"    def _{operation}_serialize(")
    sent = source[start : source.index("param_serialize(", start)]
    body, page = _BODY.search(called), _PAGE_SIZE.search(called)
    (status, answer), *_ = _STATUS.findall(called)
    filters = _FILTERS.search(called)
    return Form(
        status=int(status),
        body=getattr(models, body[1]) if body else None,
        answer=getattr(models, answer) if answer else None,
        parameters=frozenset(_PARAMETER.findall(sent)),
        page_size=(int(page[1]), int(page[2])) if page else Form.page_size,
        filters={
            name: frozenset(re.findall(r"[\w-]+", operators))
            for name, operators in _FILTER.findall(filters[1] if filters else "")
        },
    )


@cache
def daily_limit(operation: str) -> int | None:
    """Requests of an operation that an account may make in one day; None where no such limit is stated."""
    source = _source()
    start = source.find(f"    def {operation}(")
    found = _DAILY.search(source, start, source.find(":return:", start)) if start >= 0 else None
    return int(found[1]) if found else None


@cache
def shown(kind: str) -> frozenset[str]:
    """The names of the attributes that a resource of a type shows."""
    path = re.compile(rf"/api/{plural(kind)}/{{\w+}}")
    reading = [one.name for one in operations() if one.method == "GET" and path.fullmatch(one.path)]
    return frozenset(name for operation in reading for name in _attributes(form_of(operation).answer))


@cache
def _source() -> str:
    spec = find_spec("openapi_client")
    if spec is None or spec.origin is None:
        raise RuntimeError("The sandbox reads Klaviyo's API out of klaviyo-api: install requirements-dev.txt.")
    return "".join(path.read_text("utf-8") for path in sorted((Path(spec.origin).parent / "api").glob("*_api.py")))


def _attributes(model: type[BaseModel] | None) -> dict[str, Any]:
    for name in ("data", "attributes"):
        described = model.model_fields.get(name) if model else None
        model = next(_models(described.annotation), None) if described else None
    return {described.alias or name: described for name, described in model.model_fields.items()} if model else {}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _refusal(error: ValidationError, document: Any) -> Problem:
    first = error.errors(include_url=False, include_context=False)[0]
    pointer = "/" + "/".join(str(part) for part in first["loc"])
    if first["type"] != "missing":
        return invalid(f"Invalid input: {first['msg']}.", pointer=pointer)
    data = document.get("data") if isinstance(document, dict) else None
    kind = data.get("type") if isinstance(data, dict) else None
    resource = f" for the resource '{kind}'" if isinstance(kind, str) else ""
    return invalid(f"'{first['loc'][-1]}' is a required field{resource}.", pointer=pointer)
