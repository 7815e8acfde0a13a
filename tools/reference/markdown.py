"""What the generated pages are written with."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

WRITTEN_BY: Final = "Written by `python -m tools.generate`; do not edit."


def plain(text: str) -> str:
    """A docstring's text as Markdown."""
    return re.sub(r"``([^`]*)``", r"`\1`", text)


def code(text: object) -> str:
    """``text`` as code."""
    return f"`{text}`"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a pipe in a cell is escaped."""
    lines = [header, ["---"] * len(header), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |".replace("  ", " ") for line in lines)


def anchor(heading: str) -> str:
    """The link to a heading on its own page, as GitHub makes it."""
    return "#" + re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def page(*blocks: str) -> str:
    """The blocks, a blank line between them."""
    return "\n\n".join(blocks) + "\n"
