"""What all parts of a script have in common: unknown keys are faults that say what was probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from agentd.protocol.messages import SERVER_MESSAGES

Seconds = Annotated[float, Field(ge=0, le=7200)]
"""A time; no longer than the longest connection."""


class Part(BaseModel):
    """A mapping of the script."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        if isinstance(value, dict):
            for key in value:
                if key not in cls.model_fields:
                    raise unknown_key(str(key), cls.model_fields)
        return value


def unknown_key(key: str, known: Iterable[str]) -> PydanticCustomError:
    """The fault of a key that means nothing here."""
    hint = meant(key, known)
    return PydanticCustomError("unknown_key", "unknown key '{key}'{hint}", {"key": key, "hint": hint})


def meant(word: str, known: Iterable[str]) -> str:
    """What was probably meant, as the end of a sentence; else what there is."""
    words = list(known)
    close = get_close_matches(word, words, n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else f"; there are: {', '.join(words)}"


def filled(value: Any) -> Any:
    """A list that holds something; a minimum length would be told as a fault wherever an item has one."""
    if not value:
        raise PydanticCustomError("empty", "at least one is needed")
    return value


def _server_message(name: str) -> str:
    if name not in SERVER_MESSAGES:
        raise PydanticCustomError(
            "unknown_type", "no server message is called '{name}'{hint}", {"name": name, "hint": meant(name, SERVER_MESSAGES)}
        )
    return name


ServerType = Annotated[str, AfterValidator(_server_message)]
"""Wire type of a server's message."""
