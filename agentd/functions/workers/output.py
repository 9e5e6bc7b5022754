"""What handlers print: kept up to a limit per call and logged, never allowed to slow the loop or fill memory."""

import asyncio
import os
import select
from typing import Final

import structlog

_READ_BYTES: Final = 65_536
_FAST_BYTES: Final = 1_048_576
"""Read at full speed per call; a flood beyond is read at 64 KiB each pause, and waits in the handler."""
_PAUSE_S: Final = 0.001
_SETTLE_S: Final = 0.05
"""The pipe may hold what was printed just before the result came."""

_log = structlog.get_logger("agentd.functions")


class Output:
    """Reads one worker's standard output and error.

    Args:
        descriptor: the readable end; closed by ``close``.
        file: the handler file's name, for the log.
        limit_bytes: kept per call.
    """

    def __init__(self, descriptor: int, *, file: str, limit_bytes: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._descriptor = descriptor
        self._limit_bytes = limit_bytes
        self._facts: dict[str, str | None] = {"file": file}
        self._file = file
        self._kept = bytearray()
        self._seen_bytes = 0
        self._settling = False  # whether what comes now is the rest of a call that is over
        self._timer: asyncio.TimerHandle | None = None
        self._pause: asyncio.TimerHandle | None = None
        self.last_line = ""
        self._filled = select.poll()
        self._filled.register(descriptor, select.POLLIN)
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._read)

    def begin(self, **facts: str | None) -> None:
        """A call starts: what comes now is its own."""
        self._flush()
        self._settling = False
        self._facts = {"file": self._file, **facts}

    def end(self) -> None:
        """The call is over: write what is in the pipe now, before its outcome is told; the rest once it has had time to come."""
        while self._filled.poll(0) and self._pull() and self._seen_bytes <= _FAST_BYTES:
            pass
        if self._seen_bytes <= _FAST_BYTES:
            self._flush()
            self._settling = True
        else:
            self._timer = self._loop.call_later(_SETTLE_S, self._flush)

    def close(self) -> None:
        """The process is gone: take what is in the pipe, and stop."""
        while self._pull() and self._seen_bytes < _FAST_BYTES:
            pass
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1
        self._flush()

    def _read(self) -> None:
        if self._pull() == 0:
            self._loop.remove_reader(self._descriptor)
            return
        if self._settling:
            self._settling = False
            self._timer = self._loop.call_later(_SETTLE_S, self._flush)
        if self._seen_bytes > _FAST_BYTES:
            self._loop.remove_reader(self._descriptor)
            self._pause = self._loop.call_later(_PAUSE_S, self._again)

    def _again(self) -> None:
        self._pause = None
        self._loop.add_reader(self._descriptor, self._read)

    def _pull(self) -> int | None:
        """Read once: the number of bytes, 0 at the end, None when nothing is there yet."""
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return None
        self._seen_bytes += len(data)
        self._kept += data[: max(0, self._limit_bytes - len(self._kept))]
        return len(data)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._seen_bytes:
            return
        text = self._kept.decode("utf-8", "replace").rstrip()
        self.last_line = text.rpartition("\n")[2][:200]
        dropped = self._seen_bytes - len(self._kept)
        self._kept.clear()
        self._seen_bytes = 0
        _log.info("function_output", text=text, dropped_bytes=dropped, **self._facts)
