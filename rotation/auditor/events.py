"""What reaches the auditor is taken as hostile, too: an event is read here, or refused by a fixed text.

``{"action": "audit"}``, and optionally ``"roles"``: the names of those to look after. Whether a key is live is asked
of every role nevertheless.
"""

from collections.abc import Sequence

from rotation.auditor.settings import AuditedRole
from rotation.errors import EventRefusedError


def read_audit(event: object, roles: Sequence[AuditedRole]) -> tuple[AuditedRole, ...]:
    """The roles that an event asks to look after; all of them where it names none.

    Raises:
        EventRefusedError: another form, or a role that does not exist.
    """
    if not isinstance(event, dict) or event.get("action") != "audit" or event.keys() - {"action", "roles"}:
        raise EventRefusedError("An event for the auditor has the action audit, and at the most roles beside it.")
    named = event.get("roles")
    if named is None:
        return tuple(roles)
    if not isinstance(named, list) or not named or not all(isinstance(name, str) for name in named):
        raise EventRefusedError("The roles of an audit are a list of names; this one is another thing.")
    if set(named) - {role.name for role in roles}:
        raise EventRefusedError("The event names a role that the environment does not have.")
    return tuple(role for role in roles if role.name in named)
