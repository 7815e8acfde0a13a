"""Keys that the audit saw end, and that Klaviyo lists as active again: somebody enabled them in the dashboard.

Of another environment's keys in the same Klaviyo account the marks tell no more than of this one's own, so a key whose
mark says `ended` is told of alone; one whose mark says `leaked` is a danger wherever it is used.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rotation.auditor.findings import Kind, Said
from rotation.auditor.inventory import Entry
from rotation.auditor.marks import End
from rotation.auditor.sight import SeenRole


@dataclass(frozen=True, kw_only=True)
class Revived:
    """A key that came back.

    Attributes:
        entry: as Klaviyo lists it.
        fingerprint: by its mark.
        end: what its mark says of its end.
        live: the roles that use it.
    """

    entry: Entry
    fingerprint: str
    end: End
    live: Sequence[str]

    @property
    def is_to_end(self) -> bool:
        """Whether it is disabled again at once, if it is not in use."""
        return self.end is End.LEAKED

    def said(self) -> Said:
        """What is to be said of it."""
        what = f"The key {self.entry.name!r}, which ends in {self.entry.ends_with}, was ended by an audit"
        if self.live:
            roles = ", ".join(self.live)
            message = f"{what} since it leaked, and {roles} uses it now. Stage another key and rotate {roles}."
        elif self.end is End.LEAKED:
            message = (
                f"{what} since it leaked, and somebody enabled it again in Klaviyo's dashboard. It is disabled again: "
                "ask who did it and why."
            )
        else:
            message = (
                f"{what}, and somebody enabled it again in Klaviyo's dashboard. Disable it there, unless it is needed: "
                "then stage it for its role, or take the mark off its name."
            )
        return Said(Kind.REVIVED, message, self.fingerprint)


def returned(entries: Iterable[Entry]) -> tuple[tuple[Entry, str, End], ...]:
    """The active ones whose marks tell of their end, with fingerprint and end."""
    return tuple(
        (entry, fingerprint, end)
        for entry in entries
        if entry.is_active
        for fingerprint, end in entry.marks.items()
        if end
    )


def revived(found: Iterable[tuple[Entry, str, End]], every: Sequence[SeenRole]) -> Iterator[Revived]:
    """Which of these nobody is at already.

    Args:
        found: as `returned` gives them.
        every: every role; a key that was staged again is known to one, and ends as any other, unless it leaked.
    """
    for entry, fingerprint, end in found:
        live = [seen.role.name for seen in every if seen.is_live(fingerprint)]
        is_known = any(fingerprint in seen.key.known_fingerprints | seen.reserve.known_fingerprints for seen in every)
        is_spare = any(fingerprint == spare.fingerprint for seen in every for _, spare in seen.reserve.spares)
        if not is_known or (end is End.LEAKED and (live or is_spare)):
            yield Revived(entry=entry, fingerprint=fingerprint, end=end, live=live)
