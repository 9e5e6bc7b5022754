"""Functions without a daemon: the real gate, store and worker processes, and sessions that note what is done to them."""

import itertools
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentd.config import Settings
from agentd.functions.call import CallOutcome, CallRequest
from agentd.functions.gate.policy import AgentPolicy
from agentd.functions.registry import FunctionSpec, Registry
from agentd.functions.service import Functions
from agentd.testing.confirming import Confirmer
from agentd.testing.sessions import RecordedSession
from agentd.testing.wiring import wired


@dataclass(frozen=True, slots=True)
class Effect:
    """Something a handler asked of the daemon during a call.

    Attributes:
        operation: ``say``, ``store.set``, ``later``, …
    """

    call_id: str
    operation: str
    arguments: Mapping[str, Any]


@dataclass
class Bench:
    """Loaded functions, and what they did.

    Attributes:
        sessions: the live ones by name.
        effects: of all calls, in order.
        confirmer: answers for a person.
        answers: results of delegated functions, by name, for the client that would run them.
    """

    functions: Functions
    sessions: dict[str, RecordedSession] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    confirmer: Confirmer = field(default_factory=Confirmer)
    answers: dict[str, Any] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def registry(self) -> Registry:
        """What is loaded."""
        return self.functions.registry

    def open_session(self) -> tuple[str, RecordedSession]:
        """A new session and its name."""
        name = f"test-{next(self._numbers)}"
        self.sessions[name] = RecordedSession(run_id=name, published=lambda type_, data: self._published(name, type_, data))
        return name, self.sessions[name]

    async def call(
        self,
        name: str,
        arguments: Mapping[str, Any] | str,
        *,
        session_id: str | None,
        agent: str | None = None,
        metadata: Mapping[str, str] | None = None,
        allowed: frozenset[str] | None = None,
        turn: int | None = None,
    ) -> tuple[CallOutcome, list[Effect]]:
        """One call as a conversation makes it, and what its handler did besides returning."""
        call_id = f"call-{next(self._numbers)}"
        request = CallRequest(
            call_id=call_id,
            name=name,
            arguments=arguments if isinstance(arguments, str) else dict(arguments),
            session_id=session_id,
            run_id=session_id,
            agent=agent,
            allowed=allowed,
            metadata=dict(metadata or {}),
            turn=turn,
        )
        outcome = await self.functions.call(request)
        return outcome, [effect for effect in self.effects if effect.call_id == call_id]

    def _published(self, run_id: str, type_: str, data: dict[str, Any]) -> None:
        if type_ == "FunctionCallDelegated" and data["name"] in self.answers:
            self.functions.answer_delegated(run_id, data["call_id"], result=self.answers[data["name"]])

    async def check(self, spec: FunctionSpec, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments as the function would get them; nothing is called.

        Raises:
            InvalidArguments: they do not fit.
        """
        return await self.functions.check(spec, arguments)

    async def stored(self, spec: FunctionSpec) -> dict[str, Any]:
        """The values that the file of a function keeps."""
        values: dict[str, Any] = await _ask(self.functions, spec, None, "store.items", {"prefix": ""})
        return values

    async def forget(self) -> None:
        """No value, no plan and no session is left."""
        await forget(self.functions, self.sessions)
        for session_id in self.sessions:
            self.functions.run_ended(session_id)
        self.sessions.clear()
        self.effects.clear()
        self.confirmer.reset()
        self.answers.clear()


async def forget(functions: Functions, sessions: Iterable[str]) -> None:
    """Drop all values of handlers, and what they have planned in these sessions."""
    for spec in {spec.place: spec for spec in functions.registry.specs.values() if spec.kind == "handler"}.values():
        for key in await _ask(functions, spec, None, "store.items", {"prefix": ""}):
            await _ask(functions, spec, None, "store.delete", {"key": key})
        for session_id in sessions:
            for plan in await _ask(functions, spec, session_id, "later.list", {}):
                await _ask(functions, spec, session_id, "later.cancel", {"id": plan["id"]})


async def _ask(functions: Functions, spec: FunctionSpec, session_id: str | None, operation: str, asked: dict[str, Any]) -> Any:
    """Do as if a handler of the function's file had asked."""
    request = CallRequest(call_id="", name=spec.name, arguments={}, session_id=session_id, run_id=session_id)
    return await functions.requests.serve(Path(spec.place).stem, request, operation, asked)


@asynccontextmanager
async def bench(settings: Settings, *, credentials: Path | None = None) -> AsyncIterator[Bench]:
    """The functions of ``settings``, loaded as by the daemon.

    Args:
        settings: ``paths.functions_dir`` says which, ``paths.state_dir`` where values are kept; ``functions``, ``agents``,
            ``limits`` and ``security`` count too. An agent without a profile may ask for everything.
        credentials: the folder of credentials; by default where the state is.
    """
    made: list[Bench] = []

    def policy(agent: str | None) -> AgentPolicy:
        if agent in settings.agents:
            return AgentPolicy.of(settings.agents[agent])
        return AgentPolicy(allow_high=frozenset(made[0].registry.specs))

    def session(name: str) -> RecordedSession | None:
        return made[0].sessions.get(name) if made else None

    async with wired(settings, actions=session, policy_of=policy, credentials=credentials) as parts:
        made.append(Bench(parts.functions))
        made[0].confirmer.watch(parts.functions.gate.confirmations)
        parts.functions.requests.watch = lambda call, operation, arguments: made[0].effects.append(
            Effect(call.call_id, operation, dict(arguments))
        )
        yield made[0]
