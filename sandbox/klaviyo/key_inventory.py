"""Klaviyo's beta endpoints for private keys, which list, rename, disable and enable them and cannot make one.

Source: Klaviyo's OpenAPI, revision 2026-07-15.pre. The official SDK has no methods for them.
"""

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from klaviyo_access.klaviyo.operations import Operation
from sandbox.klaviyo.forms import Form

REVISION: Final = "2026-07-15.pre"


class _Attributes(BaseModel):
    model_config = ConfigDict(strict=True)

    name: str | None = None
    status: Literal["active", "disabled"] | None = None


class _Resource(BaseModel):
    type: Literal["api-key"]
    id: str
    attributes: _Attributes


class _Document(BaseModel):
    data: _Resource


def _operation(name: str, method: str, path: str, scope: str) -> Operation:
    return Operation(name=name, method=method, path=path, scopes=(scope,), burst=1, steady=15)


OPERATIONS: Final = (
    _operation("get_api_keys", "GET", "/api/api-keys", "credentials:read"),
    _operation("get_api_key", "GET", "/api/api-keys/{id}", "credentials:read"),
    _operation("update_api_key", "PATCH", "/api/api-keys/{id}", "credentials:write"),
)

_FIELDS: Final = frozenset({"fields[api-key]", "additional-fields[api-key]"})

FORMS: Final[Mapping[str, Form]] = {
    "get_api_keys": Form(status=200, answer=_Document, parameters=_FIELDS | {"page[cursor]", "page[size]"}),
    "get_api_key": Form(status=200, answer=_Document, parameters=_FIELDS),
    "update_api_key": Form(status=200, body=_Document, answer=_Document),
}
