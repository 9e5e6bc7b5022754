"""A script: scenarios, each with rules that answer what the client does, and maybe a conversation to be had in order."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from agentd.engine.scripted.expectations import AUDIO, Came, Expect, ExpectAll
from agentd.engine.scripted.kinds import Call, Calls, Say
from agentd.engine.scripted.shapes import Part, Seconds, ServerType, filled
from agentd.engine.scripted.steps import Step

EventName = Literal[
    "connect",
    "settings",
    "user",
    "inject_user",
    "speech_started",
    "audio",
    "update",
    "function_result",
    "inject_agent",
    "force_end_turn",
    "keepalive",
]
"""What a rule answers.

connect: a client, before Welcome. settings: Settings, before SettingsApplied. user: a user's turn, spoken or typed;
inject_user: a typed one alone. speech_started: the beginning of speech. audio: the user's audio, once. update: an Update
message, before its acknowledgement. function_result: a result that no step waits for. inject_agent: InjectAgentMessage.
force_end_turn, keepalive: those messages.
"""

Name = Annotated[str, Field(min_length=1, max_length=100)]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, dict | Part) else value


class Rule(Part):
    """What is done when something happens: the first rule that fits answers, with its steps one after the other."""

    event: EventName = "user"
    match: str | None = None
    """Regular expression, searched for in the event's text, case aside; left out: anything fits."""
    hears: str | None = None
    """What a spoken utterance is transcribed as; without it the rule answers texts and, with "match" left out, any speech."""
    after_s: Seconds | None = None
    """Of "audio": when so many seconds of it have come; left out: at the first frame."""
    times: int | None = Field(default=None, ge=1)
    """The rule is used up after so many uses, over all connections of the scenario."""
    steps: tuple[Step, ...] = ()

    @field_validator("match")
    @classmethod
    def _is_expression(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise PydanticCustomError("regex", "not a regular expression: {error}", {"error": str(error)}) from None
        return value

    @model_validator(mode="after")
    def _fits_event(self) -> "Rule":
        if self.after_s is not None and self.event != "audio":
            raise PydanticCustomError("misplaced", "'after_s' goes with event: audio")
        if self.hears is not None and self.event != "user":
            raise PydanticCustomError("misplaced", "'hears' goes with event: user")
        if any(isinstance(step, Expect | ExpectAll) for step in self.steps):
            raise PydanticCustomError("misplaced", "expectations belong to `conversation`; a rule answers what happens")
        return self

    def fits(self, text: str) -> bool:
        """Whether the rule answers an event with this text."""
        return self.match is None or re.search(self.match, text, re.IGNORECASE) is not None


class Handshake(Part):
    """What happens to the HTTP request, before there is a WebSocket."""

    status: int | None = Field(default=None, ge=400, le=599)
    """Refuse it with this HTTP status."""
    times: int | None = Field(default=None, ge=1)
    """Refuse only the first so many."""
    reason: str = "refused by the script"
    """``dg-error`` of the refusal, and ``err_msg`` of its body."""
    code: str | None = None
    """``err_code`` of the body; left out: Deepgram's word for the status."""
    retry_after_s: int | None = Field(default=None, ge=0)
    """``Retry-After`` of the refusal."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Further headers of the refusal."""
    delay_s: Seconds = 0
    """Wait before the answer, whatever it is."""
    drop: bool = False
    """Abort the TCP connection instead of an answer; ``times`` counts here too."""

    @field_validator("reason", "headers")
    @classmethod
    def _one_line(cls, value: Any) -> Any:
        texts = [value] if isinstance(value, str) else [*value, *value.values()]
        if any(ord(letter) < 32 or ord(letter) > 126 for text in texts for letter in text):
            raise PydanticCustomError("header", "a header is one line of ASCII characters")
        return value


class Select(Part):
    """Which connections play a scenario; all that is named must fit."""

    query: dict[str, str] = Field(default_factory=dict)
    """Parameters of the URL."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Headers of the handshake; names in any case."""
    tag: str | None = None
    """One of the ``tags`` in Settings. The handshake and Welcome are then those of the scenario before."""


class Scenario(Part):
    """One conversation, or the rules for any."""

    name: Name = "scenario"
    select: Select | None = None
    """Left out: the next connection plays it."""
    connections: Annotated[int, Field(ge=1)] | Literal["any"] | None = None
    """How many connections play it; left out: one, or any number of those that ``select`` or the name in the URL chooses, and
    any number where it is the only scenario."""
    optional: bool = False
    """True: it is no failure if nothing ever played it."""
    mode: Literal["full", "bare"] = "full"
    """"bare" leaves out AgentThinking, AgentStartedSpeaking and EndOfTurn, which real servers were not seen to send."""
    handshake: Handshake = Handshake()
    answer_pings: bool = True
    """False: WebSocket pings of the client get no pong."""
    mute: tuple[ServerType, ...] = ()
    """Types of messages that are never sent."""
    duplicate: tuple[ServerType, ...] = ()
    """Types of messages that are sent twice."""
    seed: int = 0
    """Of the jitter."""
    greeting_audio_s: float = Field(default=0.2, ge=0, le=3600)
    """Length of the spoken greeting."""
    on: tuple[Rule, ...] = ()
    default: Annotated[tuple[Step, ...], BeforeValidator(_listed)] = (Say(say="I heard: {text}", audio_s=0.3),)
    """What is done for a user's turn that no rule answers; a step or a list of them."""
    speech_default: str = "something"
    """What an utterance is transcribed as that no rule hears."""
    conversation: tuple[Step, ...] = ()
    """Steps that are played in order, with expectations; the rules take over after the last."""
    ignore: tuple[Came, ...] = ("KeepAlive", AUDIO)
    """What may come between expectations without being expected."""

    _lines: tuple[int | None, ...] = PrivateAttr(default=())

    @model_validator(mode="after")
    def _one_kind_of_waiting(self) -> "Scenario":
        if any(isinstance(step, Expect | ExpectAll) for step in self.default):
            raise PydanticCustomError("misplaced", "expectations belong to `conversation`")
        if any(isinstance(step, Call | Calls) and (step.wait or step.within_s is not None) for step in self.conversation):
            raise PydanticCustomError(
                "misplaced", "a call of a conversation does not wait: the step after it says `expect: FunctionCallResponse`"
            )
        return self

    @property
    def spoken_audio_s(self) -> float:
        """Length of the audio of what is said for no rule: a message of InjectAgentMessage."""
        return next((step.audio_s or 0.0 for step in self.default if isinstance(step, Say)), 0.0)

    @property
    def unlimited(self) -> bool:
        """Whether any number of connections may play it."""
        return self.connections == "any" or (self.connections is None and self.select is not None)

    def line_of(self, step: int) -> int | None:
        """The line of a step of the conversation, where the script is a file."""
        return self._lines[step] if step < len(self._lines) else None

    def with_lines(self, lines: tuple[int | None, ...]) -> "Scenario":
        """The same, knowing the lines of its conversation's steps."""
        self._lines = lines
        return self


class Script(Part):
    """Scenarios; a file that is a single one is read as a list of it, for any number of connections."""

    scenarios: Annotated[tuple[Scenario, ...], AfterValidator(filled)]

    def summary(self) -> list[str]:
        """What it holds, a line per scenario."""
        return [
            f"{scenario.name}: {len(scenario.on)} rules, {len(scenario.conversation)} steps of conversation, "
            f"{sum(isinstance(step, Expect | ExpectAll) for step in scenario.conversation)} of them expectations"
            for scenario in self.scenarios
        ]

    @field_validator("scenarios")
    @classmethod
    def _distinct(cls, value: tuple[Scenario, ...]) -> tuple[Scenario, ...]:
        names = [scenario.name for scenario in value]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise PydanticCustomError("same_name", "two scenarios are called '{name}'", {"name": twice})
        return value
