"""What handlers write with ``ctx.log``, in the daemon's log: lines with function, session and call."""

from typing import Any

import structlog

from agentd.functions.workers.logged import LEVELS

_log = structlog.get_logger("agentd.functions")


class CallLog:
    """Writes the lines of one call.

    Args:
        lines: that are written of it.
        chars: of one line.
        facts: function, call and session, as the log has them.
    """

    def __init__(self, lines: int, chars: int, **facts: str | None) -> None:
        self._facts = facts
        self._left = lines
        self._chars = chars

    def write(self, level: Any, text: Any) -> None:
        """One line of a handler; the worker bounds them too, but is not trusted to."""
        # Not as "text", which is kept out of the log: unlike what is printed, this is meant for it.
        self._left -= 1
        if self._left >= 0 and level in LEVELS and isinstance(text, str):
            getattr(_log, level)("function_log", message=text[: self._chars], **self._facts)

    def dropped(self, lines: Any) -> None:
        """So many lines of the call were not sent."""
        if isinstance(lines, int) and lines > 0:
            _log.warning("function_log_dropped", lines=lines, **self._facts)
