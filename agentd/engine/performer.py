"""What the scripted peer does in each step: speak, call and wait, stall, refuse, misbehave."""

import asyncio
import re
from typing import Any, Final
from uuid import uuid4

from agentd.audio.formats import AudioFormat
from agentd.engine import abilities
from agentd.engine.line import Hangup, Line
from agentd.engine.script import Rules, Script, Step
from agentd.engine.tone import tone
from agentd.engine.turns import Turns
from agentd.protocol import messages as wire
from agentd.protocol import settings as documents

STEP_OF_AUDIO_S: Final = 0.1
"""Audio sent at a time in real time."""

SAID_LATENCY_S: Final = 0.1
"""What the script claims for every latency; the numbers are made up, their presence is not."""

RESULT_AUDIO_S: Final = 0.3
"""Length of a result that is said because no step waits for it."""

_PLACEHOLDER: Final = re.compile(r"\{(text|result|prompt|voice|context)\}")


class Performer:
    """Plays the steps of one connection.

    Args:
        line: to the client.
        settings: its Settings document.
        script: says the mode.
        rules: answer function results.
        turns: where a result is answered that no step waits for.

    Attributes:
        settings: the document in force, changed by updates.
        text: what the user said last.
        report: the LatencyReport due with the next audio, if one is.
    """

    def __init__(self, line: Line, settings: dict[str, Any], script: Script, rules: Rules, turns: Turns) -> None:
        self._line = line
        self._rules = rules
        self._turns = turns
        self._full = script.mode == "full"
        self._calls: dict[str, wire.FunctionCall] = {}
        self._awaited: tuple[str, asyncio.Future[None]] | None = None
        self._speech = asyncio.Lock()
        self._audio_open = False
        self._muted: set[str] = set()
        self._result = ""
        self.settings = settings
        self.text = ""
        self.report: wire.LatencyReport | None = None

    # -- steps ------------------------------------------------------------------------------------------------------

    async def play(self, steps: tuple[Step, ...]) -> None:
        """Do the steps one after the other."""
        said: list[str] = []
        for number, step in enumerate(steps):
            if step.say is None and step.audio_s is None:
                self.audio_done()
            if step.call is not None:
                await self._call(step, last=number == len(steps) - 1)
            elif step.say is not None or step.audio_s is not None:
                text = self._fill(step.say) if step.say is not None else None
                await self.say(text, step.audio_s or 0.0, realtime=step.realtime)
                said += [text] if text else []
            elif step.stall_s is not None:
                await asyncio.sleep(step.stall_s)
            else:
                self._act(step)
        self.audio_done()
        if said:
            self.history("assistant", " ".join(said))

    def _act(self, step: Step) -> None:
        """The steps that take no time."""
        if step.drop:
            raise Hangup(None, "the script drops the connection")
        if step.close is not None:
            raise Hangup(step.close, "the script closes the connection")
        if step.error is not None:
            raise Hangup.failed(step.error, step.description)
        if step.warning is not None:
            self._line.warn(step.warning, step.description)
        if step.raw is not None:
            self.send(wire.Unknown.model_validate(step.raw))
        if step.text is not None:
            self._line.send_unchecked(step.text)
        if step.refuse is not None:
            self.send(wire.InjectionRefused(message=step.refuse))
        if step.mute is not None:
            self._muted.add(step.mute)
        if step.interrupt:
            self.send(wire.UserStartedSpeaking())

    async def say(self, text: str | None, audio_s: float, *, realtime: bool = False) -> None:
        """Speak: the text, then a tone."""
        async with self._speech:
            if text is not None:
                self.send(wire.ConversationText(role="assistant", content=text))
            self._audio_open = True
            if self._full and audio_s:
                ttt, tts = SAID_LATENCY_S, SAID_LATENCY_S
                self.send(wire.AgentStartedSpeaking(total_latency=ttt + tts, tts_latency=tts, ttt_latency=ttt))
            if self.report is not None:
                self.send(self.report)
                self.report = None
            audio = AudioFormat(*documents.output_format(self.settings))  # type: ignore[arg-type]
            sound = tone(audio, audio_s)
            step = audio.bytes_for(STEP_OF_AUDIO_S)
            for start in range(0, len(sound), step):
                self._line.send_audio(sound[start : start + step])
                await (asyncio.sleep(STEP_OF_AUDIO_S) if realtime else self._line.room())

    def audio_done(self) -> None:
        """AgentAudioDone, once for what was said since the last."""
        if self._audio_open:
            self._audio_open = False
            self.send(wire.AgentAudioDone())

    def cut(self) -> None:
        """Stop: calls are withdrawn, unsent audio is gone."""
        self._line.cancel_calls()
        self._calls.clear()
        self._line.drop_audio()
        self.audio_done()

    # -- function calls ---------------------------------------------------------------------------------------------

    async def _call(self, step: Step, *, last: bool) -> None:
        call = wire.FunctionCall.model_validate(
            {
                "id": step.id or f"fc_{uuid4()}",
                "name": step.call,
                "arguments": step.arguments,
                "client_side": step.client_side,
            }
        )
        self._calls[call.id] = call
        self.send(wire.FunctionCallRequest(functions=[call]))
        if not step.client_side:
            response = wire.FunctionCallResponse(id=call.id, name=call.name, content=step.result)
            self.send(response)
            self._settle(response)
        elif step.wait:
            answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._awaited = (call.id, answer)
            try:
                await answer
            finally:
                self._awaited = None
        if last and step.wait:
            await self._after_result(self._result)

    def take_answer(self, response: wire.FunctionCallResponse) -> None:
        """Echo the client's answer, as the real server does, and go on with what waited for it."""
        call_id = response.id or next((call.id for call in self._calls.values() if call.name == response.name), None)
        matched = self._line.answer(response) == "matched"
        self.send(response)
        if not matched or call_id is None:
            return
        self._settle(response.model_copy(update={"id": call_id}))
        if self._awaited is not None and self._awaited[0] == call_id:
            self._awaited[1].set_result(None)
        else:
            self._turns.add(self._after_result(response.content))

    def _settle(self, response: wire.FunctionCallResponse) -> None:
        self._result = response.content
        call = self._calls.pop(response.id or "")
        if documents.history_enabled(self.settings):
            done = wire.HistoryCall(
                id=call.id, name=call.name, client_side=call.client_side, arguments=call.arguments, response=response.content
            )
            self.send(wire.History(function_calls=[done]))

    async def _after_result(self, result: str) -> None:
        """Answer a result that no step waits for: by its rule, else by saying it."""
        self._result = result
        rule = self._rules.answer("function_result", result)
        await self.play((Step(say="{result}", audio_s=RESULT_AUDIO_S),) if rule is None else rule.steps)

    # -- small things -----------------------------------------------------------------------------------------------

    def send(self, message: wire.Message) -> None:
        """Send a message, unless its type is muted."""
        if message.type not in self._muted:
            self._line.send(message)

    def history(self, role: wire.Role, text: str) -> None:
        """Tell what was said, if the client wants to know."""
        if documents.history_enabled(self.settings):
            self.send(wire.History(role=role, content=text))

    def _fill(self, template: str) -> str:
        """The text of a step with its placeholders filled in."""
        known = {
            "text": self.text,
            "result": self._result,
            "prompt": documents.prompt(self.settings) or "",
            "voice": abilities.voice(self.settings) or "",
            "context": " | ".join(_context_texts(self.settings)),
        }
        return _PLACEHOLDER.sub(lambda found: known[found[1]], template)


def _context_texts(settings: dict[str, Any]) -> list[str]:
    """What ``agent.context.messages`` tells: words as they are, calls as ``name(arguments) -> response``."""
    texts: list[str] = []
    for item in abilities.context(settings):
        if "content" in item:
            texts.append(str(item["content"]))
        texts += [f"{call['name']}({call['arguments']}) -> {call['response']}" for call in item.get("function_calls") or []]
    return texts
