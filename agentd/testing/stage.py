"""What tests with the same folder and settings share, so that worker processes are started once and not for each test."""

import contextlib
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import structlog

from agentd.config import Settings
from agentd.functions.registry import Registry
from agentd.testing.bench import bench
from agentd.testing.conversation import Conversation
from agentd.testing.daemon import daemon_under_test
from agentd.testing.handlers import FunctionTester
from agentd.testing.portal import Portal

T = TypeVar("T")

_LIMITS: Final = {"starts_per_minute": 100_000, "function_calls_per_minute": 1000, "high_calls_per_hour": 1000}
"""Tests follow one another faster than people do; where one is about these limits, it says so."""


class Unfit(AssertionError):
    """A test cannot begin, or its script was not kept to; the text is all there is to say."""


class _Kept(Generic[T]):
    """What was made last, for as long as the next test wants the same."""

    def __init__(self, make: Callable[[Settings], AbstractAsyncContextManager[T]]) -> None:
        self._make = make
        self._key = ""
        self._made: T | None = None
        self._exits = AsyncExitStack()

    async def take(self, directory: Path, told: Mapping[str, Any], folder: Callable[[], Path]) -> T:
        key = json.dumps([str(directory), told], sort_keys=True, default=str)
        if self._made is None or key != self._key:
            await self.drop()
            settings = settings_of(directory, folder(), told)
            self._made, self._key = await self._exits.enter_async_context(self._make(settings)), key
        return self._made

    async def drop(self) -> None:
        self._made = None
        await self._exits.aclose()


class Stage:
    """Keeps what was loaded last.

    Args:
        folder: makes a new folder for state.
    """

    def __init__(self, folder: Callable[[], Path]) -> None:
        _log_for_pytest()
        self._folder = folder
        self._portal = Portal()
        self._benches = _Kept(bench)
        self._daemons = _Kept(daemon_under_test)

    @contextmanager
    def functions(self, directory: Path, told: Mapping[str, Any]) -> Iterator[FunctionTester]:
        """The functions of a folder, for one test."""
        used = self._portal.run(self._benches.take(directory.absolute(), told, self._folder))
        _require_loaded(used.registry)
        try:
            yield FunctionTester(used, self._portal)
        finally:
            self._portal.run(used.forget())

    @contextmanager
    def conversation(self, directory: Path, told: Mapping[str, Any]) -> Iterator[Conversation]:
        """A conversation with the functions of a folder, for one test."""
        with warnings.catch_warnings():
            # The Deepgram SDK imports a deprecated client of websockets, which is nothing that a test could mend.
            warnings.simplefilter("ignore", DeprecationWarning)
            used = self._portal.run(self._daemons.take(directory.absolute(), told, self._folder))
        _require_loaded(used.daemon.functions.registry)
        try:
            yield Conversation(used, self._portal)
        finally:
            faults = self._portal.run(used.clear())
        if faults:
            raise Unfit("the script was not kept to:\n" + "\n".join(faults))

    def close(self) -> None:
        """Nothing is left."""
        with contextlib.closing(self._portal):
            self._portal.run(self._daemons.drop())
            self._portal.run(self._benches.drop())


def _require_loaded(registry: Registry) -> None:
    if registry.problems:
        raise Unfit("not loaded: " + "; ".join(map(str, registry.problems)))


def _log_for_pytest() -> None:
    """Let pytest show, under a test that fails, what handlers printed and what went wrong in their workers."""
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    for told in ("agentd.functions", "agentd.testing"):
        logging.getLogger(told).setLevel(logging.INFO)


def settings_of(directory: Path, state_dir: Path, told: Mapping[str, Any]) -> Settings:
    """Settings for tests: what was told, but for the folders; nothing of the environment or of a file."""
    paths = {**told.get("paths", {}), "functions_dir": directory, "state_dir": state_dir}
    return Settings.model_validate({**told, "paths": paths, "limits": {**_LIMITS, **told.get("limits", {})}})
