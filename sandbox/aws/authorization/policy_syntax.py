"""The syntax of resource policies, as far as AWS checks it when one is stored."""

import json
from collections.abc import Iterable
from typing import Any, Final

from sandbox.aws.calls import Json

_VERSIONS: Final = {"2012-10-17", "2008-10-17"}
_ELEMENTS: Final = {
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}  # fmt: skip
INVALID_PRINCIPALS: Final = "Policy contains a statement with one or more invalid principals."
_PRINCIPAL_KINDS: Final = {"AWS", "CanonicalUser", "Federated", "Service"}


class PolicySyntaxError(Exception):
    """A document that is no resource policy; the text says why."""


def parse_policy(text: str, *, required: Iterable[str]) -> Json:
    """Read a resource policy.

    Args:
        text: the document.
        required: the elements that each statement must have, by their own name or as ``Not…``.

    Raises:
        PolicySyntaxError: it is malformed.
    """
    try:
        policy = json.loads(text)
    except ValueError as error:
        raise PolicySyntaxError("The policy is no JSON.") from error
    if not isinstance(policy, dict) or policy.keys() - {"Version", "Id", "Statement"} or not policy.get("Statement"):
        raise PolicySyntaxError("A policy is an object of Version, Id and at least one Statement.")
    if policy.get("Version", "2008-10-17") not in _VERSIONS:
        raise PolicySyntaxError(f"There is no Version {policy['Version']!r} of policies.")
    for statement in statements_of(policy):
        _check_statement(statement, required)
    return policy


def statements_of(policy: Json) -> list[Any]:
    """The statements of a policy, which may be one alone."""
    statements = policy["Statement"]
    return statements if isinstance(statements, list) else [statements]


def _check_statement(statement: Any, required: Iterable[str]) -> None:
    if not isinstance(statement, dict) or statement.keys() - _ELEMENTS:
        raise PolicySyntaxError(f"A statement is an object of {', '.join(sorted(_ELEMENTS))}.")
    if statement.get("Effect") not in {"Allow", "Deny"}:
        raise PolicySyntaxError(f"Effect is Allow or Deny; received {statement.get('Effect')!r}.")
    for element in ("Principal", "Action", "Resource"):
        present = (element in statement) + (f"Not{element}" in statement)
        if present == 2 or (present == 0 and element in required):
            raise PolicySyntaxError(f"A statement has either {element} or Not{element}.")
    principal = statement.get("Principal", statement.get("NotPrincipal"))
    if principal != "*" and not (isinstance(principal, dict) and principal and principal.keys() <= _PRINCIPAL_KINDS):
        raise PolicySyntaxError(INVALID_PRINCIPALS)
    condition = statement.get("Condition", {})
    if not isinstance(condition, dict) or not all(isinstance(keys, dict) for keys in condition.values()):
        raise PolicySyntaxError("A Condition maps operators to keys and values.")
