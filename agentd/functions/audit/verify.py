"""Reads the audit back: who wrote what, and whether it is what was written."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from agentd.functions.audit import chain
from agentd.functions.audit.chain import GENESIS, Head
from agentd.functions.audit.file import FILE, OLDER

SHOWN: Final = 20
"""Faults that are told; the others are counted."""
LINE_BYTES: Final = 1_048_576
"""A longer line is none of ours."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at a line of a file."""

    file: Path
    line: int
    detail: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.detail}"


@dataclass(slots=True)
class Report:
    """What was found.

    Attributes:
        faults: the first ``SHOWN``.
        fault_count: all of them.
        counts: lines by kind.
        began, ended: times of the first and the last line.
        unfinished: calls that were begun and have no outcome.
        crashes: starts that no stop came before.
        incomplete: the last line has no end yet: it is being written, or the daemon died while it was.
        sealed: whether the store remembers a line; without it, lines cut off at the end are not noticed.
    """

    lines: int = 0
    head: Head = field(default_factory=Head)
    began: str | None = None
    ended: str | None = None
    counts: Counter[str] = field(default_factory=Counter)
    unfinished: int = 0
    crashes: int = 0
    incomplete: bool = False
    sealed: bool = False
    faults: list[Fault] = field(default_factory=list)
    fault_count: int = 0

    @property
    def ok(self) -> bool:
        """Whether it is what was written."""
        return self.fault_count == 0


def files(state_dir: Path) -> list[Path]:
    """The files of the chain that are there, oldest first."""
    return [path for path in (state_dir / OLDER, state_dir / FILE) if path.exists()]


def lines(path: Path) -> Iterator[bytes]:
    """The lines of a file as they stand there, in bounded pieces."""
    with path.open("rb") as file:
        while line := file.readline(LINE_BYTES):
            yield line


def verify(paths: Sequence[Path], seal: Head | None, *, expected: Head | None = None) -> Report:
    """Read the files of a chain from its oldest line on.

    Args:
        paths: oldest first.
        seal: the line that the store remembers, read before the files; there may be more by now.
        expected: a line that somebody noted elsewhere.

    Raises:
        OSError: a file cannot be read.
    """
    check = _Check(seal, expected)
    for path in paths:
        for number, line in enumerate(lines(path), 1):
            check.line(path, number, line)
    check.end()
    return check.report


class _Check:
    def __init__(self, seal: Head | None, expected: Head | None) -> None:
        self.report = Report(sealed=seal is not None)
        self._known = [head for head in (seal, expected) if head is not None and head.seq > 0]
        self._oldest: tuple[int, Path, int] | None = None  # number of the first line there is, and its place
        self._first = 1  # number of the one that ought to be
        self._at = (Path(FILE), 0)
        self._accepted = (Path(FILE), 0)
        self._seq = 0
        self._sha256: str | None = None  # None: what the next line carries cannot be told
        self._open: set[tuple[str, str]] = set()
        self._last_kind = ""

    def line(self, path: Path, number: int, line: bytes) -> None:
        report = self.report
        if report.incomplete:
            report.incomplete = False
            self._fault("no line of the audit")  # it was not the last one
        self._at = (path, number)
        told = chain.read(line)
        if told is None:
            if not line.endswith(b"\n") and len(line) < LINE_BYTES:
                report.incomplete = True
            else:
                self._fault("no line of the audit")
            self._sha256 = None
            self._seq += 1
            return
        if report.lines == 0:
            self._begins(told)
        elif not self._follows(told):
            return
        self._seq, self._sha256, self._accepted = told["seq"], chain.digest(line), self._at
        if type(told.get("first")) is int:
            self._first = told["first"]
        report.head = Head(self._seq, self._sha256)
        report.lines += 1
        self._count(told)
        for known in self._known:
            if known.seq == self._seq and known.sha256 != self._sha256:
                self._fault(f"number {known.seq} is not the line that is remembered: it was changed, and all after it anew")

    def _begins(self, told: dict[str, Any]) -> None:
        self.report.began = told.get("time")
        self._oldest = told["seq"], *self._at
        if told["seq"] == 1 and told["prev"] != GENESIS:
            self._fault("the first line of all carries the hash of another one")

    def _follows(self, told: dict[str, Any]) -> bool:
        """Whether the line stands behind the one before, gaps included; a line that stands nowhere is passed over."""
        seq, due = told["seq"], self._seq + 1
        if seq < due:
            self._fault(f"number {seq} stands here a second time, or in a wrong place")
            return False
        if seq > due:
            self._fault(_missing(due, seq))
        elif self._sha256 is not None and told["prev"] != self._sha256:
            path, number = self._accepted
            self._fault(f"number {seq - 1} was changed: line {self._at[1]} carries another hash of it", path, number)
        return True

    def _count(self, told: dict[str, Any]) -> None:
        report, kind = self.report, told["kind"]
        report.counts[kind] += 1
        report.ended = told.get("time")
        call = (str(told.get("run_id")), str(told.get("call_id")))  # whoever edits a line may put anything there
        if kind == "intent":
            self._open.add(call)
        elif kind in ("result", "denied"):
            self._open.discard(call)
        elif kind == "start" and self._last_kind not in ("", "stop"):
            report.crashes += 1
        for trace, text in (("foreign", "somebody else wrote to the file or cut it"), ("changed", "the last line was changed")):
            if trace in told:
                self._fault(f"the daemon saw here that {text}")
        self._last_kind = kind

    def end(self) -> None:
        report = self.report
        report.unfinished = len(self._open)
        if self._oldest is not None and self._oldest[0] > self._first:
            seq, path, number = self._oldest
            self._fault(_missing(self._first, seq), path, number)
        for known in self._known:
            if known.seq > report.head.seq:
                cut = known.seq - report.head.seq
                self._fault(f"the last {'line is' if cut == 1 else f'{cut} lines are'} missing, up to number {known.seq}")

    def _fault(self, detail: str, path: Path | None = None, number: int | None = None) -> None:
        self.report.fault_count += 1
        if len(self.report.faults) < SHOWN:
            at, line = self._at
            self.report.faults.append(Fault(path or at, line if number is None else number, detail))


def _missing(due: int, seq: int) -> str:
    """That a line stands where an earlier one ought to."""
    return f"number {due} is missing" if seq == due + 1 else f"numbers {due} to {seq - 1} are missing"


def entries(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """What the lines say, oldest first; what is no line is passed over."""
    for line in itertools.chain.from_iterable(map(lines, paths)):
        told = chain.read(line)
        if told is not None:
            yield told
