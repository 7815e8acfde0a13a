"""The page of the access model: what each entry of `access.yaml` may say, and every rule that a wrong file breaks."""

from typing import Final

from pydantic import BaseModel

from klaviyo_access.access_model import rules
from klaviyo_access.access_model.declarations import Ceiling, Permission, Role, Service, Suspicion
from klaviyo_access.access_model.rules import Rule
from tools.reference.docstrings import Docstring, DocumentationError
from tools.reference.markdown import WRITTEN_BY, code, page, plain, table

_SECTIONS: Final[dict[str, type[BaseModel]]] = {
    "permissions": Permission,
    "roles": Role,
    "services": Service,
    "environments": Ceiling,
    "suspicious": Suspicion,
}
_INTRODUCTION: Final = (
    "What `access.yaml` may say, section by section. How to change it: [the access model](../access-model.md)."
)


def access_model_page() -> str:
    """The page's text.

    Raises:
        DocumentationError: a key of an entry has no description.
    """
    every_rule = [value for value in vars(rules).values() if isinstance(value, Rule)]
    return page(
        "# access.yaml",
        WRITTEN_BY,
        _INTRODUCTION,
        *(_section(name, model) for name, model in _SECTIONS.items()),
        "## What is refused",
        "Every mistake is named at once, with file, line, rule, value, reason and fix. The rules:",
        table(["rule", "because"], ([each.text, each.why] for each in every_rule)),
    )


def _section(name: str, model: type[BaseModel]) -> str:
    rows = []
    for key, field in model.model_fields.items():
        if not field.description:
            raise DocumentationError(f"{model.__name__}: {key} needs a description.")
        rows.append([code(key), field.description, "yes" if field.is_required() else ""])
    summary = plain(Docstring.parse(model.__doc__).paragraphs[0])
    return "\n\n".join([f"## {name}", summary, table(["key", "what", "must be given"], rows)])
