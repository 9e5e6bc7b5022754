"""A step of a script, told from others by the key that names what it does."""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Discriminator, Tag
from pydantic_core import PydanticCustomError

from agentd.engine.scripted.expectations import Expect, ExpectAll
from agentd.engine.scripted.kinds import (
    Binary,
    Call,
    Calls,
    Cancel,
    Close,
    Drop,
    Duplicate,
    Interrupt,
    Mute,
    Raw,
    Refuse,
    Remember,
    Say,
    SendError,
    SendWarning,
    Stall,
    Text,
    Think,
    Wait,
)
from agentd.engine.scripted.shapes import Part, meant

ACTIONS: Final[dict[str, type[Part]]] = {
    "say": Say,
    "audio_s": Say,
    "audio_file": Say,
    "call": Call,
    "calls": Calls,
    "wait_s": Wait,
    "stall": Stall,
    "drop": Drop,
    "close": Close,
    "error": SendError,
    "warning": SendWarning,
    "raw": Raw,
    "text": Text,
    "binary": Binary,
    "refuse": Refuse,
    "mute": Mute,
    "duplicate": Duplicate,
    "interrupt": Interrupt,
    "cancel": Cancel,
    "history": Remember,
    "thinking": Think,
    "expect": Expect,
    "expect_all": ExpectAll,
}
"""The keys that name a step, and what they make it."""

STEP_TAG: Final = "step:"
"""How the names of the kinds begin in the places of faults, where no script's key does."""


def _kind(value: Any) -> str:
    """The kind of a step that ``_one_action`` has let pass."""
    cls = next(ACTIONS[key] for key in value if key in ACTIONS) if isinstance(value, dict) else type(value)
    return STEP_TAG + cls.__name__


def _one_action(value: Any) -> Any:
    if isinstance(value, dict):
        actions = [key for key in value if key in ACTIONS]
        if len({ACTIONS[key] for key in actions}) != 1:
            told = f"has {' and '.join(actions)}" if actions else f"has none{_unknown_action(value)}"
            raise PydanticCustomError("one_action", "a step does exactly one thing; this one {told}", {"told": told})
    elif not isinstance(value, Part):
        raise PydanticCustomError("one_action", "a step is a mapping, such as {example}", {"example": "{say: Hello.}"})
    return value


def _unknown_action(value: dict[str, Any]) -> str:
    first = next(iter(value), None)
    return f" ({', '.join(ACTIONS)})" if first is None else f": '{first}'{meant(str(first), ACTIONS)}"


Step = Annotated[
    Annotated[Say, Tag("step:Say")]
    | Annotated[Call, Tag("step:Call")]
    | Annotated[Calls, Tag("step:Calls")]
    | Annotated[Wait, Tag("step:Wait")]
    | Annotated[Stall, Tag("step:Stall")]
    | Annotated[Drop, Tag("step:Drop")]
    | Annotated[Close, Tag("step:Close")]
    | Annotated[SendError, Tag("step:SendError")]
    | Annotated[SendWarning, Tag("step:SendWarning")]
    | Annotated[Raw, Tag("step:Raw")]
    | Annotated[Text, Tag("step:Text")]
    | Annotated[Binary, Tag("step:Binary")]
    | Annotated[Refuse, Tag("step:Refuse")]
    | Annotated[Mute, Tag("step:Mute")]
    | Annotated[Duplicate, Tag("step:Duplicate")]
    | Annotated[Interrupt, Tag("step:Interrupt")]
    | Annotated[Cancel, Tag("step:Cancel")]
    | Annotated[Remember, Tag("step:Remember")]
    | Annotated[Think, Tag("step:Think")]
    | Annotated[Expect, Tag("step:Expect")]
    | Annotated[ExpectAll, Tag("step:ExpectAll")],
    Discriminator(_kind),
    BeforeValidator(_one_action),
]
"""A step of a conversation; rules take all but the expectations."""
