"""Logging: one line per event on standard output, JSON unless a person watches; secrets and spoken words stay out of it.

Everything goes through the standard library's root handler, so that libraries are redacted and limited like we are.
"""

import json
import logging
import math
import re
import sys
import time
from collections.abc import Hashable, Iterable, MutableMapping
from typing import Any, Final, TextIO

import structlog

from agentd.config import LogSettings

MASK: Final = "***"
WORDS_S: Final = 3600.0
"""How long words are logged where the configuration asks for it, from the start or the reload that did."""
_SHORTEST_SECRET: Final = 6
"""A shorter "secret" would mask half of every line."""

_CREDENTIAL: Final = re.compile(r"\b(token|bearer)([ :=]+)(?!\*\*\*)[^\s\"'\\,;)\]}]{6,}", re.IGNORECASE)
_TOKEN: Final = re.compile(r"\b((?:token|bearer)[ :=]+)[\w.~+/-]{20,}=*", re.IGNORECASE)
"""Longer than a word of a sentence: what is told to callers explains tokens, too."""
_QUERY: Final = re.compile(r"([?&][\w.-]+=)[^&\s\"'\\]+")
_URL_USER: Final = re.compile(r"(\b\w+://)[^/\s\"'@]+@")

_WORDS: Final = frozenset({"arguments", "content", "heard", "played", "prompt", "result", "said", "text"})
_NOISY: Final = ("asyncio", "aiohttp", "httpx", "httpcore", "picows", "websockets", "deepgram", "urllib3")

_KIND: Final = ("event", "session_id", "route", "status", "code")
"""What makes two of our events the same kind."""
_BURST: Final = 5
_WINDOW_S: Final = 5.0
_KEYS: Final = 512


def configure(settings: LogSettings, *, secrets: Iterable[str] = (), stream: TextIO | None = None, words: bool = False) -> None:
    """Set up logging for the process; called once, before anything is logged. Calling it again replaces the set-up.

    What was secret stays so.

    Args:
        settings: level, format, and whether words may be logged.
        secrets: values that never appear, wherever they come from.
        stream: default: standard output.
        words: they are let through for as long as the process runs: for a command on what somebody is writing.
    """
    stream = sys.stdout if stream is None else stream
    console = settings.format == "console" or (settings.format == "auto" and stream.isatty())
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.stdlib.ExtraAdder(),
    ]
    shared.append(DropWords(math.inf if words else WORDS_S if settings.transcripts and settings.level == "debug" else 0.0))
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    formatter = RedactingFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(console=console)],
        secrets=secrets,
    )
    handler.setFormatter(formatter)
    handler.addFilter(RateLimit(settings.lines_per_s))
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old.formatter, RedactingFormatter):
            root.removeHandler(old)
            formatter.mask_also(old.formatter.masked)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)  # picows logs every connection at INFO, httpx every request
    logging.getLogger("agentd").setLevel(settings.level.upper())
    if settings.transcripts and settings.level == "debug":
        detail = "what people say is in this log; whoever reads it reads that"
        structlog.get_logger("agentd.log").warning("words_are_logged", for_s=WORDS_S, detail=detail)


def add_secret(value: str) -> None:
    """Keep ``value`` out of the log from now on."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, RedactingFormatter):
            handler.formatter.add_secret(value)


def mask(text: str) -> str:
    """``text`` without the secrets of this process and without what looks like a token: for answers to callers."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, RedactingFormatter):
            text = handler.formatter.mask(text)
    return _TOKEN.sub(rf"\1{MASK}", text)


class RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Masks secrets in the finished line, so that no message, key or traceback gets past it."""

    def __init__(self, *, secrets: Iterable[str], **options: Any) -> None:
        super().__init__(**options)
        self._secrets: tuple[str, ...] = ()
        for secret in secrets:
            self.add_secret(secret)

    def add_secret(self, value: str) -> None:
        """Mask ``value``, as it is and as JSON writes it."""
        if len(value) < _SHORTEST_SECRET:
            return
        forms = {*self._secrets, value, json.dumps(value)[1:-1]}
        self._secrets = tuple(sorted(forms, key=len, reverse=True))

    def mask(self, text: str) -> str:
        """``text`` without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    @property
    def masked(self) -> tuple[str, ...]:
        """What is masked, in every form."""
        return self._secrets

    def mask_also(self, forms: Iterable[str]) -> None:
        """Mask these too, as they are."""
        self._secrets = tuple(sorted({*self._secrets, *forms}, key=len, reverse=True))

    def format(self, record: logging.LogRecord) -> str:
        """The line, masked."""
        return redact(super().format(record), self._secrets)


def redact(line: str, secrets: Iterable[str] = ()) -> str:
    """``line`` without the secrets, without what follows ``Token`` or ``Bearer``, without values and users in URLs."""
    for secret in secrets:
        line = line.replace(secret, MASK)
    line = _CREDENTIAL.sub(rf"\1\2{MASK}", line)
    line = _URL_USER.sub(rf"\1{MASK}@", line)
    return _QUERY.sub(rf"\1{MASK}", line)


class RateLimit(logging.Filter):
    """Lets through so many lines of a kind within a window; the next one says how many were left out.

    Libraries: five equal messages in five seconds; without it a full descriptor table writes thousands of accept errors a
    second. Our own events: ``lines_per_s`` of one name, session, route and status, so that nobody fills the disk by asking.

    Args:
        lines_per_s: of our own.
    """

    def __init__(self, lines_per_s: int) -> None:
        super().__init__()
        self._lines_per_s = lines_per_s
        self._seen: dict[Hashable, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """True to write the record."""
        event = record.msg if isinstance(record.msg, dict) else None
        if event is not None and (record.name == "agentd" or record.name.startswith("agentd.")):
            key: Hashable = (record.name, *(str(event.get(part)) for part in _KIND))
            burst, window_s = self._lines_per_s, 1.0
        else:
            key, burst, window_s = (record.name, str(record.msg)[:80]), _BURST, _WINDOW_S
        now = time.monotonic()
        if len(self._seen) >= _KEYS:
            self._seen.clear()
        since, count = self._seen.get(key, (now, 0))
        if now - since >= window_s:
            if count > burst and event is not None:
                record.msg = event | {"suppressed": count - burst}
            elif count > burst:
                record.suppressed = count - burst
            since, count = now, 0
        self._seen[key] = (since, count + 1)
        return count < burst


class DropWords:
    """Takes what people said and what functions were given out of our events.

    Args:
        after_s: they are let through for so long: somebody who looks for a fault forgets to switch it off again.
    """

    def __init__(self, after_s: float) -> None:
        self._until = time.monotonic() + after_s

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """The event, as structlog's processors pass it on."""
        if time.monotonic() >= self._until:
            for key in _WORDS & event.keys():
                del event[key]
        return event


def _rendering(*, console: bool) -> list[structlog.types.Processor]:
    # Local variables stay out of tracebacks: they hold tokens and what people said.
    if console:
        return [structlog.dev.ConsoleRenderer(colors=True, exception_formatter=structlog.dev.plain_traceback)]
    return [
        structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)),
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
    ]
