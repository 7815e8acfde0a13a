"""Decides a request as AWS does, from the policies that bear on it. Pure: documents in, a decision out.

Source of the rules: AWS's IAM user guide, "Policy evaluation logic", and the KMS developer guide, "Key policies".
Permission boundaries, session policies and organizations' policies are not evaluated.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Literal

from klaviyo_access.isolation.conditions import holds
from klaviyo_access.isolation.patterns import Context, ContextValue, UnsupportedPolicyError, matches

__all__ = ["Context", "ContextValue", "Decision", "Principal", "Request", "UnsupportedPolicyError", "decide"]

Json = dict[str, Any]
PolicyKind = Literal["identity-based", "resource-based"]

_DOCUMENT_ELEMENTS: Final = {"Version", "Id", "Statement"}
_STATEMENT_ELEMENTS: Final = {
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"
}  # fmt: skip
_PRINCIPAL_KINDS: Final = {"AWS", "Service", "Federated"}


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who asks. ``arn`` is a role's or a user's ARN with its path, or a service's name (``lambda.amazonaws.com``)."""

    arn: str
    session_arn: str = ""

    @property
    def is_service(self) -> bool:
        return not self.arn.startswith("arn:")

    @property
    def account(self) -> str:
        """The account's id; empty for a service."""
        return "" if self.is_service else self.arn.split(":")[4]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One action on one resource.

    ``context`` holds condition keys: text, or a sequence of texts for a multivalued key. ``resource_account`` is
    needed where the resource's ARN names no account (S3).
    """

    principal: Principal
    action: str
    resource: str
    context: Mapping[str, ContextValue] = field(default_factory=dict)
    resource_account: str = ""

    @property
    def is_cross_account(self) -> bool:
        parts = self.resource.split(":", 5)
        owner = self.resource_account or (parts[4] if len(parts) == 6 else "")
        return bool(owner) and not self.principal.is_service and owner != self.principal.account


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Whether the request is allowed, and which statement says so.

    ``policy_kind`` names the kind of policy that denies, or that would have to allow.
    """

    allowed: bool
    reason: str
    explicit_deny: bool = False
    policy_kind: PolicyKind = "identity-based"


class _Reach(Enum):
    """How a resource's policy names the caller."""

    NOT = 0
    THROUGH_ACCOUNT = 1
    DIRECTLY = 2


@dataclass(frozen=True)
class _Statement:
    body: Json
    policy: str
    kind: PolicyKind
    index: int

    def __str__(self) -> str:
        return f"statement {self.body.get('Sid', self.index)!r} of {self.policy}"


def decide(
    request: Request,
    *,
    identity_policies: Mapping[str, Json],
    resource_policy: Json | None = None,
    resource_policy_rules: bool = False,
) -> Decision:
    """Decide a request.

    Args:
        request: who wants to do what on which resource.
        identity_policies: the caller's policy documents by name.
        resource_policy: the resource's own policy, if it has one.
        resource_policy_rules: nothing goes without the resource's policy, which names the caller or hands the
            decision to the account's identity policies: so for KMS keys and for roles' trust policies.

    Raises:
        UnsupportedPolicyError: a policy holds what this evaluator does not understand.
    """
    context = {key.lower(): value for key, value in request.context.items()}
    matching = [
        (statement, reach)
        for statement in _statements(identity_policies, resource_policy)
        if (reach := _reach(statement, request, context)) is not _Reach.NOT
    ]
    for statement, _ in matching:
        if statement.body["Effect"] == "Deny":
            return Decision(
                allowed=False, reason=f"denied by {statement}", explicit_deny=True, policy_kind=statement.kind
            )
    granted: dict[PolicyKind, tuple[_Statement, _Reach]] = {}
    for statement, reach in matching:
        best = granted.get(statement.kind)
        if best is None or reach.value > best[1].value:
            granted[statement.kind] = (statement, reach)
    return _combine(request, granted, resource_policy_rules=resource_policy_rules)


def _combine(
    request: Request, granted: Mapping[PolicyKind, tuple[_Statement, _Reach]], *, resource_policy_rules: bool
) -> Decision:
    resource, identity = granted.get("resource-based"), granted.get("identity-based")
    named = resource is not None and resource[1] is _Reach.DIRECTLY
    both_needed = request.is_cross_account or (resource_policy_rules and not named)
    if both_needed or request.principal.is_service:
        if resource is None:
            return _implicit_deny(request, "resource-based")
        if identity is None and both_needed:
            return _implicit_deny(request, "identity-based")
    if resource is not None and named:
        return Decision(allowed=True, reason=f"allowed by {resource[0]}", policy_kind="resource-based")
    if identity is not None:
        return Decision(allowed=True, reason=f"allowed by {identity[0]}")
    return _implicit_deny(request, "identity-based")


