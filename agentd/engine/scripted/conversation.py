"""A conversation played in order: steps of the peer, and expectations of what the client does."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from agentd.engine.line import Hangup, Line
from agentd.engine.scripted.answers import Answers, is_update
from agentd.engine.scripted.expectations import AUDIO, CLOSE, NOTHING, SPEECH, Expect, ExpectAll
from agentd.engine.scripted.inbox import FAILED, Came, Inbox
from agentd.engine.scripted.kinds import Say
from agentd.engine.scripted.matching import differences, shown
from agentd.engine.scripted.performer import Performer
from agentd.engine.scripted.report import Played, Result
from agentd.engine.scripted.scenario import Scenario
from agentd.engine.scripted.steps import Step
from agentd.protocol import messages as wire

_SHOWN: Final = 400
_log = structlog.get_logger("agentd.engine")


class Player:
    """Plays the conversation of one connection.

    Args:
        line: owns the tasks.
        scenario: what to play.
        performer: does the steps.
        answers: what the server does by itself.
        played: takes the verdicts.
        leave: given what came after the last step, when the rules take over.

    Attributes:
        inbox: where what comes is put until the last step was played.
        over: whether it was.
    """

    def __init__(
        self, line: Line, scenario: Scenario, *, performer: Performer, answers: Answers, played: Played,
        leave: Callable[[list[Came]], None],
    ) -> None:  # fmt: skip
        self._line = line
        self._scenario = scenario
        self._performer = performer
        self._answers = answers
        self._played = played
        self._leave = leave
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._speaking: asyncio.Task[str] | None = None
        self.inbox = Inbox()
        self.over = False

    # -- playing ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Play to the end.

        Raises:
            Hangup: a step ends the connection, or an expectation was not met.
        """
        results = iter(self._played.results)
        said: list[str] = []
        if not _begins_with_settings(self._scenario.conversation):
            await self._open()
        for step in self._scenario.conversation:
            if isinstance(step, Say):
                said.append(await self._say(step))
                continue
            self._performer.finish(said)
            said.clear()
            if isinstance(step, Expect | ExpectAll):
                await self._meet(step, next(results))
            else:
                await self._performer.do(step, wait=False)
        self._performer.finish(said)
        self.over = self._played.over = True
        left = list(self.inbox.waiting)
        self.inbox.waiting.clear()
        self._leave(left)

    def cut(self) -> None:
        """The user speaks: what is being said ends, and the conversation goes on with the next step."""
        if self._speaking is not None:
            self._speaking.cancel()

    def closed(self, hangup: Hangup) -> None:
        """The connection is closed: judge what was expected of its end.

        A client may leave while the steps before ``expect: close`` are still played: it has what it wants.
        """
        result = next((result for result in self._played.results if result.status == "not_reached"), None)
        step = self._scenario.conversation[result.step - 1] if result is not None else None
        if result is None or not isinstance(step, Expect) or step.expect != CLOSE:
            return
        code = 1006 if hangup.code is None else int(hangup.code)
        if not hangup.by_client:
            self._judge(result, f"the connection closed with {code}, but not by the client")
        else:
            self._judge(result, "" if step.code in {None, code} else f"the client closed with {code}")

    async def _say(self, step: Say) -> str:
        self._speaking = self._line.spawn(self._performer.say(step), "speech")
        await asyncio.wait((self._speaking,))
        spoken, self._speaking = self._speaking, None
        return "" if spoken.cancelled() else spoken.result()

    async def _open(self) -> None:
        """Do as any server does at first: the script's first step is a later one."""
        waiting = self.inbox.waiting
        await self.inbox.until(lambda: bool(waiting), None)  # the idle limit ends it
        waiting.popleft()  # nothing but Settings can be first
        await self._answers.begin()

    # -- expecting --------------------------------------------------------------------------------------------------

    async def _meet(self, step: Expect | ExpectAll, result: Result) -> None:
        fault = await self._fault(step)
        self._judge(result, fault)
        if fault:
            place = f"step {result.step}" + (f" (line {result.line})" if result.line else "")
            _log.warning(
                "script_expectation_failed", request_id=self._line.request_id, scenario=self._scenario.name,
                step=result.step, line=result.line, expected=result.expected, got=fault,
            )  # fmt: skip
            told = f"{self._scenario.name}, {place}: expected {result.expected}: {fault}."
            raise Hangup.failed(FAILED, told)

    async def _fault(self, step: Expect | ExpectAll) -> str:
        """Wait for what is expected; "" or what came instead."""
        deadline = self._loop.time() + step.within_s
        if isinstance(step, Expect):
            if step.expect == NOTHING:
                return await self._nothing(step)
            if step.expect == AUDIO:
                return await self._audio(step, deadline)
            if step.expect == CLOSE:
                return await self._no_close(step, deadline)
        missing = list(step.wanted)
        while missing:
            came = await self._next(missing, deadline)
            if came is None:
                return f"{_told(missing)} did not come within {step.within_s:g} s"
            problems = [_problems(wanted, came) for wanted in missing]
            if all(problems):
                nearest = next(
                    (problem for wanted, problem in zip(missing, problems, strict=True) if wanted.expect == came.kind), []
                )
                return "; ".join([f"got {came}", *nearest])
            wanted = missing.pop(problems.index([]))
            if came.kind == "Settings":
                self._answers.applied.set()  # whoever says so to the client: what comes from now on need not wait
            if wanted.answer:
                await self._answer(came, wanted)
        return ""

    async def _next(self, wanted: list[Expect], deadline: float) -> Came | None:
        """The next thing that is not to be ignored; None when none came in time."""
        kinds = {one.expect for one in wanted}
        waiting = self.inbox.waiting

        def there() -> bool:
            while waiting and waiting[0].kind not in kinds and self._ignored(waiting[0]):
                waiting.popleft()
            return bool(waiting)

        return waiting.popleft() if await self.inbox.until(there, deadline) else None

    def _ignored(self, came: Came) -> bool:
        return came.kind in self._scenario.ignore or (came.kind == SPEECH and AUDIO in self._scenario.ignore)

    async def _nothing(self, step: Expect) -> str:
        waiting, begun_s = self.inbox.waiting, self.inbox.audio_s

        def forbidden(came: Came) -> bool:
            return came.kind in step.of if step.of is not None else not self._ignored(came)

        def broken() -> bool:
            return any(forbidden(came) for came in waiting) or (self.inbox.audio_s > begun_s and self._no_audio(step))

        if not await self.inbox.until(broken, self._loop.time() + step.for_s):
            return ""
        return f"got {next((came for came in waiting if forbidden(came)), AUDIO)}"

    def _no_audio(self, step: Expect) -> bool:
        return AUDIO in step.of if step.of is not None else AUDIO not in self._scenario.ignore

    async def _audio(self, step: Expect, deadline: float) -> str:
        inbox = self.inbox
        if not await inbox.until(lambda: inbox.audio_s > 0 and inbox.audio_s >= step.min_s, deadline):
            return f"{inbox.audio_s:.2f} s of audio came within {step.within_s:g} s"
        inbox.audio_s = 0.0
        return ""

    async def _no_close(self, step: Expect, deadline: float) -> str:
        """Returns only if the client stays: its leaving ends this task."""
        came = await self._next([], deadline)
        return f"got {came}" if came is not None else f"the client did not close within {step.within_s:g} s"

    def _judge(self, result: Result, fault: str) -> None:
        result.status = "failed" if fault else "passed"
        result.got = fault
        result.after_s = self._loop.time() - self._began

    # -- answering --------------------------------------------------------------------------------------------------

    async def _answer(self, came: Came, wanted: Expect) -> None:
        """Do what any server does for it."""
        answers, performer = self._answers, self._performer
        match came.message:
            case None:
                await answers.user_turn(wanted.hears or self._scenario.speech_default, None, spoken=True, default=False)
            case wire.Settings():
                await answers.begin()
            case wire.InjectUserMessage(content=text):
                await answers.user_turn(text, None, spoken=False, default=False)
            case wire.InjectAgentMessage(message=text):
                await answers.injected(text)
            case wire.FunctionCallResponse():
                performer.take_answer(came.message)
            case message if is_update(message):
                await answers.update(message)
            case _:
                pass


