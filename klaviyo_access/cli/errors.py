"""Every error's message and exit code, in one place.

CommandError                a check failed: exit 1
├── UsageError              wrong usage: exit 2
├── UnreachableError        AWS or Klaviyo could not be reached: exit 3
└── StoppedError            Ctrl-C in a command that changes things: exit 130
"""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

from botocore import exceptions as aws

from klaviyo_access.access_model import AccessModelError
from klaviyo_access.access_model.environment import EnvironmentSettingsError
from klaviyo_access.endpoint import is_loopback
from klaviyo_access.keys.secret import KEY_PATTERN, MalformedKeyError


class ExitCode(IntEnum):
    """What the exit status says."""

    FINE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    INTERRUPTED = 130


class CommandError(Exception):
    """A command cannot do what was asked.

    Args:
        cause: the rule, the value received (never a secret) and why.
        cure: what to do instead.
        exit_code: where it is another one than the class's own.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, cause: str, *, cure: str, exit_code: ExitCode | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.cure = cure
        self.exit_code = exit_code or self.exit_code


class UsageError(CommandError):
    """The command was asked for something that it cannot mean."""

    exit_code = ExitCode.USAGE


class UnreachableError(CommandError):
    """AWS or Klaviyo did not answer."""

    exit_code = ExitCode.UNREACHABLE


class StoppedError(CommandError):
    """The user stopped a command that may have changed something; the cause says what."""

    exit_code = ExitCode.INTERRUPTED


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """An error as the user sees it."""

    cause: str
    cure: str
    exit_code: ExitCode

    def __str__(self) -> str:
        return KEY_PATTERN.sub("pk_…", f"error: {self.cause}\n  fix: {self.cure}")


SIGN_IN: Final = "Sign in again (aws sso login, or however your credentials come), or name a profile by AWS_PROFILE."
START_SANDBOX: Final = (
    "Start the sandbox and use it in this shell: .venv/bin/python -m sandbox start; "
    'eval "$(.venv/bin/python -m sandbox env --as operator)"'
)

_CURES: Final[Mapping[type[Exception], tuple[str, ExitCode]]] = {
    AccessModelError: ("Mend access.yaml as said above.", ExitCode.FAILED),
    EnvironmentSettingsError: ("Mend the stack's settings as said above.", ExitCode.FAILED),
    UnicodeDecodeError: ("Give plain UTF-8 text on standard input.", ExitCode.USAGE),
    MalformedKeyError: ("Copy the key from Klaviyo's dashboard again.", ExitCode.USAGE),
}

_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_REFUSED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_BAD_CREDENTIALS: Final = frozenset(
    {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidSignatureException"}
)
_OF_DEPLOYERS: Final = frozenset({"RestoreSecret", "CancelKeyDeletion", "EnableKey"})
DEPLOYERS_CURE: Final = (
    "Secrets are restored by a deployer, one of the stack's setting klaviyo-access:deployers, with the policy that "
    "'klaviyo-access deployer-policy' writes. If you are one, write that policy again and have it attached."
)
_OPERATORS_CURE: Final = (
    "Keys are staged and rotated in the operators' role, which whoever is named by the stack's setting "
    "klaviyo-access:operators may assume ('klaviyo-access doctor' says who you are). If you have it already, "
    "the stack was not deployed to its end: let a deployer run 'pulumi up'."
)
_BUSY: Final = frozenset({"Throttling", "ThrottlingException", "TooManyRequestsException", "ServiceUnavailable"})


def is_refusal(error: aws.ClientError) -> bool:
    """Whether AWS refused for want of a permission."""
    return error.response.get("Error", {}).get("Code", "") in _REFUSED


def explain(error: Exception) -> Explanation:
    """What to tell the user about ``error``, whatever it is."""
    if isinstance(error, CommandError):
        return Explanation(cause=error.cause, cure=error.cure, exit_code=error.exit_code)
    if isinstance(error, aws.ClientError):
        return _explain_answer(error)
    if isinstance(error, aws.BotoCoreError):
        return _explain_no_answer(error)
    for kind, (cure, exit_code) in _CURES.items():
        if isinstance(error, kind):
            return Explanation(cause=str(error), cure=cure, exit_code=exit_code)
    return _explain_defect(error)


def _explain_answer(error: aws.ClientError) -> Explanation:
    details = error.response.get("Error", {})
    code, message = details.get("Code", "Unknown"), details.get("Message", "").rstrip(".")
    asked = f"AWS refused {error.operation_name}"
    if code in _EXPIRED:
        return Explanation(cause="Your AWS credentials have expired.", cure=SIGN_IN, exit_code=ExitCode.FAILED)
    if code in _BAD_CREDENTIALS:
        return Explanation(
            cause=f"AWS does not accept your credentials ({code}: {message}).",
            cure=f"{SIGN_IN} If they are fresh, set this machine's clock: a wrong one spoils signatures.",
            exit_code=ExitCode.FAILED,
        )
    if is_refusal(error):
        return Explanation(
            cause=f"{asked}: {message}.",
            cure=DEPLOYERS_CURE if error.operation_name in _OF_DEPLOYERS else _OPERATORS_CURE,
            exit_code=ExitCode.FAILED,
        )
    if code == "ResourceNotFoundException":
        return Explanation(
            cause=f"{asked}: {message}.",
            cure="Deploy the stack first ('pulumi up', or 'make up' for local), then try again.",
            exit_code=ExitCode.FAILED,
        )
    if code in _BUSY:
        return Explanation(
            cause=f"{asked} for now ({code}).", cure="Try again in a minute.", exit_code=ExitCode.UNREACHABLE
        )
    return Explanation(
        cause=f"{asked} ({code}): {message}.",
        cure="'klaviyo-access doctor' looks for the usual causes.",
        exit_code=ExitCode.FAILED,
    )


def _explain_no_answer(error: aws.BotoCoreError) -> Explanation:
    match error:
        case aws.NoCredentialsError() | aws.PartialCredentialsError():
            return Explanation(
                cause="No AWS credentials were found in the environment, the AWS profile or the machine's role.",
                cure=f'{SIGN_IN} For the stack local: eval "$(.venv/bin/python -m sandbox env --as operator)".',
                exit_code=ExitCode.FAILED,
            )
        case aws.ProfileNotFound():
            return Explanation(
                cause=f"{error}.",
                cure="Name an existing profile by AWS_PROFILE, or unset it.",
                exit_code=ExitCode.USAGE,
            )
        case aws.HTTPClientError() | aws.ConnectionError():
            return _explain_unreachable(error)
        case _ if _is_about_signing_in(error):
            return Explanation(
                cause=f"Your AWS credentials cannot be had: {error}.", cure=SIGN_IN, exit_code=ExitCode.FAILED
            )
        case _:
            return Explanation(
                cause=f"AWS's library refused the request: {error}.",
                cure="'klaviyo-access doctor' looks for the usual causes.",
                exit_code=ExitCode.FAILED,
            )


def _is_about_signing_in(error: aws.BotoCoreError) -> bool:
    return isinstance(error, (aws.CredentialRetrievalError, aws.SSOError, aws.TokenRetrievalError))


def _explain_unreachable(error: aws.BotoCoreError) -> Explanation:
    endpoint = str(error.kwargs.get("endpoint_url", "its endpoint"))
    if is_loopback(endpoint):
        return Explanation(
            cause=f"The sandbox does not run: nothing answers at {endpoint}.",
            cure=f"{START_SANDBOX} ('make up' does all of it).",
            exit_code=ExitCode.UNREACHABLE,
        )
    return Explanation(
        cause=f"AWS could not be reached at {endpoint} ({type(error).__name__}).",
        cure="Check the network, the proxy settings and the stack's region, then try again.",
        exit_code=ExitCode.UNREACHABLE,
    )


def _explain_defect(error: Exception) -> Explanation:
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    return Explanation(
        cause=f"This should not happen: {type(error).__name__} at {where}: {error}",
        cure="Report this line as a defect of klaviyo-access, with the command that you gave.",
        exit_code=ExitCode.FAILED,
    )
