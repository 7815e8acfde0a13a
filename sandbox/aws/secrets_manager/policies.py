"""Resource policies as documents: their syntax, and whether they let the public in."""

import json
from collections.abc import Iterator
from typing import Any, Final

from sandbox.aws.calls import AwsError, Json

VERSIONS: Final = {"2012-10-17", "2008-10-17"}
ELEMENTS: Final = {
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}  # fmt: skip
NARROWING_KEYS: Final = {
    "aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths", "aws:sourceaccount",
    "aws:sourcearn", "aws:sourceip", "aws:sourceorgid", "aws:sourcevpc", "aws:sourcevpce", "aws:userid",
    "aws:vpcsourceip",
}  # fmt: skip
"""Global keys whose fixed values leave a statement for ``*`` narrow."""
NARROWING_OPERATORS: Final = {
    "stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress",
}  # fmt: skip


def parse(text: str) -> Json:
    """A resource policy from its text.

    Raises:
        AwsError: MalformedPolicyDocumentException, with what is wrong.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise malformed(f"it is no JSON ({error.msg} at line {error.lineno})") from error
    if not isinstance(document, dict):
        raise malformed("a policy is a JSON object")
    if document.get("Version", "2008-10-17") not in VERSIONS:
        raise malformed(f"Version is one of {', '.join(sorted(VERSIONS))}; received {document['Version']!r}")
    if unknown := document.keys() - {"Version", "Id", "Statement"}:
        raise malformed(f"a policy has no element {', '.join(sorted(unknown))}")
    found = list(statements(document))
    if not found:
        raise malformed("a policy has at least one Statement")
    for statement in found:
        _check(statement)
    return document


def statements(document: Json) -> Iterator[Any]:
    """The statements of a policy, which may be one alone."""
    given = document.get("Statement", [])
    yield from given if isinstance(given, list) else [given]


def public_statements(document: Json) -> list[str]:
    """The Sids (or places) of the statements that allow anybody: ``*`` without a condition that narrows it."""
    return [
        statement.get("Sid", f"statement {place}")
        for place, statement in enumerate(statements(document), start=1)
        if statement["Effect"] == "Allow" and _names_anybody(statement) and not _is_narrowed(statement)
    ]


def malformed(why: str) -> AwsError:
    """What is wrong with the syntax of a policy."""
    return AwsError("MalformedPolicyDocumentException", f"This resource policy isn't valid: {why}.")


def _check(statement: Any) -> None:
    if not isinstance(statement, dict):
        raise malformed("a Statement is a JSON object")
    place = f"statement {statement['Sid']!r}" if "Sid" in statement else "a statement"
    if unknown := statement.keys() - ELEMENTS:
        raise malformed(f"{place} has no element {', '.join(sorted(unknown))}")
    if statement.get("Effect") not in {"Allow", "Deny"}:
        raise malformed(f"the Effect of {place} is Allow or Deny")
    for element in ("Principal", "Action", "Resource"):
        if (element in statement) == (f"Not{element}" in statement):
            raise malformed(f"{place} has exactly one of {element} and Not{element}")
    for element in ("Action", "NotAction", "Resource", "NotResource"):
        if element in statement and not _strings(statement[element]):
            raise malformed(f"{element} of {place} is a string or a list of strings")
    condition = statement.get("Condition", {})
    if not isinstance(condition, dict) or not all(isinstance(keys, dict) for keys in condition.values()):
        raise malformed(f"the Condition of {place} maps operators to keys and values")


def _strings(given: Any) -> list[str]:
    values = given if isinstance(given, list) else [given]
    return values if all(isinstance(value, str) for value in values) else []


def _names_anybody(statement: Json) -> bool:
    if "NotPrincipal" in statement:
        return True
    principal = statement["Principal"]
    named = principal.get("AWS", []) if isinstance(principal, dict) else principal
    return "*" in _strings(named)


def _is_narrowed(statement: Json) -> bool:
    return any(
        operator.lower() in NARROWING_OPERATORS
        and key.lower() in NARROWING_KEYS
        and bool(_strings(values))
        and not any(value.startswith("*") or value in {"0.0.0.0/0", "::/0"} for value in _strings(values))
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )
