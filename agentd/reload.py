"""The configuration read again: checked whole, then taken whole, or nothing of it.

Sessions that are live keep what they were started with. What was opened at the start (sockets, folders, processes) stays as
it is and is named.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from agentd import log
from agentd.config import Changes, Settings, changes
from agentd.errors import AgentdError, ConfigError, FieldError, InvalidRequest
from agentd.functions.registry import Registry
from agentd.functions.service import Functions
from agentd.metrics import Metrics
from agentd.sessions.profiles import Profiles
from agentd.sessions.spec import StartSpec

_log = structlog.get_logger("agentd.reload")


class Reload:
    """Reads and takes configurations, one at a time.

    Args:
        settings: what is in effect at the start.
        read: reads them again from where they came from; raises ``ConfigError`` with every fault. Runs in a thread.
        functions: loaded again with their tables.
        takers: are handed the settings, in this order; they cannot fail.

    Attributes:
        settings: what is in effect.
        profiles: the agents in effect.
    """

    def __init__(
        self,
        settings: Settings,
        read: Callable[[], Settings],
        *,
        functions: Functions,
        metrics: Metrics,
        takers: Sequence[Callable[[Settings, Profiles], None]],
    ) -> None:
        self.settings = settings
        self.profiles = Profiles(settings)
        self._read = read
        self._functions = functions
        self._metrics = metrics
        self._takers = takers
        self._one = asyncio.Lock()

    async def __call__(self) -> Changes:
        """Read the configuration and the handlers again.

        Raises:
            ConfigError, InvalidRequest: something is wrong with them; every fault is listed, and nothing has changed.
        """
        async with self._one:
            try:
                found = changes(self.settings, await asyncio.to_thread(self._read))
                profiles = Profiles(found.settings)
                await self._functions.reload(
                    limits=found.settings.limits,
                    config=found.settings.functions,
                    allowed_endpoints=found.settings.security.allowed_endpoints,
                    check=lambda registry: _check(profiles, registry),
                )
            except AgentdError as error:
                _log.warning("configuration_not_reloaded", code=error.code, reason=error.detail)
                raise
            self._adopt(found, profiles)
        return found

    def _adopt(self, found: Changes, profiles: Profiles) -> None:
        """Nothing here waits and nothing fails: nobody sees half of it."""
        new = found.settings
        if new.deepgram.api_key is not None:
            log.add_secret(new.deepgram.api_key.get_secret_value())
        if new.log != self.settings.log:
            log.configure(new.log)
        self.settings, self.profiles = new, profiles
        for take in self._takers:
            take(new, profiles)
        self._metrics.config_loaded()
        _log.info("configuration_reloaded", changed=found.changed, needs_restart=found.needs_restart)


def _check(profiles: Profiles, registry: Registry) -> None:
    """Resolve every agent as a start would, so that a fault shows now and not at the next start."""
    faults: list[FieldError] = []
    for name in profiles.names:
        _, profile = profiles.get(name)
        try:
            functions = profiles.functions(profile, registry, None)
            profiles.document(profile, StartSpec(agent=name), functions)
        except InvalidRequest as error:
            inner = error.errors or (FieldError("", error.detail),)
            faults += [FieldError(f"/agents/{name}{fault.pointer}", fault.detail) for fault in inner]
    if faults:
        raise ConfigError("; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults), errors=faults)
