"""The steps of a conversation that say what the client must do next."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from agentd.engine.scripted.matching import check_expected
from agentd.engine.scripted.shapes import Part, Seconds, filled, meant
from agentd.protocol.messages import CLIENT_MESSAGES

AUDIO: Final = "audio"
"""Binary frames."""

SPEECH: Final = "speech"
"""An utterance in the audio, found by loudness."""

CLOSE: Final = "close"
"""The client ends the connection."""

NOTHING: Final = "nothing"

EXPECTABLE: Final = (*CLIENT_MESSAGES, AUDIO, SPEECH, CLOSE, NOTHING)

_ONLY_WITH: Final = {"min_s": (AUDIO,), "hears": (SPEECH,), "code": (CLOSE,), "of": (NOTHING,), "for_s": (NOTHING,)}
"""Keys that mean something with one kind only."""

_NO_FIELDS: Final = frozenset({AUDIO, SPEECH, CLOSE, NOTHING})


def expectable(name: str) -> str:
    """A name that may be expected.

    Raises:
        PydanticCustomError: it is none; says what was probably meant.
    """
    if name not in EXPECTABLE:
        told = {"name": name, "hint": meant(name, EXPECTABLE)}
        raise PydanticCustomError("unknown_expectation", "'{name}' cannot be expected{hint}", told)
    return name


def came(name: str) -> str:
    """As ``expectable``, for what comes in: a message, audio or speech."""
    if name in {CLOSE, NOTHING}:
        raise PydanticCustomError("not_a_message", "'{name}' is not something that comes in", {"name": name})
    return expectable(name)


Expectable = Annotated[str, AfterValidator(expectable)]
Came = Annotated[str, AfterValidator(came)]


class Expect(Part):
    """The client must send this next; otherwise the connection ends with SCRIPT_EXPECTATION_FAILED."""

    expect: Expectable
    """A client message's type, "audio", "speech", "close" or "nothing"."""
    fields: dict[str, Any] = Field(default_factory=dict)
    """What the message must hold; see ``matching``."""
    within_s: Seconds = 5
    count: int = Field(default=1, ge=1, le=1000)
    """So many of them, one after the other, all ``within_s``."""
    answer: bool = True
    """Answer as the server does (an acknowledgement, an echo, a greeting); False leaves that to the steps that follow."""
    min_s: Seconds = 0
    """Of "audio": at least so many seconds of it."""
    hears: str | None = None
    """Of "speech": what the utterance is transcribed as."""
    code: int | None = None
    """Of "close": the code the client closes with; left out: any, and a connection that breaks as well."""
    for_s: Seconds = 0.5
    """Of "nothing": how long nothing may come."""
    of: tuple[Came, ...] | None = None
    """Of "nothing": only these must not come; left out: whatever is not ignored."""

    @field_validator("fields")
    @classmethod
    def _usable(cls, value: dict[str, Any]) -> dict[str, Any]:
        check_expected(value)
        return value

    @model_validator(mode="after")
    def _fits_kind(self) -> "Expect":
        for key, kinds in _ONLY_WITH.items():
            if key in self.model_fields_set and self.expect not in kinds:
                raise PydanticCustomError("misplaced", "'{key}' goes with expect: {kind}", {"key": key, "kind": kinds[0]})
        if self.fields and self.expect in _NO_FIELDS:
            raise PydanticCustomError("misplaced", "'fields' goes with a message's type, not with {kind}", {"kind": self.expect})
        return self

    @property
    def wanted(self) -> tuple["Expect", ...]:
        """What must come, as a list."""
        return (self,) * self.count


class ExpectAll(Part):
    """The client must send all of these, in any order, and nothing else in between."""

    expect_all: Annotated[tuple[Expect, ...], AfterValidator(filled)]
    within_s: Seconds = 5

    @model_validator(mode="after")
    def _messages_only(self) -> "ExpectAll":
        for item in self.expect_all:
            if item.expect in {AUDIO, CLOSE, NOTHING}:
                raise PydanticCustomError("misplaced", "'{kind}' has no place in expect_all", {"kind": item.expect})
        return self

    @property
    def wanted(self) -> tuple[Expect, ...]:
        """What must come, as a list."""
        return tuple(one for item in self.expect_all for one in item.wanted)
