"""What a canary's answer says that somebody should know, as a pure function: the auditor tells it once a day, and the
rotator itself at once where it cannot wait."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from klaviyo_access.keys.labels import REFUSED
from rotation.auditor.findings import URGENT, Kind, Record, Said, metrics_line
from rotation.commands import command
from rotation.report import NO_KEY, UNMANAGED, Outcome
from rotation.runtime.log import write_line


def of_canary(role: str, answer: Mapping[str, Any]) -> Said | None:
    """What is wrong with a role's current key by a canary's answer; None where nothing is."""
    fingerprint, reason = answer.get("fingerprint"), str(answer.get("reason", ""))
    match answer["outcome"]:
        case Outcome.ROLLED_BACK:
            return rolled_back(role, reason, fingerprint)
        case Outcome.NO_ANSWER:
            message = f"Klaviyo gave no definite answer about the current key of {role}; nothing was changed."
            return Said(Kind.SILENT, message, fingerprint)
        case Outcome.NOTHING_TO_FALL_BACK_ON if "ends_with" in answer:
            return scopes_missing(role, _scopes_in(reason), fingerprint)
        case Outcome.NOTHING_TO_FALL_BACK_ON if reason == UNMANAGED:
            return _unmanaged(role)
        case Outcome.NOTHING_TO_FALL_BACK_ON if reason != NO_KEY:  # which the audit tells, and it can wait
            return _refused(role, reason, fingerprint)
    return None


def tell_at_once(environment: str, role: str, answer: Mapping[str, Any], at: datetime) -> None:
    """Write what cannot wait for the daily audit as a finding, and count it where the auditor's alarm looks."""
    said = of_canary(role, answer)
    if said and said.kind in URGENT:
        Record().find(said.kind, role, said.message, said.fingerprint)
        write_line(metrics_line(environment, at, {"UrgentFindings": 1}))


def rolled_back(role: str, reason: str, fingerprint: str | None) -> Said:
    """That a canary went back from a role's new key to the one before."""
    message = (
        f"Klaviyo refused the current key of {role} ({reason}), and the previous one is current again. Stage a good "
        f"key and rotate, {command(f'keys stage {role}')}."
    )
    return Said(Kind.ROLLED_BACK, message, fingerprint)


def scopes_missing(role: str, missing: Iterable[str], fingerprint: str | None) -> Said:
    """That a role's key lacks scopes, as every key does that was made before the role got them."""
    lacks = ", ".join(missing)
    message = f"Scope drift: the key of {role} lacks {lacks}. Stage keys with the role's scopes, and rotate."
    return Said(Kind.SCOPES_MISSING, message, fingerprint)


def _refused(role: str, reason: str, fingerprint: str | None) -> Said:
    """A rotation helps where Klaviyo knows the key no more; for another reason it could refuse the spares as well."""
    message = (
        f"Klaviyo refuses the current key of {role} ({reason}). If somebody disabled it by mistake, enable it in "
        f"Klaviyo's dashboard; else rotate to a good key at once, {command(f'keys stage {role}')} where there is no "
        "spare."
    )
    return Said(Kind.REFUSED, message, fingerprint, needs_rotation=reason.partition(";")[0] == REFUSED)


def _unmanaged(role: str) -> Said:
    """Klaviyo was not asked, so that it refuses nothing."""
    message = (
        f"The current value of {role} is not managed: it holds no key or several, or no label is free to name it. "
        f"{command(f'keys adopt {role}')} says which; where it adopts nothing, stage a key and rotate, "
        f"{command(f'keys stage {role}')}."
    )
    return Said(Kind.UNMANAGED, message)


def _scopes_in(reason: str) -> list[str]:
    """The scopes that a canary's reason names, as in ``missing:events:read; the previous key is no better``."""
    return reason.partition(";")[0].removeprefix("missing:").split(",")
