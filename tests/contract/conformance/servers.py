"""The servers the conformance suite runs against, and what each of them can do.

A test asks for the fixture ``server`` and says with ``needs`` which abilities it is about; it then runs once for every server
that has them.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from tests.contract.conformance.caller import Caller
from tests.support.agent_client import agent_socket
from tests.support.daemon import daemon_process
from tests.support.engine_process import KEY, engine_process

IDLE_S = 3.0
"""The idle time-out of the servers started here: short, so that a test can wait for it."""

FUNCTION_S = 1.0
"""How long they wait for the answer to a function call."""

LIMITS = {"AGENTD_ENGINE__IDLE_TIMEOUT_S": str(IDLE_S), "AGENTD_ENGINE__FUNCTION_TIMEOUT_S": str(FUNCTION_S)}


class Ability(StrEnum):
    """What a server may have beyond the frame of the protocol."""

    EARS = "ears"
    """It recognises the words of speech, not only that somebody speaks."""
    VOICE = "voice"
    """It speaks words, not only a tone."""
    MIND = "mind"
    """It decides by the functions, the prompt and the conversation so far, not by a list of texts."""
    CONDUCT = "conduct"
    """It takes turns by itself: what it says, refuses, gives up or holds back is its own affair and not a script's."""
    LISTS = "lists"
    """It lists its models."""
    GRANTS = "grants"
    """It gives out short-lived tokens."""
    LIMITS = "limits"
    """Its time limits are short enough to be waited for: those of ``Server``."""
    HEALTH = "health"
    """``/healthz`` counts its conversations."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server of the Voice Agent protocol.

    Attributes:
        name: in the names of tests.
        url: its base, ``ws://host:port``.
        key: what it accepts.
        abilities: what it can do.
    """

    name: str
    url: str
    key: str
    abilities: frozenset[Ability]

    @property
    def http_url(self) -> str:
        """Base of its REST paths."""
        return self.url.replace("ws", "http", 1)

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[Caller]:
        """A connection, with the key unless ``key`` says otherwise (an empty one: no Authorization); nothing is sent yet."""
        async with agent_socket(self.url, options.pop("key", self.key), **options) as socket:
            yield Caller(socket)


ALL = frozenset(Ability)
SCRIPTED = frozenset({Ability.HEALTH})
DAEMON = ALL - {Ability.HEALTH}
STARTED = {"engine": ALL, "scripted": SCRIPTED, "daemon": DAEMON}
"""What is started here when the command line names no server; the daemon has the engine behind its compatible endpoint."""

DAEMON_MODULES = ("test_handshake", "test_functions", "test_faults", "test_rest")
"""Where the daemon itself has a part; the rest is the upstream's, and runs against the daemon by its URL."""

SCRIPT = Path(__file__).parent / "script.yaml"


@asynccontextmanager
async def start(name: str, folder: Path) -> AsyncIterator[Server]:
    """One of the servers in ``STARTED``, as a process of its own."""
    if name == "daemon":
        own = {"AGENTD_LIMITS__CLIENT_FUNCTION_S": str(FUNCTION_S)}
        async with daemon_process(folder, "", environment=LIMITS | own) as daemon:
            yield Server(name, daemon.url.replace("http", "ws", 1), daemon.token, DAEMON)
        return
    options = ("--script", str(SCRIPT)) if name == "scripted" else ()
    async with engine_process(folder, *options, environment=LIMITS) as process:
        yield Server(name, process.url, KEY, STARTED[name])


def needs(*abilities: Ability) -> Callable[[Any], Any]:
    """Mark a test that makes sense only for servers with these abilities."""
    return pytest.mark.needs(*abilities)


CONFORMANCE = [pytest.mark.e2e, pytest.mark.models, pytest.mark.asyncio(loop_scope="session")]
"""Marks of every module of the suite: one event loop, as the servers live as long as the session."""
