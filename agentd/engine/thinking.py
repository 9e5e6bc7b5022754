"""The agent's mind: rounds of thinking and calling until the reply is said, over the think blocks in their order."""

import asyncio
import copy
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from typing import Any, Final, Protocol, runtime_checkable

import structlog

from agentd.engine.calls import Calls
from agentd.engine.draft import Draft
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

REQUEST_S: Final = 180.0
"""Longest one request may take, however busily the thinker answers."""

SLOW_THINK_S: Final = 5.0
"""Silence after which the client is told that it takes long."""

APOLOGY_S: Final = 15.0
"""How long the conversation may outlive its thinking, to say so."""

CANNOT_THINK: Final = "Sorry, I am having trouble thinking. Please try again later."
CLOSE_S: Final = 2.0
"""How long a provider's connection may take to close."""

LOST: Final = "Sorry, I got lost in that. Could you ask me again?"

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
        self._scratch_before: dict[str, Any] | None = None

    def configure(self, settings: dict[str, Any]) -> None:
        """Think by these settings from the next round on."""
        blocks = documents.think_blocks(settings) or [{}]
        before, self._blocks = self._blocks, [(block, self._thinker(block)) for block in blocks]
        kept = {id(thinker) for _, thinker in self._blocks}
        for _, thinker in before:
            if id(thinker) not in kept:
                self._line.spawn(_leave(thinker), "think:close")

    async def run(self) -> None:
        """Wait for the conversation's end, then close what the thinkers hold open."""
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for _, thinker in self._blocks:
                await _leave(thinker)

    def request(self) -> ThinkRequest:
        """What the first think block would be asked now."""
        return self._request(self._blocks[0][0])

    async def answer(self, clock: TurnClock, draft: Draft | None = None) -> None:
        """Answer what was said last; returns when the reply is sent.

        Args:
            clock: of the turn.
            draft: it is not certain that the user is done: nothing may be heard yet.

        Raises:
            Hangup: no think provider answers, or one calls functions that do not exist and was told so. The user has been told
                by then.
        """
        self._scratch_before = copy.deepcopy(self._scratch) if draft is not None else None
        told_of_functions = False
        for _ in range(MAX_ROUNDS):
            speech = Speech(clock) if draft is None else draft.speech()
            try:
                block, calls = await self._round(speech, clock)
            except _NobodyAnswered as failed:
                raise await self._give_up("FAILED_TO_THINK", str(failed), clock, draft) from None
            finally:
                speech.finish()
            if not calls:
                if speech.sentences:
                    await speech.over.wait()
                return
            clock.thought_of_call(self._clock())
            functions = {str(function.get("name")): function for function in _functions(block)}
            unknown = next((call.name for call in calls if call.name not in functions), None)
            if unknown is not None and told_of_functions:
                description = f"The think provider called {unknown[:64]!r}, which is not declared, and would not be corrected."
                raise await self._give_up("NON_EXISTENT_FUNCTION_CALLED", description, clock, draft)
            told_of_functions = told_of_functions or unknown is not None
            await self._call(calls, functions, draft)
            clock.lap(FUNCTIONS, self._clock())
        self._line.warn("THINK_REQUEST_FAILED", f"The think provider wanted more than {MAX_ROUNDS} rounds of calls in one turn.")
        await self._say(LOST, clock, draft)

    def drop_draft(self) -> None:
        """What was thought ahead is forgotten."""
        if self._scratch_before is not None:
            self._scratch, self._scratch_before = self._scratch_before, None

    async def _call(self, calls: list[Call], functions: dict[str, dict[str, Any]], draft: Draft | None) -> None:
        """Make the calls of a round; those that the client wants deferred once it is certain that the user is done."""
        if draft is not None and not draft.certain.is_set():
            deferred = [call for call in calls if functions.get(call.name, {}).get("defer_until_eot") is True]
            at_once = [call for call in calls if call not in deferred]
            if at_once:
                draft.called = True
                await self._calls.make(at_once, functions)
            if not deferred:
                return
            await draft.certain.wait()
            calls = deferred
        await self._calls.make(calls, functions)

    def _thinker(self, block: dict[str, Any]) -> Thinker:
        """The thinker for a block: the one in use where only the prompt or the functions change, for its connection is open."""
        for used, thinker in self._blocks:
            if used.get("endpoint") == block.get("endpoint") and used.get("provider") == block.get("provider"):
                return thinker
        return self._make_thinker(block)

    async def _round(self, speech: Speech, clock: TurnClock) -> tuple[dict[str, Any], list[Call]]:
        """One request, to the first think block that answers; the block and its calls.

        A provider that fails after its first words is not replaced: what it said is the reply, as far as it goes.

        Raises:
            _NobodyAnswered: every one failed before it said a word.
        """
        failures: list[str] = []
        for block, thinker in self._blocks:
            calls: list[Call] = []
            try:
                async with aclosing(self._ask(thinker, self._request(block))) as events:
                    async for event in events:
                        self._take(event, speech, clock, calls)
            except ThinkFailed as failure:
                failures.append(str(failure))
                self._line.warn("THINK_REQUEST_FAILED", str(failure))
                if not speech.sentences and not calls:
                    continue
            return block, calls
        raise _NobodyAnswered(f"No think provider answered: {'; '.join(failures)}")

    async def _give_up(self, code: str, description: str, clock: TurnClock, draft: Draft | None) -> Hangup:
        """The end of the conversation, once the user has heard of it: many clients fall silent at an Error."""
        speech = await self._say(CANNOT_THINK, clock, draft)
        heard = max((sentence.end for sentence in speech.sentences), default=0.0)
        await asyncio.sleep(min(max(0.0, heard - self._clock()), APOLOGY_S))
        return Hangup.failed(code, description)

    async def _say(self, text: str, clock: TurnClock, draft: Draft | None) -> Speech:
        """Say something of our own, once it is certain that the user is done, and wait, within bounds, until it is sent."""
        if draft is not None:
            await draft.certain.wait()
        speech = Speech(clock)
        self._take(Say(text), speech, clock, [])
        speech.finish()
        with suppress(TimeoutError):
            async with asyncio.timeout(APOLOGY_S):
                await speech.over.wait()
        return speech

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
        """The thinker's events, with a bound on the wait for each and on all."""
        loop = asyncio.get_running_loop()
        last = loop.time() + REQUEST_S
        slow = loop.call_later(SLOW_THINK_S, self._line.warn, "SLOW_THINK_REQUEST", "The think provider takes long.")
        events = thinker.think(request)
        try:
            while True:
                async with asyncio.timeout_at(min(loop.time() + THINK_S, last)):
                    event = await anext(events, None)
                slow.cancel()
                if event is None:
                    return
                yield event
        except TimeoutError:
            raise ThinkFailed(f"no end of the answer within {REQUEST_S if loop.time() >= last else THINK_S:g} seconds") from None
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


@runtime_checkable
class _Closing(Protocol):
    """A thinker that holds something open between requests."""

    async def aclose(self) -> None: ...


class _NobodyAnswered(Exception):
    """Every think block failed; the text says how."""


def _functions(block: dict[str, Any]) -> list[dict[str, Any]]:
    return [function for function in block.get("functions") or () if isinstance(function, dict)]


async def _leave(thinker: Thinker) -> None:
    """Close what a thinker holds open between requests."""
    if isinstance(thinker, _Closing):
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await thinker.aclose()


async def _close(events: AsyncIterator[ThinkEvent]) -> None:
    """Stop a thinker that was left in the middle."""
    if isinstance(events, AsyncGenerator):
        await events.aclose()
