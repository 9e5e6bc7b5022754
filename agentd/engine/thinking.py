"""The agent's mind: rounds of thinking and calling until the reply is said, over the think blocks in their order."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, Final

import structlog

from agentd.engine.calls import Calls
from agentd.engine.latency import FUNCTIONS, THINK, TurnClock
from agentd.engine.line import Hangup, Line
from agentd.engine.memory import Memory
from agentd.engine.playback import Sentence
from agentd.engine.providers import Call, Say, Thinker, ThinkEvent, ThinkFailed, ThinkRequest, Thought
from agentd.engine.speaking import Mouth, Speech
from agentd.protocol import settings as documents
from agentd.protocol.messages import AgentThinking

MAX_ROUNDS: Final = 10
"""Rounds of calls in one turn; a model that wants more is going in circles."""

THINK_S: Final = 60.0
"""Longest silence of a thinker."""

SLOW_THINK_S: Final = 5.0
"""Silence after which the client is told that it takes long."""

MakeThinker = Callable[[dict[str, Any]], Thinker]

_log = structlog.get_logger("agentd.engine")


class Mind:
    """Answers the turns of one conversation.

    Args:
        line: to the client.
        memory: the conversation so far.
        mouth: says the replies.
        calls: makes the calls.
        make_thinker: the thinker for a think block.
        clock: the loop's time, in seconds.
    """

    def __init__(
        self,
        line: Line,
        memory: Memory,
        mouth: Mouth,
        calls: Calls,
        make_thinker: MakeThinker,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._line = line
        self._memory = memory
        self._mouth = mouth
        self._calls = calls
        self._make_thinker = make_thinker
        self._clock = clock
        self._blocks: list[tuple[dict[str, Any], Thinker]] = []
        self._scratch: dict[str, Any] = {}

    def configure(self, settings: dict[str, Any]) -> None:
        """Think by these settings from the next round on."""
        blocks = documents.think_blocks(settings) or [{}]
        self._blocks = [(block, self._make_thinker(block)) for block in blocks]

    async def answer(self, clock: TurnClock) -> None:
        """Answer what was said last; returns when the reply is sent."""
        for _ in range(MAX_ROUNDS):
            speech = Speech(clock)
            try:
                block, calls = await self._round(speech, clock)
            finally:
                speech.finish()
            if not calls:
                if speech.sentences:
                    await speech.over.wait()
                return
            clock.thought_of_call(self._clock())
            functions = {str(function.get("name")): function for function in _functions(block)}
            await self._calls.make(calls, functions)
            clock.lap(FUNCTIONS, self._clock())
        self._line.warn("THINK_REQUEST_FAILED", f"The think provider wanted more than {MAX_ROUNDS} rounds of calls in one turn.")

    async def _round(self, speech: Speech, clock: TurnClock) -> tuple[dict[str, Any], list[Call]]:
        """One request, to the first think block that answers; the block and its calls."""
        failures: list[str] = []
        for block, thinker in self._blocks:
            calls: list[Call] = []
            try:
                async for event in self._ask(thinker, self._request(block)):
                    self._take(event, speech, clock, calls)
            except ThinkFailed as failure:
                failures.append(str(failure))
                self._line.warn("THINK_REQUEST_FAILED", str(failure))
                if not speech.sentences and not calls:
                    continue
            return block, calls
        raise Hangup.failed("FAILED_TO_THINK", f"No think provider answered: {'; '.join(failures)}")

    def _request(self, block: dict[str, Any]) -> ThinkRequest:
        return ThinkRequest(
            prompt=block.get("prompt") or "",
            messages=self._memory.messages(),
            functions=tuple(_functions(block)),
            provider=block.get("provider") or {},
            endpoint=block.get("endpoint"),
            context_length=block.get("context_length"),
            session=self._scratch,
        )

    async def _ask(self, thinker: Thinker, request: ThinkRequest) -> AsyncGenerator[ThinkEvent]:
        """The thinker's events, with a bound on the wait for each."""
        loop = asyncio.get_running_loop()
        slow = loop.call_later(SLOW_THINK_S, self._line.warn, "SLOW_THINK_REQUEST", "The think provider takes long.")
        events = thinker.think(request)
        try:
            while True:
                async with asyncio.timeout(THINK_S):
                    event = await anext(events, None)
                slow.cancel()
                if event is None:
                    return
                yield event
        except TimeoutError:
            raise ThinkFailed(f"no answer within {THINK_S:g} seconds") from None
        finally:
            slow.cancel()
            await _close(events)

    def _take(self, event: ThinkEvent, speech: Speech, clock: TurnClock, calls: list[Call]) -> None:
        match event:
            case Say(text) if text.strip() and not speech.cut:
                if not speech.sentences:
                    clock.lap(THINK, self._clock())
                    self._mouth.add(speech)
                sentence = Sentence(text.strip())
                self._memory.agent_says(sentence)
                speech.say(sentence)
            case Call():
                calls.append(event)
            case Thought(text):
                self._line.send(AgentThinking(content=text))
            case _:
                pass


def _functions(block: dict[str, Any]) -> list[dict[str, Any]]:
    return [function for function in block.get("functions") or () if isinstance(function, dict)]


async def _close(events: AsyncIterator[ThinkEvent]) -> None:
    """Stop a thinker that was left in the middle."""
    if isinstance(events, AsyncGenerator):
        await events.aclose()
