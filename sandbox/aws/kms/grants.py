"""KMS grants: whom they allow what, beside the policies of keys and of callers.

ministack stores grants, evaluates none and shows no grant's tokens, so this module reads them inside it: its version is
pinned, and a test holds what is relied on.

Source of the rules: KMS developer guide, "Grants in AWS KMS", and botocore's model of CreateGrant and RetireGrant.
"""

from collections.abc import Mapping
from typing import Final

from ministack.core.responses import request_scope  # type: ignore[import-untyped]  # ministack has no types
from ministack.services import kms  # type: ignore[import-untyped]  # the same

from sandbox.aws.calls import Call, Caller, Json

_CONTEXT_PREFIX: Final = "kms:EncryptionContext:"
_WITHOUT_CONTEXT: Final = {"CreateGrant", "DescribeKey", "RetireGrant"}
"""Operations that no constraint on the encryption context touches."""


def allowed_by_grant(call: Call, *, action: str, key_arn: str, context: Mapping[str, str | list[str]]) -> bool:
    """Whether a grant on the key lets the caller do ``action``; a Deny in a policy counts for more.

    Args:
        call: who asks, and with what parameters.
        action: ``kms:Decrypt`` and the like.
        key_arn: the key.
        context: the condition keys of the request to KMS.
    """
    operation = action.removeprefix("kms:")
    if operation == "RetireGrant":
        grant = named_grant(call)
        return grant is not None and grant["KeyId"] == key_arn and _may_retire(grant, call.caller)
    return any(
        operation in grant["Operations"]
        and _is(grant["GranteePrincipal"], call.caller)
        and (operation in _WITHOUT_CONTEXT or _context_fits(grant, context))
        and (operation != "CreateGrant" or _is_narrower(call.parameters, grant))
        for grant in _grants(key_arn.split(":")[3], key_arn.split(":")[4])
        if grant["KeyId"] == key_arn
    )


def named_grant(call: Call) -> Json | None:
    """The grant that RetireGrant names, by its token or by its id; None where there is none."""
    token, grant_id = call.parameters.get("GrantToken"), call.parameters.get("GrantId")
    for grant in _grants(call.region, call.caller.account):
        if token in grant["_tokens"] or (token is None and grant["GrantId"] == grant_id):
            return grant
    return None


def _grants(region: str, account: str) -> list[Json]:
    with request_scope(account, region):
        return list(kms._grants.values())  # noqa: SLF001 - see the module's docstring


def _is(named: str, caller: Caller) -> bool:
    return named in {caller.principal_arn, caller.arn, f"arn:aws:iam::{caller.account}:root", caller.account}


def _may_retire(grant: Json, caller: Caller) -> bool:
    if grant["RetiringPrincipal"] and _is(grant["RetiringPrincipal"], caller):
        return True
    return "RetireGrant" in grant["Operations"] and _is(grant["GranteePrincipal"], caller)


def _context_fits(grant: Json, context: Mapping[str, str | list[str]]) -> bool:
    constraints = grant["Constraints"] or {}
    given = {
        name.removeprefix(_CONTEXT_PREFIX): value for name, value in context.items() if name.startswith(_CONTEXT_PREFIX)
    }
    subset = constraints.get("EncryptionContextSubset", {})
    return (
        subset.items() <= given.items()
        and constraints.get("EncryptionContextEquals", given) == given
        and constraints.get("SourceArn", context.get("aws:SourceArn")) == context.get("aws:SourceArn")
    )


def _is_narrower(child: Json, parent: Json) -> bool:
    """Whether a grantee may create ``child``: it allows no more than his own grant, under constraints as strict."""
    wanted, given = parent["Constraints"] or {}, child.get("Constraints") or {}
    exact = given.get("EncryptionContextEquals")
    subset = wanted.get("EncryptionContextSubset", {})
    return (
        set(child["Operations"]) <= set(parent["Operations"])
        and wanted.get("EncryptionContextEquals", exact) == exact
        and subset.items() <= (exact or given.get("EncryptionContextSubset", {})).items()
        and wanted.get("SourceArn", given.get("SourceArn")) == given.get("SourceArn")
    )
