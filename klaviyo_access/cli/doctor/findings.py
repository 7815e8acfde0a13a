"""What a check is, and what it finds: all is well, or a cause and a cure, or it could not be made."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from botocore.exceptions import ClientError

from klaviyo_access.cli.errors import ExitCode, explain, is_refusal

Seen = TypeVar("Seen")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found.

    Attributes:
        check: the check's name.
        result: ``skipped`` where the check could not be made, ``warning`` where nothing is wrong but a guard missing.
        detail: what was found, or the cause, or why the check could not be made.
        cure: what to do; empty where all is well.
        on: what the cause is about, as in ``klaviyo/dev/viewer/key``; empty where it is about the whole set-up.
        exit_code: what this finding alone would make of the command.
    """

    check: str
    result: Literal["ok", "warning", "failed", "skipped"]
    detail: str
    cure: str = ""
    on: tuple[str, ...] = ()
    exit_code: ExitCode = ExitCode.FINE


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """One thing that is wrong.

    Attributes:
        on: what is wrong, by its name.
        cause: why that is wrong: what is, what should be, and what comes of it.
        cure: what to do, with a command that can be pasted.
    """

    on: str
    cause: str
    cure: str


@dataclass(frozen=True, kw_only=True)
class Check(Generic[Seen]):
    """One check.

    Attributes:
        name: as findings give it.
        fine: what is said where nothing is wrong.
        look: what is wrong with what there is to see.
    """

    name: str
    fine: str
    look: Callable[[Seen], Iterable[Trouble]]


def examine(check: Check[Seen], seen: Seen, *, cure_of_refusal: str) -> list[Finding]:
    """Make a check; troubles that have cause and cure in common are one finding.

    Args:
        check: the check.
        seen: what there is to see.
        cure_of_refusal: what to do where AWS does not let the caller see something.
    """
    try:
        troubles = list(check.look(seen))
    except ClientError as error:
        return [_refused(check.name, error, cure_of_refusal) if is_refusal(error) else met(check.name, error)]
    except Exception as error:  # noqa: BLE001 - whatever a check meets is what it found
        return [met(check.name, error)]
    if not troubles:
        return [Finding(check=check.name, result="ok", detail=check.fine)]
    common: dict[tuple[str, str], list[str]] = {}
    for trouble in troubles:
        common.setdefault((trouble.cause, trouble.cure), []).append(trouble.on)
    return [
        Finding(check=check.name, result="failed", detail=cause, cure=cure, on=tuple(on), exit_code=ExitCode.FAILED)
        for (cause, cure), on in common.items()
    ]


def met(name: str, error: Exception) -> Finding:
    """The finding of a check that met an error."""
    found = explain(error)
    return Finding(check=name, result="failed", detail=found.cause, cure=found.cure, exit_code=found.exit_code)


def skipped(name: str, why: str, *, cure: str = "") -> Finding:
    """The finding of a check that could not be made: nobody knows whether all is well, so it is no success."""
    return Finding(check=name, result="skipped", detail=why, cure=cure, exit_code=ExitCode.FAILED)


def _refused(name: str, error: ClientError, cure: str) -> Finding:
    message = error.response.get("Error", {}).get("Message", "").rstrip(".")
    return skipped(name, f"AWS refused {error.operation_name}: {message}", cure=cure)
