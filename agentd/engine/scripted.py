"""A scripted turn-taker: the engine's server with a script for ears, mind and voice; the peer of the daemon's tests."""

import asyncio
import re
from typing import Any, Final
from uuid import uuid4

from agentd.audio.formats import AudioFormat
from agentd.engine import abilities
from agentd.engine.admission import Refusal
from agentd.engine.line import Hangup, Line
from agentd.engine.script import Rule, Rules, Script, Step
from agentd.engine.tone import Heard, LoudnessEar, tone
from agentd.engine.turns import Turns
from agentd.protocol import messages as wire
from agentd.protocol import settings as documents

STEP_OF_AUDIO_S: Final = 0.1
"""Audio sent at a time in real time."""

SAID_LATENCY_S: Final = 0.1
"""What the script claims for every latency; the numbers are made up, their presence is not."""

_ACKS: Final[dict[type[wire.Message], type[wire.Message]]] = {
    wire.UpdatePrompt: wire.PromptUpdated,
    wire.UpdateThink: wire.ThinkUpdated,
    wire.UpdateSpeak: wire.SpeakUpdated,
    wire.UpdateListen: wire.ListenUpdated,
}


class ScriptedPeer:
    """One script served to any number of connections, with the uses of its rules counted over all of them."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._rules = Rules(script)
        self._refused = 0

    def before_handshake(self) -> None:
        """Refuse the handshake if the script says so.

        Raises:
            Refusal: with the script's status.
        """
        script = self._script
        if script.refuse and (script.refuse_times is None or self._refused < script.refuse_times):
            self._refused += 1
            headers = {} if script.retry_after_s is None else {"Retry-After": str(script.retry_after_s)}
            raise Refusal(script.refuse, "SCRIPTED", script.refuse_reason, headers)

    def dialogue(self, line: Line, settings: dict[str, Any]) -> "ScriptedDialogue":
        """The turn-taker of one connection."""
        return ScriptedDialogue(line, settings, self._script, self._rules)


class ScriptedDialogue:
    """Plays the script on one connection. Turns run one after the other; the user's speech cuts the one that runs."""

    def __init__(self, line: Line, settings: dict[str, Any], script: Script, rules: Rules) -> None:
        self._line = line
        self._settings = settings
        self._script = script
        self._rules = rules
        self._full = script.mode == "full"
        self._ear = LoudnessEar(AudioFormat(*documents.input_format(settings)))  # type: ignore[arg-type]
        self._turns = Turns(line)
        self._calls: dict[str, wire.FunctionCall] = {}
        self._awaited: tuple[str, asyncio.Future[None]] | None = None
        self._speech = asyncio.Lock()
        self._audio_open = False
        self._report: wire.LatencyReport | None = None
        self._muted: set[str] = set()
        self._result = ""
        self._text = ""

    # -- what the server calls --------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Run the rule for Settings, apply them, greet."""
        self._line.spawn(self._turns.run(), "turns")
        self._turns.add(self._begin())

    async def hear(self, audio: bytes) -> None:
        """Listen for loud and quiet."""
        for heard in self._ear.feed(audio):
            if heard is Heard.BEGIN:
                self._cut()
            else:
                self._end_utterance()

    async def handle(self, message: wire.Message) -> None:
        """Take a text frame; turns queue up, updates and injections run beside them."""
        match message:
            case wire.InjectUserMessage(content=text):
                self._turns.add(self._user_turn(text, self._rules.answer("user", text), spoken=False))
            case wire.FunctionCallResponse():
                self._take_answer(message)
            case wire.InjectAgentMessage(message=text):
                self._line.spawn(self._injected(text), "inject")
            case wire.UpdatePrompt() | wire.UpdateThink() | wire.UpdateSpeak() | wire.UpdateListen():
                self._line.spawn(self._update(message), "update")
            case wire.ForceEndTurn() if self._ear.end():
                self._end_utterance()
            case _:
                pass

    # -- turns ------------------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        rule = self._rules.answer("settings", documents.prompt(self._settings) or "")
        if rule is not None:
            await self._play(rule.steps)
        self._send(wire.SettingsApplied())
        greeting = documents.greeting(self._settings)
        if greeting is not None:
            await self._say(greeting, self._script.greeting_audio_s)
            self._audio_done()
            self._history("assistant", greeting)

    def _cut(self) -> None:
        """The user begins to speak: what runs is over, calls are withdrawn, unsent audio is gone."""
        self._send(wire.UserStartedSpeaking())
        self._turns.cut()
        self._line.cancel_calls()
        self._calls.clear()
        self._line.drop_audio()
        self._audio_done()

    def _end_utterance(self) -> None:
        text, rule = self._rules.answer_speech()
        self._turns.add(self._user_turn(text, rule, spoken=True))

    async def _user_turn(self, text: str, rule: Rule | None, *, spoken: bool) -> None:
        self._text = text
        self._send(wire.ConversationText(role="user", content=text))
        if self._full:
            self._send(wire.EndOfTurn(trigger="model" if spoken else "manual"))
        self._history("user", text)
        if self._full:
            self._send(wire.AgentThinking(content="Following the script."))
        self._report = wire.LatencyReport(
            stt_latency=SAID_LATENCY_S if spoken else None,
            ttt_text_latency=SAID_LATENCY_S,
            tts_latency=SAID_LATENCY_S,
            total_latency=SAID_LATENCY_S * (3 if spoken else 2),
        )
        await self._play((self._script.default,) if rule is None else rule.steps)

    async def _update(self, message: wire.Message) -> None:
        match message:
            case wire.UpdatePrompt(prompt=text):
                self._settings = documents.append_prompt(self._settings, text)
            case wire.UpdateThink(think=block):
                self._settings = documents.with_think(self._settings, _listed(block))
            case wire.UpdateSpeak(speak=block):
                self._settings = documents.with_speak(self._settings, _listed(block))
            case _:
                pass
        rule = self._rules.answer("update", message.type)
        if rule is not None:
            await self._play(rule.steps)
        self._send(_ACKS[type(message)].model_validate({}))

    async def _injected(self, text: str) -> None:
        rule = self._rules.answer("inject_agent", text)
        if rule is not None:
            self._text = text
            await self._play(rule.steps)
            return
        await self._say(text, self._script.default.audio_s or 0.0)
        self._audio_done()
        self._history("assistant", text)

    # -- steps ------------------------------------------------------------------------------------------------------

    async def _play(self, steps: tuple[Step, ...]) -> None:
        said: list[str] = []
        for number, step in enumerate(steps):
            if step.say is None and step.audio_s is None:
                self._audio_done()
            if step.call is not None:
                await self._call(step, last=number == len(steps) - 1)
            elif step.say is not None or step.audio_s is not None:
                text = self._fill(step.say) if step.say is not None else None
                await self._say(text, step.audio_s or 0.0, realtime=step.realtime)
                said += [text] if text else []
            elif step.stall_s is not None:
                await asyncio.sleep(step.stall_s)
            else:
                self._act(step)
        self._audio_done()
        if said:
            self._history("assistant", " ".join(said))

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
            self._send(wire.Unknown.model_validate(step.raw))
        if step.text is not None:
            self._line.send_unchecked(step.text)
        if step.refuse is not None:
            self._send(wire.InjectionRefused(message=step.refuse))
        if step.mute is not None:
            self._muted.add(step.mute)
        if step.interrupt:
            self._send(wire.UserStartedSpeaking())

    async def _say(self, text: str | None, audio_s: float, *, realtime: bool = False) -> None:
        async with self._speech:
            if text is not None:
                self._send(wire.ConversationText(role="assistant", content=text))
            self._audio_open = True
            if self._full and audio_s:
                ttt, tts = SAID_LATENCY_S, SAID_LATENCY_S
                self._send(wire.AgentStartedSpeaking(total_latency=ttt + tts, tts_latency=tts, ttt_latency=ttt))
            if self._report is not None:
                self._send(self._report)
                self._report = None
            audio = AudioFormat(*documents.output_format(self._settings))  # type: ignore[arg-type]
            sound = tone(audio, audio_s)
            step = audio.bytes_for(STEP_OF_AUDIO_S)
            for start in range(0, len(sound), step):
                self._line.send_audio(sound[start : start + step])
                await (asyncio.sleep(STEP_OF_AUDIO_S) if realtime else self._line.room())

    def _audio_done(self) -> None:
        """AgentAudioDone, once for what was said since the last."""
        if self._audio_open:
            self._audio_open = False
            self._send(wire.AgentAudioDone())

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
        self._send(wire.FunctionCallRequest(functions=[call]))
        if not step.client_side:
            response = wire.FunctionCallResponse(id=call.id, name=call.name, content=step.result)
            self._send(response)
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

    def _take_answer(self, response: wire.FunctionCallResponse) -> None:
        """Echo the client's answer, as the real server does, and go on with what waited for it."""
        call_id = response.id or next((call.id for call in self._calls.values() if call.name == response.name), None)
        matched = self._line.answer(response) == "matched"
        self._send(response)
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
        if documents.history_enabled(self._settings):
            done = wire.HistoryCall(
                id=call.id, name=call.name, client_side=call.client_side, arguments=call.arguments, response=response.content
            )
            self._send(wire.History(function_calls=[done]))

    async def _after_result(self, result: str) -> None:
        """Answer a result that no step waits for: by its rule, else by saying it."""
        self._result = result
        rule = self._rules.answer("function_result", result)
        await self._play((Step(say="{result}", audio_s=0.3),) if rule is None else rule.steps)

    # -- small things -----------------------------------------------------------------------------------------------

    def _send(self, message: wire.Message) -> None:
        if message.type not in self._muted:
            self._line.send(message)

    def _history(self, role: wire.Role, text: str) -> None:
        if documents.history_enabled(self._settings):
            self._send(wire.History(role=role, content=text))

    def _fill(self, template: str) -> str:
        """The text of a step with its placeholders filled in."""
        known = {
            "text": self._text,
            "result": self._result,
            "prompt": documents.prompt(self._settings) or "",
            "voice": abilities.voice(self._settings) or "",
            "context": " | ".join(_context_texts(self._settings)),
        }
        return _PLACEHOLDER.sub(lambda found: known[found[1]], template)


_PLACEHOLDER: Final = re.compile(r"\{(text|result|prompt|voice|context)\}")


def _listed(block: dict[str, Any] | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As a list, which replaces the block in force: an object would be merged into it."""
    return block if isinstance(block, list) else [block]


def _context_texts(settings: dict[str, Any]) -> list[str]:
    """What ``agent.context.messages`` tells: words as they are, calls as ``name(arguments) -> response``."""
    texts: list[str] = []
    for item in abilities.context(settings):
        if "content" in item:
            texts.append(str(item["content"]))
        texts += [f"{call['name']}({call['arguments']}) -> {call['response']}" for call in item.get("function_calls") or []]
    return texts
