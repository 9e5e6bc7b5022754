"""Puts tables into a document, each between two comments that carry its name."""

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path

from bench.engine.figures import Table


def write(document: Path, tables: Sequence[Table], machine: str | None = None) -> None:
    """Replace what stands between ``<!-- bench:KEY -->`` and ``<!-- /bench:KEY -->`` for every table, and for ``machine``.

    Args:
        document: in Markdown.
        tables: with the keys of their places.
        machine: what they were measured on; None leaves that place alone.

    Raises:
        ValueError: the document has no place for one of them.
    """
    text = document.read_text(encoding="utf-8")
    if machine is not None:
        day = dt.datetime.now(tz=dt.UTC).date()
        text = replaced(text, "machine", f"Measured on {day:%Y-%m-%d}: {machine}.")
    for table in tables:
        text = replaced(text, table.key, table.markdown())
    document.write_text(text, encoding="utf-8")


def replaced(text: str, key: str, content: str) -> str:
    """``text`` with new content in the place named ``key``.

    Raises:
        ValueError: there is no such place.
    """
    begin, end = f"<!-- bench:{key} -->", f"<!-- /bench:{key} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"the document has no place for {key!r}: {begin} … {end}")
    return pattern.sub(lambda _: f"{begin}\n{content}\n{end}", text)
