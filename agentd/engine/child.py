"""The embedded engine as the daemon sees it: a child process that is started, watched, and started again when it dies."""

import asyncio
import contextlib
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from typing import Final, Literal

import orjson
import structlog
from pydantic import SecretStr

from agentd.config import EngineSettings, LogSettings
from agentd.errors import EngineNotReady
from agentd.supervise import Nursery

EngineState = Literal["starting", "ready", "failed", "stopped"]

START_S: Final = 120.0
"""A cold start takes 1 to 2 s; one from a slow card with a cold cache may take a minute."""

STOP_S: Final = 6.0
"""How long the engine may take to say goodbye to its conversations, once told to go."""

FIRST_DELAY_S: Final = 0.2
LONGEST_DELAY_S: Final = 5.0
STEADY_S: Final = 30.0
"""An engine that served so long begins anew with the shortest delay."""

KEPT_FROM_CHILD: Final = frozenset({"DEEPGRAM_API_KEY"})
"""Variables the engine has no use for."""

_log = structlog.get_logger("agentd.engine.child")


class EngineChild:
    """One embedded engine.

    Args:
        settings: the ``[engine]`` section, handed to the child.
        log: the ``[log]`` section, handed to the child.
        allowed_endpoints: ``[security] allowed_endpoints``, handed to the child.
        progress: takes a line of progress for a person who waits.
        on_change: called after every change of ``state``.
        command: the program; the report descriptor's number is appended.
    """

    def __init__(
        self,
        settings: EngineSettings,
        *,
        log: LogSettings = LogSettings(),  # noqa: B008 - frozen
        allowed_endpoints: Sequence[str] = (),
        progress: Callable[[str], None] = lambda _: None,
        on_change: Callable[[], None] = lambda: None,
        command: Sequence[str] = (sys.executable, "-m", "agentd.engine"),
    ) -> None:
        self._settings = settings
        self._log = log
        self._allowed_endpoints = tuple(allowed_endpoints)
        self._progress = progress
        self._on_change = on_change
        self._command = tuple(command)
        self._tasks = Nursery()
        self._changed = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._url: str | None = None
        self._key = SecretStr("")
        self._stopping = asyncio.Event()
        self.state: EngineState = "stopped"
        self.failure: str | None = None
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """The child's process id while there is one."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Start the engine and keep it running; returns at once."""
        self._stopping.clear()
        self._set("starting")
        self._tasks.start(self._keep_running(), name="engine:child")

    async def stop(self) -> None:
        """Stop it, politely first; returns when it is gone."""
        self._stopping.set()
        process = self._process
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            await _end(process)
        await self._tasks.close()
        self._set("stopped")

    async def wait_ready(self, timeout_s: float) -> None:
        """Wait until the engine answers.

        Raises:
            EngineNotReady: it cannot start, or did not in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while self.state == "starting":
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            why = f" ({self.failure})" if self.failure else ""
            raise EngineNotReady(f"The embedded engine did not get ready within {timeout_s:g} s{why}.", retry_after_s=1) from None
        self.target()

    def target(self) -> tuple[str, str, SecretStr]:
        """Base of its WebSocket URL, base of its REST URL, and its key.

        Raises:
            EngineNotReady: it is not up now; it may be again in a moment.
        """
        if self._url is None or self.state != "ready":
            waits = self.state == "starting"
            raise EngineNotReady(self.failure or f"The embedded engine is {self.state}.", retry_after_s=1 if waits else None)
        return self._url, "http" + self._url.removeprefix("ws"), self._key

    async def _keep_running(self) -> None:
        loop = asyncio.get_running_loop()
        delay_s = FIRST_DELAY_S
        while not self._stopping.is_set():
            began = loop.time()
            hopeless = await self._run_once()
            if self._stopping.is_set():
                return
            if hopeless:
                self._set("failed")
                return
            if loop.time() - began >= STEADY_S:
                delay_s = FIRST_DELAY_S
            _log.warning("engine_restarts", delay_s=delay_s, reason=self.failure)
            self._set("starting")
            await asyncio.sleep(delay_s)
            delay_s = min(LONGEST_DELAY_S, delay_s * 2)

    async def _run_once(self) -> bool:
        """One life of the process. True when there is no use in another."""
        self.starts += 1
        self._key = SecretStr(secrets.token_urlsafe(32))
        read_fd, write_fd = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                str(write_fd),
                stdin=asyncio.subprocess.PIPE,
                pass_fds=(write_fd,),
                env={name: value for name, value in os.environ.items() if name not in KEPT_FROM_CHILD},
            )
        except OSError as error:
            os.close(read_fd)
            self.failure = f"The embedded engine cannot be started: {error}"
            return True
        finally:
            os.close(write_fd)
        self._process = process
        hopeless = False
        try:
            await self._hand_over(process)
            hopeless = await self._follow(read_fd)
            status = await process.wait()
            if not hopeless:
                self.failure = f"The embedded engine ended with status {status}; its log says more."
        finally:
            self._url = None
            if process.returncode is None:
                process.kill()
                await process.wait()
            self._process = None
        return hopeless

    async def _hand_over(self, process: asyncio.subprocess.Process) -> None:
        """Give the child its key and settings."""
        if process.stdin is None:
            raise AssertionError("the child is started with a pipe")
        handed = {
            "key": self._key.get_secret_value(),
            "settings": self._settings.model_dump(mode="json"),
            "log": self._log.model_dump(mode="json"),
            "allowed_endpoints": self._allowed_endpoints,
        }
        with contextlib.suppress(ConnectionError):  # it died at once: its exit says so
            process.stdin.write(orjson.dumps(handed) + b"\n")
            await process.stdin.drain()

    async def _follow(self, read_fd: int) -> bool:
        """Read the child's reports until it is gone. True when it says that it cannot run here."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_fd, "rb", buffering=0)
        )
        hopeless = False
        try:
            async with asyncio.timeout(START_S) as limit:
                while line := await reader.readline():
                    report = orjson.loads(line)
                    if (url := report.get("url")) is not None:
                        limit.reschedule(None)
                        self._url, self.failure = url, None
                        self._set("ready")
                        _log.info("engine_ready", url=url, pid=self.pid)
                    elif (failure := report.get("failed")) is not None:
                        self.failure, hopeless = failure, True
                    else:
                        self._progress(f"engine: {report.get('progress', '')}")
        except TimeoutError:
            self.failure = f"The embedded engine did not get ready within {START_S:g} s."
            if self._process is not None:
                self._process.kill()
        finally:
            transport.close()
        return hopeless

    def _set(self, state: EngineState) -> None:
        self.state = state
        self._changed.set()
        self._on_change()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Wait for a process that was told to go, and help it along."""
    for help_along in (process.terminate, process.kill):
        try:
            async with asyncio.timeout(STOP_S / 2):
                await process.wait()
                return
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                help_along()
    await process.wait()
