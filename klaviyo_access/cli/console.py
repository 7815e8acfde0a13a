"""What reaches the user: results on standard output, everything else on standard error.

No emoji: rich would make one of ``:secret:`` in every ARN.
"""

import json
import sys
from typing import Any

from rich.console import Console
from rich.text import Text


def results() -> Console:
    """The console of standard output, for a command's result."""
    return Console(highlight=False, emoji=False)


def messages() -> Console:
    """The console of standard error, for progress and notes."""
    return Console(stderr=True, highlight=False, emoji=False)


def note(message: str) -> None:
    """Tell the user something that is no result."""
    messages().print(Text(message), soft_wrap=True)


def print_json(document: Any) -> None:
    """Print ``document`` as the command's whole standard output."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    sys.stdout.flush()
