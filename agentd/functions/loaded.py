"""What is loaded: every kind of function, taken together; changed as a whole or not at all."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from agentd.config import LimitSettings
from agentd.errors import AgentdError, FieldError, InvalidRequest
from agentd.functions.kinds import load
from agentd.functions.provider import Loading, Offer, Provider
from agentd.functions.registry import Registry

_log = structlog.get_logger("agentd.functions")


class Loaded:
    """The providers that calls go to now, and those before them, until their last call is over.

    Args:
        loading: what providers are made of; the parts that a reload may change are those of the start.
        taken: is told when other functions are there.

    Attributes:
        offer: what can be called now.
        providers: who runs it.
        ready: whether anything was loaded yet.
    """

    def __init__(self, loading: Loading, *, taken: Callable[[Registry], None]) -> None:
        self.offer = Offer()
        self.providers: tuple[Provider, ...] = ()
        self.ready = False
        self._loading = replace(loading, changed=self._compose)
        self._taken = taken
        self._one_load = asyncio.Lock()
        self._retired: list[Provider] = []

    async def load(self) -> None:
        """Load what loads; the rest is in the registry's ``problems``."""
        async with self._one_load:
            self._adopt(await load(self._loading))

    async def reload(
        self,
        *,
        limits: LimitSettings | None,
        tables: Mapping[str, Mapping[str, Any]] | None,
        allowed_endpoints: Sequence[str] | None,
        check: Callable[[Registry], None],
    ) -> None:
        """Load everything anew, all or nothing (``Functions.reload``).

        Raises:
            InvalidRequest: something did not load.
        """
        async with self._one_load:
            before = self._loading
            loading = replace(
                before,
                limits=before.limits if limits is None else limits,
                tables=before.tables if tables is None else tables,
                allowed_endpoints=before.allowed_endpoints if allowed_endpoints is None else allowed_endpoints,
                earlier=self.providers,
            )
            providers = await load(loading)
            try:
                registry = Offer.of(providers).registry
                problems = [problem for problem in registry.problems if not problem.passing]
                if problems:
                    raise InvalidRequest(
                        "The functions were not reloaded, the ones from before stay: " + "; ".join(map(str, problems)),
                        errors=[FieldError(problem.pointer, problem.reason) for problem in problems],
                    )
                check(registry)
            except AgentdError:
                await _close(providers)
                raise
            self._loading = replace(loading, earlier=())
            self._adopt(providers)

    async def close(self) -> None:
        """Stop every call and process; nothing is left afterwards."""
        await _close((*self._retired, *self.providers))

    def _adopt(self, providers: tuple[Provider, ...]) -> None:
        for provider in self.providers:
            provider.retire()
        self._retired = [provider for provider in (*self._retired, *self.providers) if provider.busy]
        self.providers, self.ready = providers, True
        self._compose()
        registry = self.offer.registry
        self._taken(registry)
        _log.info("functions_loaded", functions=sorted(registry.specs), problems=len(registry.problems))

    def _compose(self) -> None:
        """What can be called now, all kinds together."""
        self.offer = Offer.of(self.providers)


async def _close(providers: Sequence[Provider]) -> None:
    await asyncio.gather(*(provider.close() for provider in providers))
