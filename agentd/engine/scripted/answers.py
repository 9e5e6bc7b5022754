"""What a Voice Agent server does by itself for each message of the client; rules of the scenario come before it."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from agentd.engine.scripted.kinds import Say
from agentd.engine.scripted.performer import Performer
from agentd.engine.scripted.rules import Rules
from agentd.engine.scripted.scenario import EventName, Rule, Scenario
from agentd.protocol import messages as wire
from agentd.protocol import settings as documents

RESULT_AUDIO_S: Final = 0.3
"""Length of a result that is said because no step waits for it."""

_ACKS: Final[dict[type[wire.Message], type[wire.Message]]] = {
    wire.UpdatePrompt: wire.PromptUpdated,
    wire.UpdateThink: wire.ThinkUpdated,
    wire.UpdateSpeak: wire.SpeakUpdated,
    wire.UpdateListen: wire.ListenUpdated,
}


class Answers:
    """The ordinary conduct on one connection.

    Args:
        performer: does what the rules say.
        scenario: says the mode.
        rules: shared by the connections of the scenario.

    Attributes:
        applied: set once Settings were applied; updates and injections wait for it.
    """

    def __init__(self, performer: Performer, scenario: Scenario, rules: Rules) -> None:
        self._performer = performer
        self._scenario = scenario
        self._rules = rules
        self._full = scenario.mode == "full"
        self.applied = asyncio.Event()

    async def begin(self, then: Callable[[], None] = lambda: None) -> None:
        """Settings have come: apply them, do what is to be done ``then``, and greet."""
        performer = self._performer
        await self._by_rule("settings", documents.prompt(performer.settings) or "")
        performer.outlet.send(wire.SettingsApplied())
        self.applied.set()
        then()
        greeting = documents.greeting(performer.settings)
        if greeting is not None:
            said = await performer.say(Say(say=greeting, audio_s=self._scenario.greeting_audio_s))
            performer.finish([said])

    async def user_turn(self, text: str, rule: Rule | None, *, spoken: bool, default: bool = True) -> None:
        """The user has said or typed something.

        Args:
            default: whether the scenario's default answers what no rule does.
        """
        performer = self._performer
        performer.text = text
        performer.outlet.send(wire.ConversationText(role="user", content=text))
        if self._full:
            performer.outlet.send(wire.EndOfTurn(trigger="model" if spoken else "manual"))
        performer.history("user", text)
        if self._full:
            performer.outlet.send(wire.AgentThinking(content="Following the script."))
        performer.speech.begin_turn(spoken=spoken)
        steps = rule.steps if rule is not None else self._scenario.default if default else ()
        if await performer.play(steps):
            await self.result(performer.result)

    async def result(self, result: str) -> None:
        """Answer a result that no step waits for: by its rule, else by saying it."""
        performer = self._performer
        performer.result = result
        rule = self._rules.answer("function_result", result)
        if rule is None:
            performer.finish([await performer.say(Say(say="{result}", audio_s=RESULT_AUDIO_S))])
        elif await performer.play(rule.steps):
            await self.result(performer.result)

    async def update(self, message: wire.Message) -> None:
        """Take an Update message into the document in force, and acknowledge it."""
        await self.applied.wait()
        performer = self._performer
        match message:
            case wire.UpdatePrompt(prompt=text):
                performer.settings = documents.append_prompt(performer.settings, text)
            case wire.UpdateThink(think=block):
                performer.settings = documents.with_think(performer.settings, _listed(block))
            case wire.UpdateSpeak(speak=block):
                performer.settings = documents.with_speak(performer.settings, _listed(block))
            case _:
                pass
        await self._by_rule("update", message.type)
        performer.outlet.send(_ACKS[type(message)].model_validate({}))

    async def injected(self, text: str) -> None:
        """Speak what the client wants said, or answer it by its rule."""
        await self.applied.wait()
        performer = self._performer
        if not await self._by_rule("inject_agent", text, said=text):
            performer.finish([await performer.say(Say.model_construct(say=text, audio_s=self._scenario.spoken_audio_s))])

    async def note(self, event: EventName, text: str = "") -> None:
        """Something happened that only a rule answers."""
        await self._by_rule(event, text)

    async def _by_rule(self, event: EventName, text: str, *, said: str | None = None) -> bool:
        rule = self._rules.answer(event, text)
        if rule is not None:
            if said is not None:
                self._performer.text = said
            await self._performer.play(rule.steps)
        return rule is not None


def is_update(message: wire.Message) -> bool:
    """Whether ``Answers.update`` takes it."""
    return type(message) in _ACKS


def _listed(block: dict[str, Any] | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As a list, which replaces the block in force: an object would be merged into it."""
    return block if isinstance(block, list) else [block]
