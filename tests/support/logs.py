"""The log of this process as the daemon writes it, into a stream, for as long as a test needs it."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO

import structlog

from agentd import log
from agentd.config import LogSettings


@contextmanager
def logging_to(stream: TextIO, *, secrets: Iterable[str] = ()) -> Iterator[None]:
    """Write the log into ``stream``; afterwards logging is what it was before, whoever set that up."""
    before = structlog.get_config()
    root, ours = logging.getLogger(), logging.getLogger("agentd")
    levels = root.level, ours.level
    log.configure(LogSettings(), secrets=secrets, stream=stream)
    try:
        yield
    finally:
        root.handlers = [handler for handler in root.handlers if not isinstance(handler.formatter, log.RedactingFormatter)]
        root.setLevel(levels[0])
        ours.setLevel(levels[1])
        structlog.configure(**before)
