"""A daemon in the process of the tests: everything real but the model, on free loopback ports."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from agentd.app import Daemon, running
from agentd.config import Settings
from agentd.testing.bench import forget
from agentd.testing.confirming import Confirmer
from agentd.testing.upstream import KEY, Upstream, upstream
from agentd.upstream.deepgram import preload
from agentd.upstream.transport import is_installed


@dataclass
class DaemonUnderTest:
    """A running daemon and its upstream."""

    daemon: Daemon
    upstream: Upstream
    http: aiohttp.ClientSession
    clock: Callable[[], float]
    confirmer: Confirmer = field(default_factory=Confirmer)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _used: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Base of its API."""
        return self.daemon.url

    def new_id(self) -> str:
        """A name for a session of this test."""
        self._used.append(f"test-{next(self._ids)}")
        return self._used[-1]

    async def clear(self) -> list[str]:
        """End what the test left, and forget its values. Returns where its script was not kept to."""
        live = {session.id for session in self.daemon.manager.live_sessions}
        for name in self._used:
            if name in live:
                await self.daemon.manager.stop(name)
        await forget(self.daemon.functions, self._used)
        self._used.clear()
        self.confirmer.reset()
        script, self.upstream.script = self.upstream.script, None
        return script.report.lines() if script is not None and script.report.failed else []


@asynccontextmanager
async def daemon_under_test(settings: Settings) -> AsyncIterator[DaemonUnderTest]:
    """The daemon with these settings, until the block is left; its upstream is the tests' own."""
    preload()
    async with upstream() as peer:
        deepgram = {"api_key": KEY, "agent_url": peer.url, "rest_url": peer.http_url}
        deepgram["transport"] = "picows" if is_installed() else "sdk"  # a user's process keeps the SDK's own
        told = settings.model_dump(exclude_unset=True) | {
            "deepgram": deepgram,
            "engine": {"mode": "never"},
            "server": {"port": 0},
        }
        async with running(Settings.model_validate(told)) as daemon:
            token = (settings.paths.state_dir / "token").read_text(encoding="ascii").strip()
            headers = {"Authorization": f"Bearer {token}"}
            async with aiohttp.ClientSession(headers=headers, trust_env=False) as http:
                made = DaemonUnderTest(daemon, peer, http, asyncio.get_running_loop().time)
                made.confirmer.watch(daemon.functions.gate.confirmations)
                yield made
