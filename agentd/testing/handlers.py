"""Handlers in tests: call one by name, and look at what came of it."""

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from agentd.functions.call import Outcome
from agentd.functions.registry import FunctionSpec
from agentd.testing.bench import Bench, Effect
from agentd.testing.portal import Portal
from agentd.testing.sessions import RecordedSession
from agentd.testing.understanding import Understood, understand

_log = structlog.get_logger("agentd.testing")

WAIT_S: Final = 10.0
"""Longest wait for something that a function does after it has answered."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a call left for later with ``ctx.later``.

    Attributes:
        seconds: from the call.
        say: what is then spoken; None if a function is called.
        call: that function, with its arguments.
        label: the handler's word for it.
    """

    seconds: float
    say: str | None = None
    call: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    label: str = ""


@dataclass(frozen=True, slots=True)
class Called:
    """What came of one call.

    Attributes:
        outcome: ``ok``, or ``error``, ``timeout``, ``invalid``, ``unknown``, ``denied``, ``cancelled``.
        content: what the model is told.
        result: what the handler returned, as a JSON value; None unless the outcome is ``ok``.
        arguments: as they were given.
        said: what it spoke with ``ctx.say``, in order.
        prompts: what it added with ``ctx.update_prompt``.
        plans: what it planned with ``ctx.later``.
        stored: everything that its file keeps in ``ctx.store`` after the call.
        ended: whether it ended the session.
        handed_over: the agent it handed over to.
        duration_s: from asking to settling.
    """

    outcome: Outcome
    content: str
    result: Any
    arguments: dict[str, Any]
    said: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    plans: tuple[Plan, ...] = ()
    stored: dict[str, Any] = field(default_factory=dict)
    ended: bool = False
    handed_over: str | None = None
    duration_s: float = field(default=0.0, compare=False)

    @property
    def question(self) -> str | None:
        """What the user is to be asked, where the handler raised AskUser."""
        asks = isinstance(self.result, dict) and {"say", "awaiting"} <= self.result.keys()
        return str(self.result["say"]) if asks else None


class FunctionTester:
    """The functions of a folder, each test with a session and a store of its own.

    Attributes:
        metadata: of the session, as ``ctx.metadata``.
        agent: the name of its profile. One that ``agentd_settings`` has no profile for may ask for everything.
        answers: results of delegated functions, by name: what the client would answer that runs them.
    """

    def __init__(self, bench: Bench, portal: Portal) -> None:
        self._bench = bench
        self._portal = portal
        self._session_id, self._session = portal.run(_open(bench))
        self.metadata: dict[str, str] = {}
        self.agent = "home"
        self.answers = bench.answers
        self._turns = itertools.count(1)
        self._turn: int | None = None

    @property
    def caller(self) -> str | None:
        """Who is on the line, as ``ctx.caller``: the member ``caller`` of the metadata."""
        return self.metadata.get("caller")

    @caller.setter
    def caller(self, number: str | None) -> None:
        self.metadata.pop("caller", None)
        if number is not None:
            self.metadata["caller"] = number

    @property
    def confirm(self) -> bool | None:
        """What a person answers who is asked to confirm a call of tier high; None: nothing, until the time is over."""
        return self._bench.confirmer.approve

    @confirm.setter
    def confirm(self, answer: bool | None) -> None:
        self._bench.confirmer.approve = answer

    @property
    def confirmations(self) -> list[tuple[str, dict[str, Any]]]:
        """Name and arguments of each call that a person was asked to confirm in this test."""
        return list(self._bench.confirmer.asked)

    @contextmanager
    def one_turn(self) -> Iterator[None]:
        """Calls in the block belong to one turn of the conversation; else each call has a turn of its own."""
        self._turn = next(self._turns)
        try:
            yield
        finally:
            self._turn = None

    @property
    def said(self) -> list[str]:
        """What was spoken in this test, in order."""
        return list(self._session.said)

    @property
    def specs(self) -> Mapping[str, FunctionSpec]:
        """The functions by name; what did not load is an error."""
        return self._bench.registry.specs

    def declaration(self, name: str) -> dict[str, Any]:
        """What a model is told of a function."""
        return self._spec(name).declaration()

    def call(self, name: str, /, **arguments: Any) -> Called:
        """Call a function as an agent does: through the gate, in a worker process."""
        return self._portal.run(self._call(name, arguments))

    async def acall(self, name: str, /, **arguments: Any) -> Called:
        """As ``call``, awaited: a server in the test's own loop can answer the handler meanwhile."""
        return await self._portal.wait(self._call(name, arguments))

    def call_json(self, name: str, arguments: str, /) -> Called:
        """As ``call``, with the arguments as the text a model wrote."""
        return self._portal.run(self._call(name, arguments))

    def wait_said(self, number: int = 1, *, timeout_s: float = WAIT_S) -> list[str]:
        """What was spoken, once it is so many texts: fillers, and the results of functions in the background.

        Raises:
            TimeoutError: they were not said in time.
        """
        return self._portal.run(_within(timeout_s, self._session, number))

    def understand(self, sentence: str) -> Understood:
        """What the offline thinker makes of a sentence, with all functions at hand; nothing is called."""
        return self._portal.run(understand(sentence, [spec.declaration() for spec in self.specs.values()]))

    async def _call(self, name: str, arguments: Mapping[str, Any] | str) -> Called:
        made = await called(
            self._bench,
            name,
            arguments,
            session_id=self._session_id,
            agent=self.agent,
            metadata=self.metadata,
            turn=next(self._turns) if self._turn is None else self._turn,
        )
        _log.info("called", function=name, arguments=arguments, outcome=made.outcome, content=made.content)
        return made

    def _spec(self, name: str) -> FunctionSpec:
        if name not in self.specs:
            raise LookupError(f"There is no function {name!r}; there are {', '.join(self.specs)}.")
        return self.specs[name]


async def called(
    bench: Bench,
    name: str,
    arguments: Mapping[str, Any] | str,
    *,
    session_id: str,
    agent: str,
    metadata: Mapping[str, str] | None = None,
    turn: int | None = None,
) -> Called:
    """One call, and what came of it.

    Args:
        arguments: an object, or the text a model wrote.
        session_id: of ``bench.open_session``.
    """
    outcome, effects = await bench.call(name, arguments, session_id=session_id, agent=agent, metadata=metadata, turn=turn)
    spec = bench.registry.specs.get(name)
    return Called(
        outcome=outcome.outcome,
        content=outcome.content,
        result=outcome.result,
        arguments=outcome.arguments,
        said=tuple(effect.arguments["text"] for effect in effects if effect.operation == "say"),
        prompts=tuple(effect.arguments["text"] for effect in effects if effect.operation == "update_prompt"),
        plans=tuple(_plan(effect) for effect in effects if effect.operation == "later"),
        stored=await bench.stored(spec) if spec is not None and spec.kind == "handler" else {},
        ended=any(effect.operation == "end_session" for effect in effects),
        handed_over=next((effect.arguments["agent"] for effect in effects if effect.operation == "hand_over"), None),
        duration_s=outcome.duration_s,
    )


async def _open(bench: Bench) -> tuple[str, RecordedSession]:
    return bench.open_session()


async def _within(timeout_s: float, session: RecordedSession, number: int) -> list[str]:
    async with asyncio.timeout(timeout_s):
        await session.until_said(number)
    return list(session.said)


def _plan(effect: Effect) -> Plan:
    asked = effect.arguments
    return Plan(asked["seconds"], asked["say"], asked["call"], asked["arguments"], asked["label"])
