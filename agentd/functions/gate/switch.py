"""The kill switch: off, nothing of the tiers medium and high is called. It is kept on the disk and survives restarts."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Final

import orjson
import structlog

from agentd.functions.call import Rejected
from agentd.functions.registry import FunctionSpec
from agentd.store import Store, StoreUnavailable

NOTE: Final = "actions"
"""Under this name the store has it."""

LOST: Final = "what was set could not be read"
"""Whose doing it is when nobody can tell: a switch that was off must not come on by an accident."""

_log = structlog.get_logger("agentd.functions")


class Disabled(Exception):
    """The call was stopped by the kill switch."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How the switch stands.

    Attributes:
        changed_at: Unix seconds; None: never.
        changed_by: the name of a token; None: nobody.
    """

    enabled: bool = True
    changed_at: float | None = None
    changed_by: str | None = None


class Switch:
    """One for the whole daemon.

    Args:
        store: keeps it.
        disabled: is told when it is switched off.

    Attributes:
        on_change: each is told how it stands now, as soon as it does.
    """

    def __init__(self, store: Store, *, disabled: Callable[[], None] = lambda: None) -> None:
        self.setting = Setting()
        self.on_change: list[Callable[[Setting], None]] = []
        self._store = store
        self._disabled = disabled
        self._running: set[asyncio.Timeout] = set()
        self._one_change = asyncio.Lock()

    @property
    def running(self) -> int:
        """Calls of the tiers medium and high under way."""
        return len(self._running)

    async def load(self) -> None:
        """Read how it was left. What cannot be read leaves it off."""
        try:
            found = await self._store.kept_note(NOTE)
        except StoreUnavailable as error:
            self._lost(str(error))
            return
        if found is None:
            if self._store.database.put_aside is not None:
                self._lost("the store was corrupt and has been put aside")
            return
        try:
            kept = orjson.loads(found)
            self.setting = Setting(kept["enabled"] is True, kept["changed_at"], kept["changed_by"])
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            self._lost(f"what the store has is no setting ({type(error).__name__})")
            return
        if not self.setting.enabled:
            _log.warning("actions_disabled", by=self.setting.changed_by)

    async def disable(self, by: str) -> Setting:
        """Switch off, at once; what runs is stopped. Returns when it is on the disk.

        Raises:
            StoreUnavailable: it is off, but would not be after a restart.
        """
        self.setting = Setting(enabled=False, changed_at=time.time(), changed_by=by)
        _log.warning("actions_disabled", by=by, running=len(self._running))
        now = asyncio.get_running_loop().time()
        for running in self._running:
            running.reschedule(now)
        self._disabled()
        self._tell()
        async with self._one_change:
            await self._keep(self.setting)
        return self.setting

    async def enable(self, by: str) -> Setting:
        """Switch on, once that is on the disk. Whoever switches off meanwhile wins.

        Raises:
            StoreUnavailable: the disk does not take it; it is as it was.
        """
        before, new = self.setting, Setting(enabled=True, changed_at=time.time(), changed_by=by)
        async with self._one_change:
            if self.setting is before:
                await self._keep(new)
            if self.setting is before:
                self.setting = new
                _log.warning("actions_enabled", by=by)
                self._tell()
        return self.setting

    def check(self, spec: FunctionSpec) -> None:
        """Refuse what the switch is for while it is off.

        Raises:
            Rejected: with what the model should tell the user.
        """
        if not self.setting.enabled and spec.tier in {"medium", "high"}:
            raise Rejected("denied", f"Actions are switched off; {spec.name} was not done. Tell the user so.", "actions_disabled")

    def stopping(self, spec: FunctionSpec) -> AbstractAsyncContextManager[None]:
        """Stop the block when the switch is turned off, if it does what the switch is for.

        Raises:
            Rejected: it is off already.
            Disabled: it was turned off; what the block did until then is done.
        """
        return self._stopping(spec) if spec.tier in {"medium", "high"} else nullcontext()

    @asynccontextmanager
    async def _stopping(self, spec: FunctionSpec) -> AsyncIterator[None]:
        self.check(spec)
        scope = asyncio.timeout(None)
        self._running.add(scope)
        try:
            async with scope:
                yield
        except TimeoutError:
            if scope.expired():
                raise Disabled from None
            raise
        finally:
            self._running.discard(scope)

    async def _keep(self, setting: Setting) -> None:
        value = {"enabled": setting.enabled, "changed_at": setting.changed_at, "changed_by": setting.changed_by}
        await self._store.keep_note(NOTE, orjson.dumps(value).decode())

    def _lost(self, why: str) -> None:
        self.setting = Setting(enabled=False, changed_at=time.time(), changed_by=LOST)
        _log.error("actions_disabled", by=LOST, reason=why)
        self._tell()

    def _tell(self) -> None:
        for told in self.on_change:
            told(self.setting)
