"""Numbers as they are reported: spreads, tables, and the facts of the machine they were taken on."""

import math
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

BUSY: Final = 0.3
"""Load per core before the start from which the machine is not idle."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, 95th percentile and extremes of some values; all of one unit."""

    count: int
    median: float
    p95: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread | None":
        """The spread of ``values``; None when there are none."""
        ordered = sorted(values)
        if not ordered:
            return None
        return cls(len(ordered), statistics.median(ordered), percentile(ordered, 0.95), ordered[0], ordered[-1])

    def cells(self) -> tuple[str, ...]:
        """Count, median, p95, least, most: for a table of milliseconds."""
        return (str(self.count), *(f"{value:.0f}" for value in (self.median, self.p95, self.least, self.most)))


def spread_cells(values: Iterable[float]) -> tuple[str, ...]:
    """``Spread.cells``, with dashes where there is nothing."""
    spread = Spread.of(values)
    return ("0", "-", "-", "-", "-") if spread is None else spread.cells()


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the ``ordered`` values that ``share`` of them do not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Rise per unit of the straight line nearest to ``points`` (least squares); 0.0 for fewer than two."""
    if len(points) < 2:
        return 0.0
    return statistics.linear_regression([x for x, _ in points], [y for _, y in points]).slope


@dataclass(frozen=True, slots=True)
class Table:
    """Results as a table in Markdown.

    Attributes:
        key: of the part that made it, as in ``--only``.
        title: its heading.
        header: of the columns.
        rows: cells.
        notes: sentences and lists below it.
    """

    key: str
    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """The table, columns in line, and its notes."""
        widths = [max(len(row[column]) for row in (self.header, *self.rows)) for column in range(len(self.header))]
        lines = [_line(row, widths) for row in (self.header, tuple("-" * width for width in widths), *self.rows)]
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)])


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def machine() -> tuple[str, bool]:
    """What this runs on, and whether it was idle before we came."""
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    facts = f"{cores} cores ({_processor()}), Python {platform.python_version()}, Linux {platform.release()}, load {load:.1f}"
    return facts, load <= BUSY * cores


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 - a device of the kernel's
        names = (line.partition(":")[2].strip() for line in file if line.startswith(("model name", "Model")))
        return next(names, platform.machine())
