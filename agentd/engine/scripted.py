"""A scripted turn-taker: the engine's server with a script for ears, mind and voice; the peer of the daemon's tests."""

import asyncio
from typing import Any, Final

from aiohttp import web

from agentd.audio.formats import AudioFormat
from agentd.engine.admission import Refusal
from agentd.engine.line import Line
from agentd.engine.performer import SAID_LATENCY_S, Performer
from agentd.engine.reception import Reception
from agentd.engine.script import Rule, Rules, Script
from agentd.engine.tone import Heard, LoudnessEar
from agentd.engine.turns import Turns
from agentd.protocol import messages as wire
from agentd.protocol import settings as documents

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

    async def receive(self, request: web.Request) -> Reception:
        """Receive a connection as the script says.

        Raises:
            Refusal: with the script's status.
        """
        script = self._script
        if script.refuse and (script.refuse_times is None or self._refused < script.refuse_times):
            self._refused += 1
            headers = {} if script.retry_after_s is None else {"Retry-After": str(script.retry_after_s)}
            raise Refusal(script.refuse, "SCRIPTED", script.refuse_reason, headers)
        return Reception(self._dialogue)

    def _dialogue(self, line: Line, settings: dict[str, Any]) -> "ScriptedDialogue":
        return ScriptedDialogue(line, settings, self._script, self._rules)


class ScriptedDialogue:
    """Plays the script on one connection. Turns run one after the other; the user's speech cuts the one that runs."""

    def __init__(self, line: Line, settings: dict[str, Any], script: Script, rules: Rules) -> None:
        self._line = line
        self._script = script
        self._rules = rules
        self._full = script.mode == "full"
        self._ear = LoudnessEar(AudioFormat(*documents.input_format(settings)))  # type: ignore[arg-type]
        self._turns = Turns(line)
        self._performer = Performer(line, settings, script, rules, self._turns)
        self._applied = asyncio.Event()
        self._early = bytearray()

    # -- what the server calls --------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Run the rule for Settings, apply them, greet."""
        self._line.spawn(self._turns.run(), "turns")
        self._turns.add(self._begin())

    async def hear(self, audio: bytes) -> None:
        """Listen for loud and quiet; audio that comes before SettingsApplied is kept until then."""
        if not self._applied.is_set():
            self._early += audio
            return
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
                self._performer.take_answer(message)
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
        rule = self._rules.answer("settings", documents.prompt(self._performer.settings) or "")
        if rule is not None:
            await self._performer.play(rule.steps)
        self._performer.send(wire.SettingsApplied())
        self._applied.set()
        early, self._early = bytes(self._early), bytearray()
        await self.hear(early)
        greeting = documents.greeting(self._performer.settings)
        if greeting is not None:
            await self._performer.say(greeting, self._script.greeting_audio_s)
            self._performer.audio_done()
            self._performer.history("assistant", greeting)

    def _cut(self) -> None:
        """The user begins to speak: what runs is over, calls are withdrawn, unsent audio is gone."""
        self._performer.send(wire.UserStartedSpeaking())
        self._turns.cut()
        self._performer.cut()

    def _end_utterance(self) -> None:
        text, rule = self._rules.answer_speech()
        self._turns.add(self._user_turn(text, rule, spoken=True))

    async def _user_turn(self, text: str, rule: Rule | None, *, spoken: bool) -> None:
        self._performer.text = text
        self._performer.send(wire.ConversationText(role="user", content=text))
        if self._full:
            self._performer.send(wire.EndOfTurn(trigger="model" if spoken else "manual"))
        self._performer.history("user", text)
        if self._full:
            self._performer.send(wire.AgentThinking(content="Following the script."))
        self._performer.report = wire.LatencyReport(
            stt_latency=SAID_LATENCY_S if spoken else None,
            ttt_text_latency=SAID_LATENCY_S,
            tts_latency=SAID_LATENCY_S,
            total_latency=SAID_LATENCY_S * (3 if spoken else 2),
        )
        await self._performer.play((self._script.default,) if rule is None else rule.steps)

    async def _update(self, message: wire.Message) -> None:
        await self._applied.wait()
        match message:
            case wire.UpdatePrompt(prompt=text):
                self._performer.settings = documents.append_prompt(self._performer.settings, text)
            case wire.UpdateThink(think=block):
                self._performer.settings = documents.with_think(self._performer.settings, _listed(block))
            case wire.UpdateSpeak(speak=block):
                self._performer.settings = documents.with_speak(self._performer.settings, _listed(block))
            case _:
                pass
        rule = self._rules.answer("update", message.type)
        if rule is not None:
            await self._performer.play(rule.steps)
        self._performer.send(_ACKS[type(message)].model_validate({}))

    async def _injected(self, text: str) -> None:
        await self._applied.wait()
        rule = self._rules.answer("inject_agent", text)
        if rule is not None:
            self._performer.text = text
            await self._performer.play(rule.steps)
            return
        await self._performer.say(text, self._script.default.audio_s or 0.0)
        self._performer.audio_done()
        self._performer.history("assistant", text)


def _listed(block: dict[str, Any] | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As a list, which replaces the block in force: an object would be merged into it."""
    return block if isinstance(block, list) else [block]
