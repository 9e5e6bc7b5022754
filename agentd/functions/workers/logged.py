"""What handlers write with ``ctx.log``, in the worker: lines for the daemon's log, and never too many."""

import asyncio
import logging
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TextIO

LEVELS: Final = ("debug", "info", "warning", "error", "critical")


class CallLogHandler(logging.Handler):
    """Sends the records of the running call to the daemon, from whichever thread they come.

    Args:
        send: sends a message; called on the loop.
        lines: of one call; more are counted.
        chars: of one line.
    """

    def __init__(self, send: Callable[[dict[str, Any]], object], *, lines: int, chars: int) -> None:
        super().__init__(logging.INFO)
        self._send = send
        self._lines = lines
        self._chars = chars
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._call_id = ""
        self._left = 0
        self.dropped = 0

    def begin(self, call_id: str) -> None:
        """A call starts: what comes now is its own."""
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._call_id, self._left, self.dropped = call_id, self._lines, 0

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record, or count it."""
        if self._left <= 0 or self._loop is None:
            self.dropped += 1
            return
        self._left -= 1
        try:
            text = record.getMessage()
            if record.exc_info:
                text = f"{text}\n{logging.Formatter().formatException(record.exc_info)}"
        except Exception as error:  # noqa: BLE001 - a wrong format is told, as the logging module does
            text = f"{record.msg!r:.200} cannot be written: {error!r}"
        level = record.levelname.lower()
        line = {
            "log": self._call_id,
            "level": level if level in LEVELS else "info",
            "text": text[: self._chars].encode("utf-8", "replace").decode(),
        }
        if threading.get_ident() == self._thread:
            self._send(line)  # before the end of the call, which may be told next
        else:
            self._loop.call_soon_threadsafe(self._send, line)


def log_forgotten_await(  # noqa: PLR0917 - the library's signature
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """``warnings.showwarning`` of a worker: that an await was forgotten is told in the log, for nothing else would tell it."""
    if issubclass(category, RuntimeWarning) and "never awaited" in str(message):
        where = f"{Path(filename).name}:{lineno}"
        logging.getLogger("functions").warning(
            "%s at %s; write await before it, or in a plain def ctx.wait(…) around it", message, where
        )
    else:
        (file or sys.stderr).write(warnings.formatwarning(message, category, filename, lineno, line))
