"""Klaviyo's filters: ``equals(name,"Newsletter")``, several joined by commas or ``and(…)``."""

import json
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sandbox.klaviyo.problems import invalid
from sandbox.klaviyo.store import Resource

_TERM: Final = re.compile(r"""([a-z-]+)\(([\w.]+),(\[[^\]]*\]|"[^"]*"|'[^']*'|[^,()]+)\)""")
_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "equals": operator.eq,
    "any": lambda actual, given: actual in given,
    "contains": lambda actual, given: given in actual,
    "starts-with": lambda actual, given: bool(actual.startswith(given)),
    "ends-with": lambda actual, given: bool(actual.endswith(given)),
    "greater-than": operator.gt,
    "greater-or-equal": operator.ge,
    "less-than": operator.lt,
    "less-or-equal": operator.le,
}


@dataclass(frozen=True)
class Term:
    """One comparison of a field with a value."""

    operator: str
    field: str
    value: Any

    def fits(self, resource: Resource) -> bool:
        """Whether a resource passes; one without the field does not."""
        actual = _value_of(resource, self.field)
        try:
            return actual is not None and _OPERATORS[self.operator](_comparable(actual), self.value)
        except (TypeError, AttributeError):
            return False


def read_filter(text: str, allowed: Mapping[str, frozenset[str]]) -> tuple[Term, ...]:
    """The terms of a filter, all of which must fit.

    Args:
        text: the filter as sent.
        allowed: the operators that the operation allows, by field.

    Raises:
        Problem: 400, it is malformed, or uses a field or an operator that the operation does not have.
    """
    terms = tuple(Term(one, name, _parse(value)) for one, name, value in _TERM.findall(text))
    if re.sub(r"and|[(),\s]", "", _TERM.sub("", text)) or (text and not terms):
        raise invalid(f"Invalid filter provided: {text}", parameter="filter")
    for term in terms:
        if term.operator not in allowed.get(term.field, ()):
            raise invalid(f"'{term.field}' cannot be filtered by '{term.operator}' here.", parameter="filter")
    return terms


def _parse(text: str) -> Any:
    try:
        value = json.loads(text.replace("'", '"'))
    except ValueError:
        value = text
    return [_comparable(one) for one in value] if isinstance(value, list) else _comparable(value)


def _comparable(value: Any) -> Any:
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value):
        try:
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except ValueError:
            return value
    return value


def _value_of(resource: Resource, name: str) -> Any:
    if name in {"id", "ids"}:
        return resource.ref.id
    if name.endswith(".id"):
        return next((ref.id for ref in resource.related(name.removesuffix(".id"))), None)
    # A campaign is filtered by what its definition says.
    value: Any = {**(resource.attributes.get("definition") or {}), **resource.attributes}
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
