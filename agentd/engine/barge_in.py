"""Whether what is heard while the agent speaks is meant to interrupt it: neither a nod in words nor the agent's own voice is."""

import re
from collections.abc import Sequence
from typing import Final

from rapidfuzz import fuzz

from agentd.engine import echo
from agentd.engine.providers import Transcript

BACKCHANNELS: Final = frozenset(
    (
        "uh-huh|uhhuh|uh huh|um-hum|um hum|mhm|mm-hmm|mm-hm|mm|mmm|mm hmm|"
        "hm|hmm|huh|uh|um|ah|aha|oh|ooh|yes|yeah|yep|yup|ya|okay|ok|right|"
        "all right|alright|sure|exactly|indeed|good|great|fine|cool|nice|wow|really|true|i see|got it|of course|you know"
    ).split("|")
)
"""What listeners say to show that they listen (after V. Yngve, "On getting a word in edgewise", 1970, who named them)."""

_LONGEST: Final = 3
"""Words of a backchannel: "yes, okay, right" is one, four of them are an attempt to get a word in."""

_FEW: Final = 2
"""Words that by themselves tell little: a hum is recognised as "Mama", and any agent has just said "the"."""

_SURE: Final = 0.68
"""Confidence from which a few words are taken for words: "stop", "no", "wait" are heard with 0.7 to 0.9, hums with less."""

_OWN_WORDS: Final = 80.0
"""Likeness (0 to 100) from which words are the agent's own, come back through the microphone and half understood."""

_WORD: Final = re.compile(r"[a-z0-9]+(?:['-][a-z0-9]+)*")


def words(text: str) -> list[str]:
    """``text`` as lower-case words without punctuation."""
    return _WORD.findall(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))


def is_backchannel(text: str) -> bool:
    """Whether nothing was said but that somebody listens."""
    heard = words(text)
    return 0 < len(heard) <= _LONGEST and _all_backchannels(heard)


def _all_backchannels(heard: Sequence[str]) -> bool:
    """Whether the words can be divided into backchannels."""
    if not heard:
        return True
    return any(
        " ".join(heard[:size]) in BACKCHANNELS and _all_backchannels(heard[size:]) for size in range(1, min(2, len(heard)) + 1)
    )


def is_echo(text: str, agent_text: str) -> bool:
    """Whether the words are ones the agent has just said.

    Args:
        text: what was recognised.
        agent_text: what the agent says now, and said in the last seconds.
    """
    heard, said = " ".join(words(text)), " ".join(words(agent_text))
    return bool(heard) and len(heard) <= len(said) and fuzz.partial_ratio(heard, said) >= _OWN_WORDS


def interrupts(heard: Transcript, agent_text: str, likeness: float, *, goes_on: bool = False) -> bool:
    """Whether somebody takes the word.

    Args:
        heard: what was recognised while the agent spoke.
        agent_text: what the agent says now, and said in the last seconds.
        likeness: of the sound to the agent's own (``echo.Reference.likeness``).
        goes_on: the agent had only just begun: words, however few, may be the rest of what it answers too early.
    """
    said = words(heard.text)
    if not said or likeness >= echo.SAME or is_backchannel(heard.text):
        return False
    if goes_on and likeness < echo.SIMILAR:
        return True
    if len(said) <= _FEW and heard.confidence < _SURE:
        return False
    return not is_own(heard.text, agent_text, likeness)


def is_own(text: str, agent_text: str, likeness: float) -> bool:
    """Whether it is the agent who is heard: by its sound, or by its words where the sound may be its own."""
    enough = echo.UNLIKE if len(words(text)) > _FEW else echo.SIMILAR
    return likeness >= echo.SAME or (likeness >= enough and is_echo(text, agent_text))
