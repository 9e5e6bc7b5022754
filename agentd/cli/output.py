"""Prints what commands found: JSON for programs, columns for people."""

import logging
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import orjson

_JOINERS: Final = "\u200c\u200d"
"""Do not print, and stand within words and pictures of many languages."""


def plain(text: str) -> str:
    """The text with a sign in the place of what is none, one for one.

    Words of models, callers and web pages get here, and a terminal obeys control characters: it moves, writes to the clipboard.
    """
    return "".join(sign if sign.isprintable() or sign in _JOINERS else _shown(sign) for sign in text)


def _shown(sign: str) -> str:
    """Unicode's pictures of the first controls; for the others, what stands for the unknown."""
    return chr(0x2400 + ord(sign)) if sign < " " else "\u2421" if sign == "\x7f" else "\ufffd"


def print_text(text: str) -> None:
    """Words, as they are but for control characters; lines stay lines."""
    print("\n".join(plain(line) for line in text.splitlines()))


def print_json(document: Any) -> None:
    """Indented JSON."""
    print(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode())


def print_table(head: Sequence[str], rows: Iterable[Sequence[object]], *, folded: int = 1, brief: bool = False) -> None:
    """A table that fits the terminal; for a pipe, columns as wide as their longest cell, the last one not padded.

    Args:
        folded: so many columns at the end may take several lines on a narrow terminal; the others hold what one types.
        brief: the last of them is cut instead.
    """
    if sys.stdout.isatty():
        _print_rich(head, rows, folded=folded, brief=brief)
        return
    cells = [tuple(head), *(tuple("" if cell is None else plain(str(cell)) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_rich(head: Sequence[str], rows: Iterable[Sequence[object]], *, folded: int, brief: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for index, name in enumerate(head):
        table.add_column(name, no_wrap=index < len(head) - folded, overflow="fold")
    for row in rows:
        *typed, last = (Text("" if cell is None else plain(_local(str(cell))), overflow="fold") for cell in row)
        table.add_row(*typed, Text(last.plain, no_wrap=True, overflow="ellipsis") if brief else last)
    Console(highlight=False).print(table)


def _local(text: str) -> str:
    """A time of the API as the clock on the wall shows it; anything else as it is."""
    try:
        moment = datetime.fromisoformat(text) if text.endswith("Z") and "T" in text else None
    except ValueError:
        moment = None
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}" if moment is not None else text


def quiet_log() -> None:
    """Keep the log of what a command uses out of its output: errors alone, on standard error."""
    from agentd import log
    from agentd.config import LogSettings

    log.configure(LogSettings(level="error"), stream=sys.stderr)


def show_handlers() -> None:
    """Print on standard error what handlers print and log, tracebacks included: whoever makes a local call has written them."""
    from agentd import log
    from agentd.config import LogSettings

    class Shown(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            facts = record.msg if isinstance(record.msg, dict) else {}
            match facts.get("event"):
                case "function_output":
                    text, dropped = facts["text"], facts["dropped_bytes"]
                    text += f"\n({dropped} bytes more are not shown)" if dropped else ""
                case "function_log":
                    text = f"{record.levelname.lower()}: {facts['message']}"
                case "function_worker_gone":
                    text = str(facts["reason"])
                case _:
                    return
            print(log.mask(text), file=sys.stderr)

    log.configure(LogSettings(level="error"), stream=sys.stderr, words=True)
    handlers = logging.getLogger("agentd.functions")
    handlers.setLevel(logging.INFO)
    handlers.propagate = False
    handlers.addHandler(Shown())
