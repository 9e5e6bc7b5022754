"""One connection of the scripted peer: what comes is given to the conversation while one is played, and to the rules else."""

import asyncio
from typing import Final

from agentd.audio.formats import AudioFormat
from agentd.engine.line import Hangup, Line
from agentd.engine.scripted.answers import Answers, is_update
from agentd.engine.scripted.conversation import Player
from agentd.engine.scripted.ear import Heard, LoudnessEar
from agentd.engine.scripted.expectations import SPEECH
from agentd.engine.scripted.inbox import Came
from agentd.engine.scripted.performer import Performer
from agentd.engine.scripted.report import Played
from agentd.engine.scripted.rules import Rules
from agentd.engine.scripted.scenario import Scenario
from agentd.engine.turns import Turns
from agentd.protocol import messages as wire
from agentd.protocol import settings as documents

MAX_EARLY_S: Final = 10.0
"""Audio kept until Settings are applied: the latest of it, where a script never applies them."""


class ScriptedDialogue:
    """Plays a scenario on one connection. Turns run one after the other; the user's speech cuts the one that runs.

    Args:
        line: to the client.
        scenario: what to play.
        rules: shared by the connections of the scenario.
        number: of this connection among them.
        played: takes the verdicts; None where the scenario has no conversation.
    """

    def __init__(self, line: Line, scenario: Scenario, rules: Rules, *, number: int, played: Played | None) -> None:
        self._line = line
        self._scenario = scenario
        self._rules = rules
        self._turns = Turns(line)
        self._performer = Performer(line, scenario, number=number)
        self._answers = Answers(self._performer, scenario, rules)
        self._audio: AudioFormat | None = None
        self._ear: LoudnessEar | None = None
        self._early = bytearray()
        self._heard_s = 0.0
        self._conversation: asyncio.Task[None] | None = None
        self._player = (
            Player(line, scenario, performer=self._performer, answers=self._answers, played=played, leave=self._take_over)
            if played is not None
            else None
        )

    async def welcome(self, welcome: wire.Welcome) -> None:
        """The client has connected."""
        await self._answers.note("connect")
        self._performer.outlet.send(welcome)
        self.begin()

    def begin(self) -> None:
        """Begin the conversation, if there is one; Welcome is out."""
        if self._player is not None:
            self._conversation = self._line.spawn(self._player.run(), "conversation")

    def leave(self) -> None:
        """Another scenario goes on from here, Settings not yet taken."""
        if self._conversation is not None:
            self._conversation.cancel()

    def closed(self, hangup: Hangup) -> None:
        """The connection is closed."""
        if self._player is not None:
            self._player.closed(hangup)

    def take_settings(self, settings: dict[str, object]) -> None:
        """Settings have come, and are valid."""
        self._performer.settings = settings
        self._audio = AudioFormat(*documents.input_format(settings))  # type: ignore[arg-type]
        self._ear = LoudnessEar(self._audio)

    # -- what the server calls --------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Run the rule for Settings, apply them, greet; or give them to the conversation."""
        self._line.spawn(self._turns.run(), "turns")
        if self._playing is not None:
            self._playing.inbox.put(Came("Settings", wire.Settings.model_validate(self._performer.settings)))
        else:
            self._turns.add(self._answers.begin(then=self._hear_early))

    async def hear(self, audio: bytes) -> None:
        """Listen for loud and quiet; audio that comes before SettingsApplied is kept until then."""
        if self._audio is None:
            raise AssertionError("audio is taken after Settings")
        before_s, self._heard_s = self._heard_s, self._heard_s + self._audio.duration_s(len(audio))
        for rule in self._rules.answer_audio(before_s, self._heard_s):
            self._line.spawn(self._performer.play(rule.steps), "audio rule")
        if self._playing is not None:
            self._playing.inbox.put_audio(self._heard_s - before_s)
        elif not self._answers.applied.is_set():
            self._early += audio
            del self._early[: -self._audio.bytes_for(MAX_EARLY_S)]
            return
        self._listen(audio)

    async def handle(self, message: wire.Message) -> None:
        """Take a text frame; turns queue up, updates and injections run beside them."""
        match message:
            case wire.KeepAlive():
                self._line.spawn(self._answers.note("keepalive"), "keepalive rule")
            case wire.ForceEndTurn():
                self._line.spawn(self._answers.note("force_end_turn"), "force_end_turn rule")
            case _:
                pass
        if self._playing is not None:
            self._playing.inbox.put(Came(message.type, message))
        else:
            self._answer(message)
        if isinstance(message, wire.ForceEndTurn) and self._ear is not None and self._ear.end():
            self._end_utterance()

    # -- turns ------------------------------------------------------------------------------------------------------

    @property
    def _playing(self) -> Player | None:
        return None if self._player is None or self._player.over else self._player

    def _take_over(self, left: list[Came]) -> None:
        """The conversation is over: the rules answer what it has not looked at, and what comes from now on."""
        for came in left:
            if came.message is not None:
                self._answer(came.message)
            else:
                self._end_utterance()

    def _answer(self, message: wire.Message) -> None:
        match message:
            case wire.InjectUserMessage(content=text):
                self._turns.add(self._answers.user_turn(text, self._rules.answer("inject_user", text), spoken=False))
            case wire.FunctionCallResponse():
                if self._performer.take_answer(message):
                    self._turns.add(self._answers.result(message.content))
            case wire.InjectAgentMessage(message=text):
                self._line.spawn(self._answers.injected(text), "inject")
            case _ if is_update(message):
                self._line.spawn(self._answers.update(message), "update")
            case _:
                pass

    def _hear_early(self) -> None:
        """Settings are applied: listen to what came too early."""
        early, self._early = bytes(self._early), bytearray()
        self._listen(early)

    def _listen(self, audio: bytes) -> None:
        for heard in self._ear.feed(audio) if self._ear is not None else ():
            if heard is Heard.BEGIN:
                self._cut()
            else:
                self._end_utterance()

    def _cut(self) -> None:
        """The user begins to speak: what runs is over, calls are withdrawn, unsent audio is gone."""
        self._performer.outlet.send(wire.UserStartedSpeaking())
        self._turns.cut()
        if self._playing is not None:
            self._playing.cut()
        self._performer.cut()
        self._line.spawn(self._answers.note("speech_started"), "speech rule")

    def _end_utterance(self) -> None:
        if self._playing is not None:
            self._playing.inbox.put(Came(SPEECH))
            return
        text, rule = self._rules.answer_speech()
        self._turns.add(self._answers.user_turn(text, rule, spoken=True))
