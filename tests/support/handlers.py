"""A folder of handlers under test, with real worker processes."""

import asyncio
import itertools
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

from prometheus_client import CollectorRegistry

from agentd.config import Settings
from agentd.functions.audit import Audit
from agentd.functions.requests import Moment
from agentd.functions.service import CallOutcome, CallRequest, Functions
from agentd.metrics import WORKER_ENDS, Metrics
from agentd.store import Store
from agentd.testing.wiring import wired

IMPORTS = "import asyncio, os, sys, time\nfrom typing import Any\nfrom agentd.functions import *\n"
"""The first three lines of every handler file made by ``Bench.write``."""


class RecordedSession:
    """A session as handlers see it, that notes what they do to it."""

    run_id = "run"

    def __init__(self) -> None:
        self.did: list[tuple[Any, ...]] = []
        self.changed = asyncio.Event()
        self.say_takes_s = 0.0
        self.say_raises: list[Exception] = []

    async def say(self, text: str, *, behavior: str = "queue", moment: Moment = "quiet") -> None:
        del moment
        if self.say_raises:
            raise self.say_raises.pop(0)
        await asyncio.sleep(self.say_takes_s)
        self._note("say", text, behavior)

    async def update_prompt(self, text: str) -> None:
        self._note("update_prompt", text)

    async def end_session(self, *, after_speech: bool = True) -> None:
        self._note("end_session", after_speech)

    async def hand_over(self, agent: str) -> None:
        self._note("hand_over", agent)

    def publish(self, type_: str, data: dict[str, Any]) -> None:
        self._note("publish", type_, data)

    def _note(self, *what: Any) -> None:
        self.did.append(what)
        self.changed.set()


@dataclass
class Bench:
    """A folder of handlers, the machinery over it, and one session called "s"; ``live`` says whether it is."""

    directory: Path
    state_dir: Path
    session: RecordedSession = field(default_factory=RecordedSession)
    live: bool = True
    limits: dict[str, Any] = field(default_factory=dict)
    config: dict[str, dict[str, Any]] = field(default_factory=dict)
    allowed_endpoints: list[str] = field(default_factory=list)
    functions: Functions = field(init=False)
    metrics: Metrics = field(default_factory=lambda: Metrics(CollectorRegistry()))
    store: Store = field(init=False)
    audit: Audit = field(init=False)
    others: frozenset[int] = field(default_factory=lambda: frozenset(children()))
    """Child processes that were there before: servers of other tests."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _exits: AsyncExitStack = field(default_factory=AsyncExitStack)

    def write(self, name: str, source: str, *, imports: bool = True) -> Path:
        path = self.directory / name
        path.write_text((IMPORTS if imports else "") + dedent(source))
        return path

    def workers(self) -> list[int]:
        """The processes that run handlers now."""
        return [child for child in children() if child not in self.others]

    @property
    def ended(self) -> list[str]:
        """Why worker processes ended, one word each."""
        counts = {
            why: self.metrics.registry.get_sample_value("agentd_function_workers_ended_total", {"reason": why})
            for why in WORKER_ENDS
        }
        return [why for why, count in counts.items() for _ in range(int(count or 0))]

    async def start(self) -> None:
        settings = Settings.model_validate(
            {
                "paths": {"functions_dir": self.directory, "state_dir": self.state_dir},
                "limits": {"function_calls_per_minute": 1000} | self.limits,
                "functions": self.config,
                "security": {"allowed_endpoints": self.allowed_endpoints},
            }
        )

        def session(name: str) -> RecordedSession | None:
            return self.session if name == "s" and self.live else None

        parts = await self._exits.enter_async_context(wired(settings, actions=session, metrics=self.metrics))
        self.functions, self.store, self.audit = parts.functions, parts.store, parts.audit

    async def close(self) -> None:
        """Nothing of it is left."""
        await self._exits.aclose()

    async def call(
        self, name: str, /, *, call_id: str | None = None, session_id: str | None = "s", **arguments: Any
    ) -> CallOutcome:
        return await self.functions.call(self.request(name, call_id=call_id, session_id=session_id, **arguments))

    def request(self, name: str, /, *, call_id: str | None = None, session_id: str | None = "s", **arguments: Any) -> CallRequest:
        return CallRequest(
            call_id=call_id or f"c{next(self._numbers)}",
            name=name,
            arguments=arguments,
            session_id=session_id,
            run_id="run",
            agent="home",
            allowed=frozenset(self.functions.registry.specs),
            metadata={"room": "kitchen"},
        )


async def eventually(true: Callable[[], bool], what: str, *, bound_s: float = 30.0) -> None:
    """Wait until ``true()``; the bound is generous because the machine may be busy."""
    end = time.monotonic() + bound_s
    while not true():
        assert time.monotonic() < end, f"not within {bound_s} s: {what}"
        await asyncio.sleep(0.01)


async def within(bound_s: float, awaited: Awaitable[Any]) -> Any:
    """The result of ``awaited``, which takes no longer than the bound."""
    async with asyncio.timeout(bound_s):
        return await awaited


def children(pid: int | None = None) -> list[int]:
    """Child processes of this one that are not zombies of somebody else's making."""
    found = Path(f"/proc/{pid or os.getpid()}/task/{pid or os.getpid()}/children").read_text(encoding="ascii").split()
    return [int(child) for child in found]


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def is_alive(pid: int) -> bool:
    """True while the process exists and is no zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
