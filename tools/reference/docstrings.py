"""Docstrings as this project writes them: a summary, paragraphs, and sections of names with their meaning."""

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_SECTION = re.compile(r"(Args|Attributes|Outputs|Raises|Returns):")
_ENTRY = re.compile(r" {4}(\w+): (.*)")


class DocumentationError(RuntimeError):
    """Something that the reference must show is not documented where it is defined."""


@dataclass(frozen=True, kw_only=True)
class Docstring:
    """A docstring's parts: its paragraphs, the summary first, and the entries of each section by name."""

    paragraphs: tuple[str, ...]
    sections: Mapping[str, Mapping[str, str]]

    @classmethod
    def parse(cls, text: str | None) -> "Docstring":
        """Read a docstring as it stands in the source."""
        prose: list[str] = []
        sections: dict[str, dict[str, str]] = {}
        entries: dict[str, str] | None = None
        for line in inspect.cleandoc(text or "").splitlines():
            if header := _SECTION.fullmatch(line):
                entries = sections.setdefault(header[1], {})
            elif entries is None:
                prose.append(line)
            elif entry := _ENTRY.fullmatch(line):
                entries[entry[1]] = entry[2]
            elif entries and line.strip():
                last = next(reversed(entries))
                entries[last] += f" {line.strip()}"
        paragraphs = "\n".join(prose).strip().split("\n\n")
        return cls(paragraphs=tuple(" ".join(each.split()) for each in paragraphs if each.strip()), sections=sections)

    def meanings(self, section: str, names: Iterable[str], *, of: str) -> Mapping[str, str]:
        """The entries of ``section``, in the order of ``names``.

        Raises:
            DocumentationError: the section lacks one of ``names``, or explains what is none of them.
        """
        entries, wanted = self.sections.get(section, {}), list(names)
        if missing := [name for name in wanted if name not in entries]:
            raise DocumentationError(f"{of}: '{section}:' of the docstring must explain {', '.join(missing)}.")
        if gone := sorted(set(entries) - set(wanted)):
            raise DocumentationError(f"{of}: '{section}:' explains {', '.join(gone)}, which does not exist.")
        return {name: entries[name] for name in wanted}
