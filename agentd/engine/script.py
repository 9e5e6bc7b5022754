"""The script of a scripted conversation: what a TOML file may say, and which of its rules answers what.

``agentd engine --script FILE`` serves it; the daemon's tests use it as their upstream. Rules are tried in the order of the
file; the first that fits an event answers it, with its steps one after the other.
"""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from agentd.errors import ConfigError

EventName = Literal["user", "settings", "update", "function_result", "inject_agent"]
"""What a rule answers: a user's turn (speech or text), Settings, an Update message, a result nothing else waits for, an
InjectAgentMessage."""

_ACTIONS = (
    "say",
    "audio_s",
    "call",
    "stall_s",
    "drop",
    "close",
    "error",
    "warning",
    "raw",
    "text",
    "refuse",
    "mute",
    "interrupt",
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Step(_Strict):
    """One thing the scripted peer does; exactly one action, where ``say`` and ``audio_s`` count as one.

    Texts may hold ``{text}`` (what the user said), ``{result}`` (the last function result), ``{prompt}`` (the effective
    prompt), ``{voice}`` (the speak model) and ``{context}`` (texts of ``agent.context.messages``, joined by " | ").
    """

    say: str | None = None
    """Speak: ConversationText and audio. With ``audio_s = 0`` no audio."""
    audio_s: float | None = Field(default=None, ge=0, le=3600)
    """Length of the tone; alone: audio without a text."""
    realtime: bool = False
    """Send the audio no faster than it plays, so that a barge-in finds some of it unsent."""
    call: str | None = None
    """Ask for a function call; the next step waits for the answer."""
    arguments: dict[str, Any] | str = Field(default_factory=dict)
    """Of ``call``; a text goes out as it is, well-formed or not."""
    id: str | None = None
    """Of ``call``; generated when left out."""
    client_side: bool = True
    """Of ``call``; False: the peer says it runs the function itself, and gives ``result`` as its response."""
    result: str = ""
    """Of a ``call`` that is not client-side."""
    wait: bool = True
    """Of ``call``: False goes on without the answer, to have several calls open."""
    stall_s: float | None = Field(default=None, ge=0)
    """Do nothing for so many seconds."""
    drop: bool | None = None
    """Abort the TCP connection."""
    close: int | None = None
    """Close the WebSocket with this code."""
    error: str | None = None
    """Send an Error with this code, and close."""
    warning: str | None = None
    """Send a Warning with this code."""
    description: str = ""
    """Of ``error`` and ``warning``."""
    raw: dict[str, Any] | None = None
    """Send this object."""
    text: str | None = None
    """Send this text frame, JSON or not."""
    refuse: str | None = None
    """Send InjectionRefused with this message."""
    mute: str | None = None
    """From now on, do not send messages of this type (an acknowledgement, for instance)."""
    interrupt: bool | None = None
    """Act as if the user had begun to speak: UserStartedSpeaking."""

    @model_validator(mode="after")
    def _one_action(self) -> "Step":
        given = [name for name in _ACTIONS if getattr(self, name) is not None]
        if len(given) != 1 and given != ["say", "audio_s"]:
            raise ValueError(f"a step has exactly one action ({', '.join(_ACTIONS)}), this one has: {given or 'none'}")
        return self


class Rule(_Strict):
    """One ``[[on]]`` table."""

    event: EventName = "user"
    match: str | None = None
    """Regular expression, searched for in the event's text, case aside; left out: anything fits."""
    hears: str | None = None
    """What a spoken utterance is transcribed as; without it the rule answers texts and, with "match" left out, any speech."""
    times: int | None = Field(default=None, ge=1)
    """The rule is used up after so many uses, over all connections."""
    steps: tuple[Step, ...] = ()

    @field_validator("match")
    @classmethod
    def _is_expression(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from None
        return value

    def fits(self, text: str) -> bool:
        """Whether the rule answers an event with this text."""
        return self.match is None or re.search(self.match, text, re.IGNORECASE) is not None


class Script(_Strict):
    """A script file."""

    mode: Literal["full", "bare"] = "full"
    """"bare" leaves out AgentThinking, AgentStartedSpeaking and EndOfTurn, which real servers were not seen to send."""
    refuse: int = Field(default=0, ge=0, le=599)
    """HTTP status handshakes are refused with; 0: none is."""
    refuse_times: int | None = Field(default=None, ge=1)
    """Refuse only the first so many handshakes."""
    refuse_reason: str = "refused by the script"
    """``dg-error`` of the refusal."""
    retry_after_s: int | None = None
    """``Retry-After`` of the refusal."""
    greeting_audio_s: float = Field(default=0.2, ge=0)
    """Length of the spoken greeting."""
    on: tuple[Rule, ...] = ()
    default: Step = Step(say="I heard: {text}", audio_s=0.3)
    """What is done for a user's turn that no rule answers."""
    speech_default: str = "something"
    """What an utterance is transcribed as that no rule hears."""


class Rules:
    """A script's rules with what is left of their uses; shared by the connections of one peer."""

    def __init__(self, script: Script) -> None:
        self._left: dict[int, int] = {number: rule.times for number, rule in enumerate(script.on) if rule.times is not None}
        self._script = script

    def answer(self, event: EventName, text: str) -> Rule | None:
        """The rule for an event, marked as used once more; None when none fits."""
        return self._take(lambda rule: rule.event == event and rule.fits(text))

    def answer_speech(self) -> tuple[str, Rule | None]:
        """What the next utterance was, and the rule for it."""
        rule = self._take(
            lambda rule: rule.event == "user" and (rule.fits(rule.hears) if rule.hears is not None else rule.match is None)
        )
        return (rule.hears if rule is not None and rule.hears is not None else self._script.speech_default), rule

    def _take(self, fits: Callable[[Rule], bool]) -> Rule | None:
        for number, rule in enumerate(self._script.on):
            left = self._left.get(number)
            if left != 0 and fits(rule):
                if left is not None:
                    self._left[number] = left - 1
                return rule
        return None


def parse_script(document: dict[str, Any] | str) -> Script:
    """A script from TOML text or from the same as a dict.

    Raises:
        ConfigError: not TOML, or not a script; says where.
    """
    try:
        data = tomllib.loads(document) if isinstance(document, str) else document
        return Script.model_validate(data)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The script is not TOML: {error}") from None
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ConfigError(f"The script is not valid: {faults}") from None


def load_script(path: Path) -> Script:
    """The script in a file.

    Raises:
        ConfigError: it cannot be read or is not a script.
    """
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigError(f"The script cannot be read: {error}") from None
    return parse_script(text)
