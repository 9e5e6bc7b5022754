"""What handlers write with ``ctx.log``: lines with function, session and call in the daemon's log, and never too many."""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any, Final

import structlog

LINES: Final = 100
"""Of one call; more are counted."""
CHARS: Final = 2000
"""Of one line."""
LEVELS: Final = ("debug", "info", "warning", "error", "critical")

_log = structlog.get_logger("agentd.functions")


class CallLogHandler(logging.Handler):
    """In the worker: sends the records of the running call to the daemon, from whichever thread they come.

    Args:
        send: sends a message; called on the loop.
    """

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(logging.INFO)
        self._send = send
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._call_id = ""
        self._left = 0
        self.dropped = 0

    def begin(self, call_id: str) -> None:
        """A call starts: what comes now is its own."""
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._call_id, self._left, self.dropped = call_id, LINES, 0

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
            "text": text[:CHARS].encode("utf-8", "replace").decode(),
        }
        if threading.get_ident() == self._thread:
            self._send(line)  # before the end of the call, which may be told next
        else:
            self._loop.call_soon_threadsafe(self._send, line)


class CallLog:
    """In the daemon: writes the lines of one call.

    Args:
        facts: function, call and session, as the log has them.
    """

    def __init__(self, **facts: str | None) -> None:
        self._facts = facts
        self._lines = 0

    def write(self, level: Any, text: Any) -> None:
        """One line of a handler; the worker bounds them too, but is not trusted to."""
        # Not as "text", which is kept out of the log: unlike what is printed, this is meant for it.
        self._lines += 1
        if self._lines <= LINES and level in LEVELS and isinstance(text, str):
            getattr(_log, level)("function_log", message=text[:CHARS], **self._facts)

    def dropped(self, lines: Any) -> None:
        """So many lines of the call were not sent."""
        if isinstance(lines, int) and lines > 0:
            _log.warning("function_log_dropped", lines=lines, **self._facts)
