"""Whether chains are whole: what was removed, changed, reordered or cut off, line by line and against their anchors."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from klaviyo_access.audit.chain import NO_PREVIOUS, Anchor, Link, parse_anchor, parse_link
from klaviyo_access.audit.writer import LOST_ACTION

_OURS: Final = '{"entry":{'


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: ``unreadable``, ``changed``, ``removed``, ``reordered``, ``forged`` or ``cut off``.
        stream: the chain; empty where the line does not say.
        line: the line's number in what was read, from 1; 0 where it is about a line that is not there.
        detail: a sentence.
    """

    kind: str
    stream: str
    line: int
    detail: str


@dataclass(frozen=True, kw_only=True)
class StreamReport:
    """What one chain holds.

    Attributes:
        stream: its name.
        entries: how many entries it has.
        anchored: how many of them an anchor stands behind.
        closed: whether an anchor says that nothing comes after the last.
        repeated: lines that were there again, unchanged: each is delivered at least once.
        lost: entries that the service itself says it could not keep.
        suspicious: entries that meet a suspicion.
    """

    stream: str
    entries: int
    anchored: int
    closed: bool
    repeated: int
    lost: int
    suspicious: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """Every chain, and everything that is wrong."""

    streams: tuple[StreamReport, ...]
    findings: tuple[Finding, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def split_lines(data: bytes) -> list[str]:
    """The lines of a file; a last one without its end keeps it from being read as one."""
    lines = data.decode("ascii", errors="replace").split("\n")
    return lines[:-1] if not lines[-1] else [*lines[:-1], f"{lines[-1]} (without a line's end)"]


def verify(
    lines: Iterable[str], anchors: Iterable[str] = (), *, is_mixed: bool = False, is_sorted: bool = True
) -> Report:
    """Hold chains against themselves and against their anchors.

    Args:
        lines: the chains' lines, without their ends; several chains may be mixed.
        anchors: the anchors' lines. Without them a cut-off end, and a chain rewritten whole, cannot be seen.
        is_mixed: whether other lines stand between those of chains; what does not start like a chain's is passed over.
        is_sorted: whether the order of the lines means something; a log group's does not.
    """
    findings: list[Finding] = []
    chains: dict[str, _Chain] = {}
    links = list(_links(lines, findings, is_mixed=is_mixed))
    for number, link in links if is_sorted else sorted(links, key=lambda numbered: numbered[1].sequence):
        chains.setdefault(link.stream, _Chain(link.stream, findings)).read(number, link)
    for stream, stated in _by_stream(anchors, findings).items():
        chains.setdefault(stream, _Chain(stream, findings)).compare(stated)
    reports = tuple(chains[stream].report() for stream in sorted(chains))
    return Report(streams=reports, findings=tuple(findings))


def _links(lines: Iterable[str], findings: list[Finding], *, is_mixed: bool) -> Iterator[tuple[int, Link]]:
    for number, line in enumerate(lines, start=1):
        link = parse_link(line)
        if link is not None:
            yield number, link
        elif line.startswith(_OURS) or not is_mixed:
            findings.append(
                Finding(kind="unreadable", stream="", line=number, detail="This is no line that an audit log writes.")
            )


def _by_stream(lines: Iterable[str], findings: list[Finding]) -> dict[str, list[Anchor]]:
    streams: dict[str, list[Anchor]] = {}
    for number, line in enumerate(lines, start=1):
        anchor = parse_anchor(line)
        if anchor is None:
            detail = "This is no anchor that an audit log writes (line of the anchors)."
            findings.append(Finding(kind="unreadable", stream="", line=number, detail=detail))
        else:
            streams.setdefault(anchor.stream, []).append(anchor)
    return streams


@dataclass
class _Chain:
    """One chain, read line by line."""

    stream: str
    findings: list[Finding]
    hashes: dict[int, str] = field(default_factory=dict)
    following: int = 0
    head: str = NO_PREVIOUS
    repeated: int = 0
    lost: int = 0
    suspicious: int = 0
    anchored: int = 0
    closed: bool = False

    def read(self, number: int, link: Link) -> None:
        """Hold the next line against what came before."""
        if link.true_hash != link.hash:
            self._find("changed", number, f"Entry {link.sequence} does not fit its own hash.")
        if link.sequence < self.following:
            self._read_again(number, link)
            return
        if link.sequence > self.following:
            self._find("removed", number, f"{_entries(self.following, link.sequence - 1)} missing before this line.")
        elif link.previous != self.head:
            before = f"entry {link.sequence - 1}" if link.sequence else "the beginning of a chain"
            self._find("changed", number, f"Entry {link.sequence} does not follow {before} as it stands here.")
        self.hashes[link.sequence] = self.head = link.hash
        self.following = link.sequence + 1
        self.suspicious += bool(link.suspicious)
        match link.entry:
            case {"action": action, "metadata": {"count": int(count)}} if action == LOST_ACTION:
                self.lost += count
            case _:
                pass

    def _read_again(self, number: int, link: Link) -> None:
        if self.hashes.get(link.sequence) == link.hash:
            self.repeated += 1
        elif link.sequence in self.hashes:
            self._find("forged", number, f"There is another entry {link.sequence}, with other content.")
        else:
            self._find("reordered", number, f"Entry {link.sequence} comes after entry {self.following - 1}.")

    def compare(self, anchors: Sequence[Anchor]) -> None:
        """Hold what was read against the chain's anchors."""
        newest = max(anchors, key=lambda anchor: anchor.sequence)
        self.anchored, self.closed = newest.sequence + 1, any(anchor.closed for anchor in anchors)
        if newest.sequence >= self.following:
            missing = _entries(self.following, newest.sequence)
            self._find("cut off", 0, f"{missing} missing at the end: an anchor stands at entry {newest.sequence}.")
        for anchor in anchors:
            there = self.hashes.get(anchor.sequence)
            if there is not None and there != anchor.hash:
                self._find("changed", 0, f"Entry {anchor.sequence} is another one than its anchor says.")
            if anchor.closed and self.following > anchor.sequence + 1:
                self._find("forged", 0, f"The chain ended with entry {anchor.sequence}, and more entries follow.")

    def report(self) -> StreamReport:
        return StreamReport(
            stream=self.stream,
            entries=len(self.hashes),
            anchored=self.anchored,
            closed=self.closed,
            repeated=self.repeated,
            lost=self.lost,
            suspicious=self.suspicious,
        )

    def _find(self, kind: str, line: int, detail: str) -> None:
        self.findings.append(Finding(kind=kind, stream=self.stream, line=line, detail=detail))


def _entries(first: int, last: int) -> str:
    return f"Entry {first} is" if first == last else f"Entries {first} to {last} are"