def _implicit_deny(request: Request, kind: PolicyKind) -> Decision:
    reason = f"no {kind} policy allows {request.action} on {request.resource}"
    return Decision(allowed=False, reason=reason, policy_kind=kind)


def _statements(identity_policies: Mapping[str, Json], resource_policy: Json | None) -> Iterator[_Statement]:
    for name, document in identity_policies.items():
        yield from _statements_of(document, f"identity-based policy {name!r}", "identity-based")
    if resource_policy is not None:
        yield from _statements_of(resource_policy, "the resource-based policy", "resource-based")


def _statements_of(document: Json, policy: str, kind: PolicyKind) -> Iterator[_Statement]:
    _refuse_unknown(document, _DOCUMENT_ELEMENTS, policy)
    if document.get("Version") != "2012-10-17" and "${" in str(document):
        raise UnsupportedPolicyError(f"{policy} uses variables, which need Version 2012-10-17.")
    for index, body in enumerate(_as_list(document.get("Statement", []))):
        statement = _Statement(body, policy, kind, index)
        _refuse_unknown(body, _STATEMENT_ELEMENTS, str(statement))
        if body.get("Effect") not in {"Allow", "Deny"}:
            raise UnsupportedPolicyError(f"Effect is Allow or Deny; {statement} has {body.get('Effect')!r}.")
        if (kind == "resource-based") != bool({"Principal", "NotPrincipal"} & body.keys()):
            raise UnsupportedPolicyError(f"A resource's policy names principals, an identity's none: see {statement}.")
        yield statement


def _reach(statement: _Statement, request: Request, context: Context) -> _Reach:
    reach = _principal_reach(statement, request.principal)
    applies = (
        reach is not _Reach.NOT
        and _action_applies(statement, request.action)
        and _resource_applies(statement, request.resource, context)
        and holds(statement.body.get("Condition", {}), context)
    )
    return reach if applies else _Reach.NOT


def _action_applies(statement: _Statement, action: str) -> bool:
    patterns = _one_of(statement, "Action", "NotAction")
    for pattern in patterns:
        if pattern != "*" and ":" not in pattern:
            raise UnsupportedPolicyError(f"An action is 'service:Action' or '*'; {statement} has {pattern!r}.")
    named = any(matches(action, pattern, {}, ignore_case=True) for pattern in patterns)
    return named != ("NotAction" in statement.body)


def _resource_applies(statement: _Statement, resource: str, context: Context) -> bool:
    if statement.kind == "resource-based" and not {"Resource", "NotResource"} & statement.body.keys():
        return True
    patterns = _one_of(statement, "Resource", "NotResource")
    named = any(matches(resource, pattern, context) for pattern in patterns)
    return named != ("NotResource" in statement.body)


def _principal_reach(statement: _Statement, principal: Principal) -> _Reach:
    if statement.kind == "identity-based":
        return _Reach.DIRECTLY
    if "NotPrincipal" in statement.body:
        if statement.body["Effect"] == "Allow" or "Principal" in statement.body:
            raise UnsupportedPolicyError(f"NotPrincipal is understood in a Deny alone, without Principal: {statement}.")
        spared = _principals(statement, "NotPrincipal")
        identities = {principal.arn, principal.session_arn, _root(principal)} - {""}
        return _Reach.NOT if identities <= spared or "*" in spared else _Reach.DIRECTLY
    named = _principals(statement, "Principal")
    if named & {"*", principal.arn, principal.session_arn}:
        return _Reach.DIRECTLY
    return _Reach.THROUGH_ACCOUNT if _root(principal) in named else _Reach.NOT


def _principals(statement: _Statement, element: str) -> set[str]:
    value = statement.body[element]
    if isinstance(value, str):
        value = {"AWS": value}
    _refuse_unknown(value, _PRINCIPAL_KINDS, f"{element} of {statement}")
    named = {text for kind in ("AWS", "Service") for text in _as_list(value.get(kind, []))}
    for text in named:
        if "*" in text and text != "*":
            raise UnsupportedPolicyError(
                f"A principal is whole or '*'; {statement} has {text!r}: use aws:PrincipalArn."
            )
    return {f"arn:aws:iam::{text}:root" if text.isdecimal() else text for text in named}


def _root(principal: Principal) -> str:
    return f"arn:aws:iam::{principal.account}:root" if principal.account else ""


def _one_of(statement: _Statement, element: str, negated: str) -> list[str]:
    if (element in statement.body) == (negated in statement.body):
        raise UnsupportedPolicyError(f"A statement has either {element} or {negated}: see {statement}.")
    return _as_list(statement.body.get(element, statement.body.get(negated)))


def _refuse_unknown(body: Json, known: set[str], where: str) -> None:
    if unknown := set(body) - known:
        raise UnsupportedPolicyError(f"{where} has elements that are not understood: {', '.join(sorted(unknown))}.")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
