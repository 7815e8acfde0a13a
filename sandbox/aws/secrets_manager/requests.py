"""What several operations read from a request in the same way: a value, a token, a page."""

import base64
import binascii
from collections.abc import Sequence
from typing import Final, TypeVar

from sandbox.aws.calls import AwsError, Call, Json
from sandbox.aws.secrets_manager.state import Value

DEFAULT_PAGE: Final = 100

Item = TypeVar("Item")


def value_of(call: Call) -> Value | None:
    """The value that a call brings, if it brings one.

    Raises:
        AwsError: InvalidParameterException, it brings two.
    """
    text, binary = call.parameters.get("SecretString"), call.parameters.get("SecretBinary")
    if text is not None and binary is not None:
        raise AwsError("InvalidParameterException", "You can't specify both SecretString and SecretBinary.")
    return None if text is None and binary is None else Value(text=text, binary=binary)


def token_of(call: Call) -> str:
    """The token that becomes the id of a new version; SDKs always send one.

    Raises:
        AwsError: InvalidRequestException, there is none.
    """
    token = call.parameters.get("ClientRequestToken")
    if token is None:
        raise AwsError(
            "InvalidRequestException", "You must provide a ClientRequestToken value. We recommend a UUID-type value."
        )
    return str(token)


def page_of(call: Call, items: Sequence[Item], *, default: int = DEFAULT_PAGE) -> tuple[Sequence[Item], Json]:
    """The items of the page that a call asks for, and the ``NextToken`` to answer with, if more remain.

    Raises:
        AwsError: InvalidNextTokenException, the token is none of ours.
    """
    start = _offset(call.parameters["NextToken"]) if "NextToken" in call.parameters else 0
    end = start + call.parameters.get("MaxResults", default)
    more = {"NextToken": base64.b64encode(f"offset:{end}".encode()).decode()} if end < len(items) else {}
    return items[start:end], more


def refuse(call: Call, *names: str) -> None:
    """Refuse by name the parameters that this Secrets Manager does not serve.

    Raises:
        AwsError: UnsupportedOperationException, one of them is given.
    """
    if given := [name for name in names if name in call.parameters]:
        raise unsupported(f"{call.operation} with {', '.join(given)}")


def unsupported(what: str) -> AwsError:
    """What the sandbox does not do, said rather than swallowed."""
    return AwsError(
        "UnsupportedOperationException",
        f"The sandbox's Secrets Manager does not do {what}: it has no managed external secrets and makes no "
        f"passwords. Use an account at AWS for that.",
        status=501,
    )


def _offset(token: str) -> int:
    try:
        kind, _, offset = base64.b64decode(token, validate=True).decode().partition(":")
        if kind == "offset":
            return int(offset)
    except (binascii.Error, ValueError):
        pass
    raise AwsError("InvalidNextTokenException", "The NextToken value is invalid.")
