import io
import sys
from collections.abc import Callable
from typing import Any

import pytest

from agentd.cli.output import print_table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


HEAD = ("NAME", "TIER", "PLACE", "DESCRIPTION")
ROWS = [("cancel_every_reminder", "medium", "reminders.py:110", "Cancel all reminders that are set, of all users of this house.")]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Print a table on a terminal of 80 columns, and look at its lines."""

    def printed(**how: Any) -> list[str]:
        terminal = Terminal()
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setenv("TERM", "dumb")
        monkeypatch.setattr(sys, "stdout", terminal)
        print_table(HEAD, ROWS, **how)
        return terminal.getvalue().splitlines()

    return printed


def test_what_one_types_is_whole_on_a_narrow_terminal(printed: Callable[..., list[str]]) -> None:
    _, first, second, *_ = printed()
    assert first.startswith("cancel_every_reminder  medium  reminders.py:110  Cancel all")
    assert second.strip()


def test_a_brief_table_has_a_line_for_each_row(printed: Callable[..., list[str]]) -> None:
    _, line = printed(brief=True)
    assert line.startswith("cancel_every_reminder  medium  reminders.py:110  Cancel all")
    assert line.rstrip().endswith("…")
    assert len(line.rstrip()) <= 80
