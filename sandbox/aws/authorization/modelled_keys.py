"""The condition keys of KMS and Lambda that the sandbox sets; to leave another one absent would be to lie about it."""

from collections.abc import Iterable, Iterator
from typing import Any

from sandbox.aws.calls import AwsError, Json

_MODELLED: dict[str, tuple[str, ...]] = {
    "kms": (
        "aws:resourcetag/",
        "kms:bypasspolicylockoutsafetycheck",
        "kms:calleraccount",
        "kms:encryptioncontext:",
        "kms:encryptioncontextkeys",
        "kms:grantconstrainttype",
        "kms:granteeprincipal",
        "kms:grantisforawsresource",
        "kms:grantoperations",
        "kms:requestalias",
        "kms:retiringprincipal",
        "kms:viaservice",
    ),
    "lambda": (),
}
"""By service, in lower case; the tags of functions are not among them."""


def refuse_unmodelled_keys(action: str, policies: Iterable[Json]) -> None:
    """Refuse to decide where a policy asks for a key that AWS sets and the sandbox does not.

    Raises:
        AwsError: such a key is in a statement that names actions of the action's service.
    """
    service = action.partition(":")[0]
    if service not in _MODELLED:
        return
    for key in _condition_keys(policies, service):
        own = key.lower().startswith((f"{service}:", "aws:resourcetag/"))
        if own and not key.lower().startswith(_MODELLED[service]):
            message = f"The sandbox cannot decide {action}: it does not set {key}, which a policy asks for."
            raise AwsError("NotImplemented", message, status=501)


def _condition_keys(policies: Iterable[Json], service: str) -> Iterator[str]:
    for policy in policies:
        for statement in _as_list(policy.get("Statement", [])):
            actions = _as_list(statement.get("Action", "*"))
            if any(action == "*" or action.startswith(f"{service}:") for action in actions):
                for keys in statement.get("Condition", {}).values():
                    yield from keys


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
