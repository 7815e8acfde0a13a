"""How a key comes in: at a hidden prompt, or on standard input. Never as an argument."""

import sys
from collections.abc import Callable, Iterable, Mapping
from getpass import getpass
from typing import Final

from klaviyo_access.access_model import RoleAccess
from klaviyo_access.cli.errors import CommandError, UsageError
from klaviyo_access.keys.secret import Key, MalformedKeyError

_BYTE_ORDER_MARK: Final = "\ufeff"
_QUOTES: Final = "\"'"


def read_lines(
    lines: Iterable[str], role: RoleAccess | None, roles: Mapping[str, RoleAccess]
) -> list[tuple[RoleAccess, Key]]:
    """Read keys from standard input: a key a line for ``role``, or ``ROLE KEY`` a line where it is None.

    Raises:
        UsageError: there is no key, or some lines are malformed; the message names them all and quotes none.
    """
    found: dict[Key, RoleAccess] = {}
    problems = []
    for number, line in enumerate(lines, start=1):
        if not (text := line.removeprefix(_BYTE_ORDER_MARK).strip()):
            continue
        try:
            owner, key = _read_line(text, role, roles)
        except ValueError as error:
            problems.append(f"line {number}: {error}")
            continue
        if key in found:
            problems.append(f"line {number}: Every key stands on one line; {key.fingerprint} is on two.")
        found[key] = owner
    if problems:
        raise UsageError(
            "Nothing was staged, since not every line could be read:\n  " + "\n  ".join(problems),
            cure=f"Give {_form(role)} on standard input.",
        )
    if not found:
        raise UsageError("Standard input held no key.", cure=f"Give {_form(role)}, or run this in a terminal.")
    return [(owner, key) for key, owner in found.items()]


def prompt_for_key(role: str, check: Callable[[Key], None]) -> Key | None:
    """Ask for a key of ``role`` without echo until one passes ``check``; None when the answer is empty."""
    while True:
        try:
            answer = (
                getpass(f"Key for {role} (not shown; Enter to skip): ", stream=sys.stderr)
                .removeprefix(_BYTE_ORDER_MARK)
                .strip()
            )
        except EOFError:
            return None
        if not answer:
            return None
        try:
            key = Key(_bare(answer))
            check(key)
        except MalformedKeyError as error:
            sys.stderr.write(f"Not staged: {error}\n")
        except CommandError as error:
            sys.stderr.write(f"Not staged: {error.cause} {error.cure}\n")
        else:
            return key


def _read_line(line: str, role: RoleAccess | None, roles: Mapping[str, RoleAccess]) -> tuple[RoleAccess, Key]:
    if role:
        return role, Key(_bare(line))
    name, value = [*line.split(maxsplit=1), ""][:2]
    if name not in roles:  # It may be a key, or a part of one: it is not quoted.
        raise ValueError(
            f"A line is a role's name, white space and its key; this one starts with none of {', '.join(roles)}."
        )
    return roles[name], Key(_bare(value))


def _bare(value: str) -> str:
    """A value without the quotes that spreadsheets and shells put around it."""
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in _QUOTES
    return value[1:-1].strip() if quoted else value


def _form(role: RoleAccess | None) -> str:
    return f"one key of {role.name} a line" if role else "'ROLE KEY' a line"
