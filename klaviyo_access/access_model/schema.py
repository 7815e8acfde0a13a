"""From a document's plain values to entries: sections, names, keys and kinds, each entry by itself."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError

from klaviyo_access.access_model import rules
from klaviyo_access.access_model.declarations import Ceiling, Declarations, Permission, Role, Service, Suspicion
from klaviyo_access.access_model.document import Value
from klaviyo_access.access_model.environment import OAUTH_FOLDER
from klaviyo_access.access_model.problems import choice, shown
from klaviyo_access.access_model.rules import Finding, Rule, Where

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

ENTRIES: Final[Mapping[str, type[BaseModel]]] = MappingProxyType(
    {
        "permissions": Permission,
        "roles": Role,
        "services": Service,
        "environments": Ceiling,
        "suspicious": Suspicion,
    }
)
"""The sections of the file and what each is made of."""

_OPTIONAL: Final = frozenset({"suspicious"})

_NAME: Final = re.compile(r"[a-z][a-z0-9-]*")

_KINDS: Final = MappingProxyType(
    {
        "string_type": "text, in quotes if need be",
        "tuple_type": "a list, as in [a, b]",
        "dict_type": "a mapping, as in `name: text`",
        "model_type": "a mapping with the entry's keys",
        "bool_type": "true or false",
    }
)
"""What pydantic's error types ask for."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """The entries that could be read, every name that the file mentions as one, and what is wrong so far."""

    declarations: Declarations
    names: Mapping[str, frozenset[str]]
    findings: tuple[Finding, ...]


def read_entries(values: Value) -> Draft:
    """Check each entry of ``values`` by itself; those with a mistake are findings, not entries."""
    findings: list[Finding] = []
    sections = dict(_sections(values, findings))
    entries: dict[str, dict[str, BaseModel]] = {section: {} for section in ENTRIES}
    for section, bodies in sections.items():
        for name, body in bodies.items():
            findings += _name_findings(section, name)
            try:
                entries[section][name] = ENTRIES[section].model_validate(body)
            except ValidationError as error:
                findings += (_finding((section, name), details) for details in error.errors(include_url=False))
    names = {section: frozenset(sections.get(section, ())) for section in ENTRIES}
    return Draft(declarations=Declarations.model_validate(entries), names=names, findings=tuple(findings))


def _sections(values: Value, findings: list[Finding]) -> Iterator[tuple[str, dict[str, Value]]]:
    if not isinstance(values, dict):
        findings.append(Finding(where=(), rule=rules.SECTION, value=shown(values), fix="write `permissions:` first"))
        return
    findings.extend(
        Finding(where=(key,), rule=rules.KNOWN_KEY, value=shown(key), fix=choice(key, among=ENTRIES))
        for key in values
        if key not in ENTRIES
    )
    for section in ENTRIES:
        bodies = values.get(section)
        if isinstance(bodies, dict) and bodies:
            yield section, bodies
        elif section in values or section not in _OPTIONAL:
            value = f"{section}: {shown(bodies)}" if section in values else f"no {section}"
            fix = f"write `{section}:` and below it, indented, one entry per name"
            findings.append(Finding(where=(section,), rule=rules.SECTION, value=value, fix=fix))


def _name_findings(section: str, name: str) -> Iterator[Finding]:
    most, rule = (20, rules.ENVIRONMENT_NAME) if section == "environments" else (40, rules.NAME)
    if section == "environments" and "-" in name:
        yield Finding(where=(section, name), rule=rule, value=shown(name), fix="write it without hyphens, like prod")
    elif not _NAME.fullmatch(name):
        yield Finding(where=(section, name), rule=rule, value=shown(name), fix="write it like read-profiles")
    elif len(name) > most:
        yield Finding(where=(section, name), rule=rule, value=shown(name), fix=f"keep to at most {most} characters")
    elif section == "roles" and name == OAUTH_FOLDER:
        fix = "name it after what it does, like app-installer"
        yield Finding(where=(section, name), rule=rules.FREE_NAME, value=shown(name), fix=fix)


def _finding(entry: Where, details: "ErrorDetails") -> Finding:
    where = (*entry, *details["loc"])
    given = details["input"]
    model = ENTRIES[str(entry[0])]
    match details["type"]:
        case "missing":
            key = str(where[-1])
            fix = f"add `{key}:`, {model.model_fields[key].description}"
            return Finding(where=entry, rule=rules.GIVEN, value=f"{shown(str(entry[-1]))} without {key}", fix=fix)
        case "extra_forbidden":
            key = str(where[-1])
            return _at(where, rules.KNOWN_KEY, given=key, fix=choice(key, among=model.model_fields))
        case "too_short" | "string_too_short":
            value = "an empty list" if details["type"] == "too_short" else "an empty text"
            return _at(where, rules.NOT_EMPTY, given=value, fix=f"fill it, or leave `{where[2]}` out if it may be")
        case "string_too_long" | "string_pattern_mismatch":
            return _at(where, rules.FITS_AWS, given=given, fix=_fitting(details["ctx"]))
        case "literal_error":
            return _at(where, rules.ONE_OF, given=given, fix=f"write one of: {details['ctx']['expected']}")
        case kind:
            return _at(where, rules.KIND, given=given, fix=f"write {_KINDS[kind]}")


def _fitting(context: Mapping[str, Any]) -> str:
    if "max_length" in context:
        return f"keep to {context['max_length']} characters"
    return "write letters, digits, spaces and . : / = + @ _ - only, since it becomes a tag"


def _at(where: Where, rule: Rule, *, given: object, fix: str) -> Finding:
    return Finding(where=where, rule=rule, value=shown(given), fix=fix)
