"""A session manager over a scripted upstream, in this process: everything real but the clouds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from agentd.audio.tapes import Tapes
from agentd.config import Settings
from agentd.engine.line import Hangup
from agentd.functions.service import Functions
from agentd.hub import Hub
from agentd.metrics import Metrics
from agentd.sessions.manager import Manager
from agentd.sessions.profiles import Profiles
from agentd.sessions.session import Session, SessionDeps
from agentd.sessions.spec import StartSpec
from agentd.store import Store
from agentd.testing.wiring import wired
from agentd.upstream.deepgram import UpstreamClient, UpstreamTarget
from agentd.upstream.transport import install_transport
from tests.support.scripted import ScriptedEngine, scripted_engine

SCRIPTED_AGENT: dict[str, Any] = {
    "prompt": "You are a test.",
    "settings": {"audio": {"output": {"encoding": "linear16", "sample_rate": 16000}}},
}


@dataclass(frozen=True, slots=True)
class World:
    """What the tests hold in hand."""

    manager: Manager
    peer: ScriptedEngine
    functions: Functions
    hub: Hub
    registry: CollectorRegistry
    store: Store
    tapes: Tapes

    async def session(self, **spec: Any) -> Session:
        """Start a session and wait until it is active."""
        session, _ = await self.manager.start(StartSpec(**spec))
        return session


def drop_all(peer: ScriptedEngine) -> None:
    """Abort every connection of the peer, as a broken network does."""
    for connection in peer.connections:
        connection.line.end(Hangup(None))


@asynccontextmanager
async def world(
    folder: Path,
    script: dict[str, Any] | str,
    *,
    handlers: dict[str, str] | None = None,
    agent: dict[str, Any] | None = None,
    agents: dict[str, dict[str, Any]] | None = None,
    store_keys: dict[str, Any] | None = None,
    **limits: Any,
) -> AsyncIterator[World]:
    """A manager whose "Deepgram" is a scripted peer.

    Args:
        handlers: source by file name, for the functions folder.
        agent: more keys of the profile.
        agents: further profiles.
        store_keys: ``[store]`` keys that differ from the defaults.
        limits: ``[limits]`` keys that differ from the defaults.
    """
    directory = folder / "functions"
    directory.mkdir(mode=0o755, exist_ok=True)
    for name, source in (handlers or {}).items():
        (directory / name).write_text(source, encoding="utf-8")
    async with scripted_engine(script) as peer:
        settings = Settings.model_validate(
            {
                "paths": {"state_dir": folder / "state", "functions_dir": directory},
                "deepgram": {"api_key": peer.key, "agent_url": peer.url, "rest_url": peer.http_url},
                "default_agent": "test",
                "agents": {"test": SCRIPTED_AGENT | (agent or {})} | (agents or {}),
                "limits": limits,
                "store": store_keys or {},
            }
        )
        install_transport()
        target = UpstreamTarget("deepgram", peer.url, peer.http_url, SecretStr(peer.key), None)
        client = UpstreamClient(limits=settings.limits, transport="picows")
        hub, registry = Hub(), CollectorRegistry()
        metrics = Metrics(registry)
        tapes = Tapes(folder / "state" / "recordings", settings.store)
        managers: list[Manager] = []
        async with wired(
            settings,
            actions=lambda session_id: managers[0].actions(session_id),  # noqa: PLW0108 - made after this
            metrics=metrics,
            policy_of=Profiles(settings).policy,
        ) as parts:
            manager = Manager(
                settings,
                SessionDeps(
                    target=lambda _: target,
                    client=client,
                    functions=parts.functions,
                    hub=hub,
                    metrics=metrics,
                    limits=settings.limits,
                    profiles=Profiles(settings),
                    tapes=tapes,
                ),
                parts.store,
            )
            managers.append(manager)
            await manager.recover()
            manager.begin()
            try:
                yield World(manager, peer, parts.functions, hub, registry, parts.store, tapes)
            finally:
                await manager.close(bound_s=5)
                await tapes.close()
                await client.close()
