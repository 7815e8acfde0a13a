"""Questions to whoever sits at the terminal; no answer, or Ctrl-D, ends the command before it does anything."""

import sys
from getpass import getpass

from klaviyo_access.cli.errors import UsageError


def ask(question: str) -> str:
    """One line as it is typed.

    Raises:
        UsageError: nothing was given.
    """
    sys.stderr.write(f"{question}: ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        sys.stderr.write("\n")  # Ctrl-D leaves the cursor behind the question
    return _given(line, question)


def ask_hidden(question: str) -> str:
    """One line that is not shown while it is typed.

    Raises:
        UsageError: nothing was given.
    """
    try:
        line = getpass(f"{question} (not shown): ", stream=sys.stderr)
    except EOFError:
        sys.stderr.write("\n")
        line = ""
    return _given(line, question)


def _given(line: str, question: str) -> str:
    if answer := line.strip():
        return answer
    raise UsageError(
        f"The command goes on with an answer to '{question}' only; none was given. Nothing was changed.",
        cure="Run it again and answer, or give the answer on standard input.",
    )
