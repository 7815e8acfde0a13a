"""Statements of IAM fitted into managed policies, which have a limit."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

Document = dict[str, Any]
Statement = Mapping[str, Any]

POLICY_LIMIT: Final = 6144
"""Characters of a managed policy, white space not counted. Source: IAM user guide, "IAM and AWS STS quotas"."""

ATTACHED_LIMIT: Final = 10
"""Managed policies that a role may have, unless the account's quota was raised (to 20 at most). Source: the same."""


def to_json(document: Document) -> str:
    """The document without white space, as its size is counted."""
    return json.dumps(document, separators=(",", ":"))


def fit(statements: Sequence[Statement]) -> list[Document]:
    """Documents below the limit that hold the statements, in their order, as few to a statement as its ARNs allow."""
    documents: list[Document] = []
    for statement in (part for whole in statements for part in _parts(whole)):
        if documents and _size([*documents[-1]["Statement"], statement]) <= POLICY_LIMIT:
            documents[-1]["Statement"].append(statement)
        else:
            documents.append(_document([statement]))
    return documents


def _parts(statement: Statement) -> Iterator[Statement]:
    """The statement, or several with a share of its ARNs each, where it would be larger than a document."""
    if _size([statement]) <= POLICY_LIMIT:
        yield statement
        return
    arns, share, number = list(statement["Resource"]), list[str](), 1
    for arn in arns:
        if _size([_part(statement, number, [*share, arn])]) > POLICY_LIMIT:
            yield _part(statement, number, share)
            share, number = [], number + 1
        share.append(arn)
    yield _part(statement, number, share)


def _part(statement: Statement, number: int, arns: list[str]) -> Statement:
    return {**statement, "Sid": f"{statement['Sid']}{number}", "Resource": arns}


def _document(statements: list[Statement]) -> Document:
    return {"Version": "2012-10-17", "Statement": statements}


def _size(statements: list[Statement]) -> int:
    return len(to_json(_document(statements)))