def results_of(scenario: Scenario) -> list[Result]:
    """The expectations of a scenario before any is judged."""
    return [
        Result(number + 1, scenario.line_of(number), _told(step.wanted) + _timing(step))
        for number, step in enumerate(scenario.conversation)
        if isinstance(step, Expect | ExpectAll)
    ]


def _problems(wanted: Expect, came: Came) -> list[str]:
    """Why this is not what is wanted; empty when it is."""
    if wanted.expect != came.kind:
        return [f"it is no {wanted.expect}"]
    return differences(wanted.fields, {} if came.message is None else came.message.wire())


def _told(wanted: Sequence[Expect]) -> str:
    """What is wanted, for a person."""
    texts = [f"{one.expect} {shown(one.fields, _SHOWN)}" if one.fields else one.expect for one in wanted]
    counted = {text: texts.count(text) for text in texts}
    return " and ".join(text if count == 1 else f"{count} times {text}" for text, count in counted.items())


def _timing(step: Expect | ExpectAll) -> str:
    if isinstance(step, Expect) and step.expect == NOTHING:
        return f" for {step.for_s:g} s"
    code = f" with code {step.code}" if isinstance(step, Expect) and step.expect == CLOSE and step.code is not None else ""
    return f"{code} within {step.within_s:g} s"


def _begins_with_settings(conversation: tuple[Step, ...]) -> bool:
    first = next((step for step in conversation if isinstance(step, Expect | ExpectAll)), None)
    return isinstance(first, Expect) and first.expect == "Settings"
