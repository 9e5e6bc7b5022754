"""Prints what commands found: JSON for programs, columns for people."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import orjson


def print_json(document: Any) -> None:
    """Indented JSON."""
    print(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode())


def print_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns as wide as their longest cell; the last one is not padded."""
    cells = [tuple(head), *(tuple("" if cell is None else str(cell) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def quiet_log() -> None:
    """Keep the log of what a command uses out of its output: errors alone, on standard error."""
    from agentd import log
    from agentd.config import LogSettings

    log.configure(LogSettings(level="error"), stream=sys.stderr)
