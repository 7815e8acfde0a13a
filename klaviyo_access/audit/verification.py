"""Whether chains are whole: what was removed, changed, reordered or cut off, line by line and against their anchors."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from klaviyo_access.audit.chain import NO_PREVIOUS, Anchor, Link, parse_anchor, parse_link
from klaviyo_access.audit.delivery import ANCHORS, ENTRIES
from klaviyo_access.audit.writer import LOST_ACTION

_OURS: Final = '{"entry":{'
_LARGEST_COUNT: Final = 2**63


@dataclass(frozen=True, kw_only=True)
class StoredLine:
    """A line as a log group has it.

    Attributes:
        text: the line.
        log_stream: the log stream that it stands in, which says who wrote it: a service writes to its own alone.
        is_fresh: whether it came so lately that its anchor may still be on its way.
    """

    text: str
    log_stream: str
    is_fresh: bool


Line = str | StoredLine


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: ``unreadable``, ``changed``, ``removed``, ``reordered``, ``forged``, ``cut off`` or ``unanchored``.
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
    lines: Iterable[Line], anchors: Iterable[Line] | None = None, *, is_mixed: bool = False, is_sorted: bool = True
) -> Report:
    """Hold chains against themselves and against their anchors.

    Args:
        lines: the chains' lines, without their ends; several chains may be mixed.
        anchors: the anchors' lines. Without them a cut-off end, and a chain rewritten whole, cannot be seen; with them
            a chain that has none is found fault with.
        is_mixed: whether other lines stand between those of chains; what does not start like a chain's is passed over.
        is_sorted: whether the order of the lines means something; a log group's does not.
    """
    findings: list[Finding] = []
    chains: dict[str, _Chain] = {}
    stated = None if anchors is None else list(anchors)  # before the lines, which go on while both are read
    links = list(_links(lines, findings, is_mixed=is_mixed))
    for number, link, is_fresh in links if is_sorted else sorted(links, key=lambda found: found[1].sequence):
        chains.setdefault(link.stream, _Chain(link.stream, findings)).read(number, link, is_fresh=is_fresh)
    if stated is not None:
        for stream, its_own in _by_stream(stated, findings).items():
            chains.setdefault(stream, _Chain(stream, findings)).compare(its_own)
        for chain in chains.values():
            chain.ask_for_anchor()
    reports = tuple(chains[stream].report() for stream in sorted(chains))
    return Report(streams=reports, findings=tuple(findings))


def _links(lines: Iterable[Line], findings: list[Finding], *, is_mixed: bool) -> Iterator[tuple[int, Link, bool]]:
    for number, line in enumerate(lines, start=1):
        text = line if isinstance(line, str) else line.text
        link = parse_link(text)
        if link is None:
            if text.startswith(_OURS) or not is_mixed:
                detail = "This is no line that an audit log writes."
                findings.append(Finding(kind="unreadable", stream="", line=number, detail=detail))
        elif _is_in_its_place(ENTRIES, link, line, number, findings):
            yield number, link, not isinstance(line, str) and line.is_fresh


def _by_stream(lines: Iterable[Line], findings: list[Finding]) -> dict[str, list[Anchor]]:
    streams: dict[str, list[Anchor]] = {}
    for number, line in enumerate(lines, start=1):
        anchor = parse_anchor(line if isinstance(line, str) else line.text)
        if anchor is None:
            detail = "This is no anchor that an audit log writes (line of the anchors)."
            findings.append(Finding(kind="unreadable", stream="", line=number, detail=detail))
        elif _is_in_its_place(ANCHORS, anchor, line, number, findings):
            streams.setdefault(anchor.stream, []).append(anchor)
    return streams


def _is_in_its_place(kind: str, found: Link | Anchor, line: Line, number: int, findings: list[Finding]) -> bool:
    """Whether a line stands in the log stream of its own chain; elsewhere another service wrote it."""
    if isinstance(line, str) or line.log_stream == f"{kind}/{found.stream}":
        return True
    detail = f"It stands in the log stream {line.log_stream!r}, so whoever may write there wrote it ({kind})."
    findings.append(Finding(kind="forged", stream=found.stream, line=number, detail=detail))
    return False


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
    is_fresh: bool = True

    def read(self, number: int, link: Link, *, is_fresh: bool) -> None:
        """Hold the next line against what came before."""
        self.is_fresh = self.is_fresh and is_fresh
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
                self.lost += min(max(count, 0), _LARGEST_COUNT)
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

    def ask_for_anchor(self) -> None:
        """Find fault where no anchor is stated at all, though one was due."""
        if not self.anchored and not self.is_fresh:
            self._find("unanchored", 0, "No anchor was ever written for it: it may be cut off, or made up whole.")

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
