"""One conversation: ear, mind and mouth put together, and what the client's messages do to them."""

import asyncio
from collections.abc import Collection
from typing import Any, Literal

import structlog

from agentd.audio.formats import AudioFormat
from agentd.config import EngineSettings
from agentd.engine import abilities, barge_in
from agentd.engine.calls import Calls
from agentd.engine.compute import Compute
from agentd.engine.draft import Draft
from agentd.engine.hearing import Ear
from agentd.engine.latency import ENDPOINTING, LISTEN, TurnClock
from agentd.engine.line import APART_S, Line
from agentd.engine.memory import Memory
from agentd.engine.patience import Patience
from agentd.engine.providers import Ending, Providers, Transcript
from agentd.engine.speak.choice import choose, voices_of
from agentd.engine.speaking import Mouth
from agentd.engine.thinking import Mind
from agentd.engine.turns import Turns
from agentd.engine.utterance import Utterance, Words
from agentd.protocol import messages as wire
from agentd.protocol import settings as documents
from agentd.protocol.reading import object_of
from agentd.protocol.server import require_valid

_log = structlog.get_logger("agentd.engine")


class Conversation:
    """The turn-taker with models behind it. Implements ``Dialogue``, and ``Listener`` for its ear.

    Args:
        line: to the client.
        settings: its Settings document.
        providers: the models.
        compute: runs them.
        limits: endpointing, barge-in and time limits.
        allowed_endpoints: origins that think, speak and function endpoints may have.
    """

    def __init__(
        self,
        line: Line,
        settings: dict[str, Any],
        *,
        providers: Providers,
        compute: Compute,
        limits: EngineSettings,
        allowed_endpoints: Collection[str],
    ) -> None:
        self._line = line
        self._settings = settings
        self._limits = limits
        self._allowed_endpoints = allowed_endpoints
        self._clock = asyncio.get_running_loop().time
        self._memory = Memory(line.note if documents.history_enabled(settings) else None)
        self._turns = Turns(line)
        self._calls = Calls(
            line,
            self._memory,
            timeout_s=limits.function_timeout_s,
            parallel=limits.parallel_calls,
            allowed_endpoints=allowed_endpoints,
        )
        self._judge_ending = providers.ending
        self._vocabulary = providers.vocabulary
        self._transcribing = 0
        self._draft: Draft | None = None
        self._told: set[str] = set()
        self._voices = voices_of(providers)
        self._mouth = Mouth(
            line,
            self._memory,
            compute,
            choose((), self._voices)[0],
            output=AudioFormat(*documents.output_format(settings)),  # type: ignore[arg-type]  # checked by abilities.faults
            container=abilities.container(settings),
            experimental=settings.get("experimental") is True,
            ahead_s=limits.audio_ahead_s,
            clock=self._clock,
        )
        self._mind = Mind(line, self._memory, self._mouth, self._calls, providers.thinker, clock=self._clock)
        self._ear = Ear(
            AudioFormat(*documents.input_format(settings)),  # type: ignore[arg-type]  # checked by abilities.faults
            providers.voice_activity(),
            providers.recogniser,
            compute,
            patience=self._patience(),
            barge_in_ms=limits.barge_in_ms,
            clock=self._clock,
            spawn=line.spawn,
            played=self._mouth.played,
            listener=self,
        )

    # -- what the server calls --------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Apply the Settings, take up the context, greet.

        Raises:
            ProtocolError: they name an endpoint that this engine may not call.
        """
        require_valid("The Settings are not valid", documents.endpoint_faults(self._settings, self._allowed_endpoints))
        self._configure()
        self._memory.load(abilities.context(self._settings))
        self._line.send(wire.SettingsApplied())
        await asyncio.sleep(APART_S)  # nothing may come at once behind it
        self._tell_mapped()
        self._use_voice()
        self._line.spawn(self._mouth.run(), "mouth")
        self._line.spawn(self._turns.run(), "turns")
        self._line.spawn(self._mind.run(), "mind")
        greeting = documents.greeting(self._settings)
        if greeting is not None:
            self._line.await_reply()
            self._mouth.say(greeting)

    async def hear(self, audio: bytes) -> None:
        """Listen."""
        await self._ear.feed(audio)

    async def handle(self, message: wire.Message) -> None:
        """Do what a client's message asks for.

        Raises:
            ProtocolError: it names an endpoint that this engine may not call.
        """
        match message:
            case wire.FunctionCallResponse():
                self._calls.take(message)
            case wire.InjectUserMessage(content=text):
                self._turns.add(self._text_turn(text, TurnClock(self._clock())))
            case wire.InjectAgentMessage():
                self._inject(message)
            case wire.ForceEndTurn():
                if abilities.ends_turns_on_demand(self._settings):
                    self._ear.finish()
                else:
                    self._line.warn("FORCE_END_TURN_UNSUPPORTED", "ForceEndTurn needs agent.listen.provider.version v2.")
            case wire.UpdatePrompt(prompt=text):
                self._settings = documents.append_prompt(self._settings, text)
                self._configure()
                self._line.send(wire.PromptUpdated())
            case wire.UpdateThink(think=block):
                self._require_allowed("think", block)
                self._settings = documents.with_think(self._settings, _listed(block))
                self._configure()
                self._line.send(wire.ThinkUpdated())
                self._tell_mapped()
            case wire.UpdateSpeak(speak=block):
                self._require_allowed("speak", block)
                self._settings = documents.with_speak(self._settings, _listed(block))
                self._line.send(wire.SpeakUpdated())
                self._use_voice()
            case wire.UpdateListen(listen=block):
                self._settings = documents.with_listen_update(self._settings, block)
                self._ear.patience = self._patience()
                self._line.send(wire.ListenUpdated())
                self._tell_mapped()
            case wire.UpdateThinkLive() | wire.CustomToThinkProvider():
                self._line.send(abilities.unsupported(message.type))
            case _:
                pass

    def _configure(self) -> None:
        """Think by the settings in force from now on."""
        self._settings, warnings = abilities.bounded(self._settings)
        self._mind.configure(self._settings)
        for warning in warnings:
            self._line.note(warning)

    def _tell_mapped(self) -> None:
        abilities.tell_mapped(self._settings, self._told, self._line.note)

    def _require_allowed(self, kind: Literal["think", "speak"], block: dict[str, Any] | list[dict[str, Any]]) -> None:
        faults = documents.update_endpoint_faults(kind, block, self._allowed_endpoints)
        require_valid(f"Update{kind.title()} is not valid", faults)

    # -- the user's speech ------------------------------------------------------------------------------------------

    def guarded(self) -> bool:
        """Whether the agent is heard, by the client's playback clock, or may still echo."""
        return self._mouth.speaking() or self._mouth.audible()

    def takes_word(self, words: Words) -> bool:
        """Whether somebody interrupts the agent."""
        return barge_in.interrupts(words.transcript, self._mouth.said_lately(), words.likeness, goes_on=words.goes_on)

    def expects_more(self) -> bool:
        """Whether the agent has only just begun to speak."""
        return self._mouth.just_begun()

    def vocabulary(self) -> tuple[str, ...]:
        """What the client says is likely, and what the functions at hand take."""
        return (*abilities.keyterms(self._settings), *self._vocabulary(self._mind.request().functions))

    def judge(self, transcript: Transcript) -> Ending:
        """How finished the words look."""
        return self._judge_ending(transcript.text, self._mind.request())

    def started(self) -> None:
        """The user speaks: whatever the agent says, thinks or has called for is over."""
        self._line.send(wire.UserStartedSpeaking())
        self._turns.cut()
        self._calls.withdraw()
        self._mouth.cut()

    def seems_done(self, transcript: Transcript) -> None:
        """Begin to answer, while it is not certain that the user is done.

        Only calls that the client does not want deferred go out; words and audio wait (Deepgram docs, "Speculative replies").
        """
        text = _cleaned(transcript.text)
        if self._draft is None and text and not self._turns.busy:
            self._draft = Draft(text, TurnClock())
            self._memory.begin_draft()
            self._memory.user_said(text)
            self._draft.answer = self._mind.answer(self._draft.clock, self._draft)
            self._turns.add(self._draft.answer)

    def resumed(self) -> None:
        """The user goes on: the answer to half a sentence never was."""
        self._line.send(wire.UserStartedSpeaking())
        self._drop_draft()

    def done(self, utterance: Utterance) -> None:
        """The user's turn is over."""
        self._transcribing += 1
        self._line.spawn(self._understand(utterance), "transcript")

    async def _understand(self, utterance: Utterance) -> None:
        """Turn an utterance into words, and the words into a turn.

        A task of its own, which a new utterance does not cancel: what was said was said. It is then answered together with
        what follows.
        """
        try:
            words = await utterance.words
        finally:
            self._transcribing -= 1
        text = _cleaned(words.transcript.text)
        if utterance.doubtful and not self._meant(words, text):
            return
        draft, self._draft = self._draft, None
        if draft is not None and draft.text != text:
            self._draft = draft
            self._drop_draft()
            draft = None
        if not text:
            _log.debug("nothing_understood", request_id=self._line.request_id)
            return
        if utterance.doubtful:
            self.started()
        clock = draft.clock if draft is not None else TurnClock()
        clock.start(utterance.voiced_until)
        clock.lap(ENDPOINTING, utterance.ended)
        clock.lap(LISTEN, self._clock())
        if draft is not None:
            self._line.send(wire.ConversationText(role="user", content=text))
            self._memory.keep_draft()
            draft.confirm()
            return
        self._user_said(text)
        if not self._ear.speaking:
            self._turns.add(self._mind.answer(clock))

    def _meant(self, words: Words, text: str) -> bool:
        """Whether something said while the agent spoke is for the agent.

        It takes the word, even if that is known only now that it is over, or it outlasted what the agent said: a "yes" then is an
        answer.
        """
        if not text:
            return False
        answers = not self._mouth.speaking() and not barge_in.is_own(text, self._mouth.said_lately(), words.likeness)
        return answers or self.takes_word(words)

    def _drop_draft(self) -> None:
        draft, self._draft = self._draft, None
        if draft is not None:
            if draft.answer is not None:
                self._turns.drop(draft.answer)
            self._calls.withdraw()
            draft.drop()
            self._memory.drop_draft()
            self._mind.drop_draft()
            for _ in draft.asides:
                self._line.send(wire.InjectionRefused(message="The user went on speaking."))

    def _patience(self) -> Patience:
        provider = documents.listen_block(self._settings).get("provider") or {}
        return Patience.of(provider, ordinary_ms=self._limits.endpointing_ms)

    # -- texts ------------------------------------------------------------------------------------------------------

    async def _text_turn(self, text: str, clock: TurnClock) -> None:
        """Answer a text; it waits for the turn before it instead of cutting it, so that no command is lost half done."""
        self._user_said(text)
        await self._mind.answer(clock)

    def _user_said(self, text: str) -> None:
        self._line.send(wire.ConversationText(role="user", content=text))
        self._memory.user_said(text)

    def _inject(self, message: wire.InjectAgentMessage) -> None:
        """Say the client's text, if this is a moment for it (Deepgram docs, "Inject Agent Message").

        A turn that only thinks, waits for a call or has told its text is such a moment: that is what fillers are for. So is one
        that is thought ahead, once it has called a function; what is injected is then heard when the user is surely done.
        """
        draft = self._draft if self._draft is not None and self._draft.called else None
        user, agent = draft is None and (self._ear.speaking or self._transcribing > 0), self._mouth.heard()
        refusal = None
        if message.is_dynamic:
            refusal = "This engine cannot word a message by itself; send `message`."
        elif message.behavior != "interrupt" and user:
            refusal = "The user is speaking."
        elif message.behavior == "default" and agent:
            refusal = "The agent is speaking; behavior queue or interrupt would have it said."
        elif not message.message.strip():
            refusal = "There is nothing to say in the message."
        elif self._mouth.full:
            refusal = "Too many messages are waiting to be spoken."
        if refusal is not None:
            self._line.send(wire.InjectionRefused(message=refusal))
            return
        if message.behavior == "interrupt":
            self._mouth.cut()
        elif draft is not None:
            self._mouth.say(message.message, draft.aside(message.message))
            return
        self._mouth.say(message.message)

    def _use_voice(self) -> None:
        """Speak as the settings in force say, and tell, each subject once, what cannot be had."""
        language = object_of(self._settings.get("agent")).get("language")
        choices, warnings = choose(
            documents.speak_blocks(self._settings), self._voices, language=language if isinstance(language, str) else ""
        )
        self._mouth.use(choices)
        for warning in warnings:
            if warning.code not in self._told:
                self._told.add(warning.code)
                self._line.note(warning)


def _cleaned(text: str) -> str:
    """The words without what a recogniser puts around them: a word alone is often heard with a comma, as if more came."""
    return text.strip(" ,")


def _listed(block: dict[str, Any] | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As a list, which replaces the block in force: an object would be merged into it."""
    return block if isinstance(block, list) else [block]
