"""Near misses: whether a word that was heard may stand for one that is known ("lamb" for "lamp", "leaving room")."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from rapidfuzz import fuzz

from agentd.engine.think.matcher.words import sound

_LEAST: Final = 0.8
"""Mean of the likeness of letters and of sound from which two words may be the same; "blimps" and "blinds" have 0.73."""

_SHORTEST: Final = 3
_LEAST_SHORT: Final = 0.85
"""Of three letters none may be wrong; one may be missing, "lap" for "lamp"."""


@lru_cache(maxsize=8192)
def likeness(heard: str, known: str) -> float:
    """How much two words are alike in letters and in sound, 0 to 1; 0 below what may be the same word."""
    if min(len(heard), len(known)) < _SHORTEST or (
        heard[0] != known[0] != sound(heard)[:1] and sound(heard)[:1] != sound(known)[:1]
    ):
        return 0.0
    letters = fuzz.ratio(heard, known) / 100
    sounds = fuzz.ratio(sound(heard), sound(known)) / 100
    if min(len(heard), len(known)) == _SHORTEST and letters < _LEAST_SHORT:
        return 0.0
    value = (letters + sounds) / 2
    return value if value >= _LEAST and letters >= 2 / 3 else 0.0


def nearest(heard: str, known: Iterable[str]) -> tuple[str, float] | None:
    """The most alike of ``known``, unless none is near or two are equally near."""
    ranked = sorted(((likeness(heard, word), word) for word in set(known)), reverse=True)
    if not ranked or ranked[0][0] == 0 or (len(ranked) > 1 and ranked[1][0] == ranked[0][0]):
        return None
    return ranked[0][1], ranked[0][0]
