"""The page of settings: what `Pulumi.<stack>.yaml` may say, off the models that check it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from components.platforms import Platform
from components.settings import AuditSettings, OAuthAppSettings, RestoredSettings, Settings, WebhookSettings
from klaviyo_access.access_model.environment import PROJECT, Environment
from tools.reference.docstrings import Docstring
from tools.reference.markdown import WRITTEN_BY, anchor, code, page, plain, table

Schema = Mapping[str, Any]

_SECTIONS: Final[Mapping[str, type[BaseModel]]] = {
    "oauthApp": OAuthAppSettings,
    "webhooks": WebhookSettings,
    "audit": AuditSettings,
    "restored": RestoredSettings,
}
_INTRODUCTION: Final = f"""\
What `Pulumi.<stack>.yaml` may say under `config:`. Every name but `aws:region` stands behind `{PROJECT}:`, as in
`{PROJECT}:accountId`. A setting that is not listed here is refused, and the nearest one named. The stack's name is the
environment's, and one of `access.yaml`'s. How to fill them in: [going to production](../going-to-production.md)."""


def settings_page() -> str:
    """The page's text.

    Raises:
        DocumentationError: a setting is not explained in its model's docstring.
    """
    sections = [_section(name, model) for name, model in _SECTIONS.items()]
    return page(
        "# Settings",
        WRITTEN_BY,
        _INTRODUCTION,
        "## Where the environment is",
        _table(Environment, without=("name",), named={"region": "aws:region"}),
        "## What is built there",
        _table(Settings),
        *sections,
        "## services",
        "By the service's name in `access.yaml`, where it runs: `platform`, and what that platform needs beside it.",
        table(["platform", "what", "needs"], _platforms()),
    )


def _section(name: str, model: type[BaseModel]) -> str:
    return "\n\n".join([f"## {name}", *map(plain, Docstring.parse(model.__doc__).paragraphs), _table(model)])


def _table(model: type[BaseModel], *, without: tuple[str, ...] = (), named: Mapping[str, str] | None = None) -> str:
    schema = model.model_json_schema(by_alias=False)
    meanings = Docstring.parse(model.__doc__).meanings("Attributes", schema["properties"], of=model.__name__)
    rows = []
    for field, about in schema["properties"].items():
        if field not in without:
            name = (named or {}).get(field, to_camel(field))
            default = "required" if field in schema.get("required", ()) else _default(about)
            rows.append([code(name), plain(meanings[field]), _value(name, about, schema.get("$defs", {})), default])
    return table(["setting", "what", "value", "default"], rows)


def _default(about: Schema) -> str:
    match about.get("default"):
        case None | "" | [] | {}:
            return "none"
        case bool(value):
            return code(str(value).lower())
        case dict():
            return "as there"
        case value:
            return code(value)


def _value(name: str, about: Schema, shapes: Schema) -> str:
    """What a value may be, from its JSON schema; ``name`` is the section of this page that says more."""
    match about:
        case {"$ref": str(reference)}:
            known = reference.rpartition("/")[2] in shapes
            text = f"[mapping]({anchor(name)})" if known else "mapping"
        case {"anyOf": [*choices]}:
            (choice,) = (choice for choice in choices if choice != {"type": "null"})
            text = _value(name, choice, shapes)
        case {"type": "array", "items": items}:
            text = f"list of {_value(name, items, shapes)}{_bounds(about, 'Items')}"
        case {"patternProperties": _} | {"additionalProperties": {"oneOf": _}}:
            text = f"[mapping of mappings]({anchor(name)})"
        case {"additionalProperties": dict(values)}:
            text = f"mapping of {_value(name, values, shapes)}{_bounds(about, 'Properties')}"
        case _:
            text = _plain_value(about)
    return text


def _plain_value(about: Schema) -> str:
    match about:
        case {"enum": [*choices]}:
            return ", ".join(map(code, choices))
        case {"type": "integer"}:
            return f"whole number, {about['minimum']} to {about['maximum']}"
        case {"type": "boolean"}:
            return "true or false"
        case {"pattern": str(pattern)}:
            return f"text, {code(pattern)}"
        case _:
            return "text"


def _bounds(about: Schema, what: str) -> str:
    words = {"min": "at least", "max": "at most"}
    return "".join(f", {words[end]} {about[key]}" for end in words if (key := f"{end}{what}") in about)


def _platforms() -> Iterator[list[str]]:
    union, _ = get_args(Platform)
    for model in get_args(union):
        schema = model.model_json_schema()
        needs = [code(name) for name in schema["properties"] if name != "platform"]
        what = plain(Docstring.parse(model.__doc__).paragraphs[0])
        yield [code(schema["properties"]["platform"]["const"]), what, ", ".join(needs)]
