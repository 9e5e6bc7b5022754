"""Verbs in other forms than that of a command: "turning", "turned", "turns"."""

from collections.abc import Sequence
from typing import Final

from agentd.engine.think.matcher.lexicon import ADJECTIVES, PARTICLE_VERBS, VERBS

GERUNDS: Final = {
    f"{base}ing": verb
    for verb in VERBS.keys() | PARTICLE_VERBS
    for base in (verb, verb.removesuffix("e"), verb + verb[-1])
    if not (base == verb and verb.endswith("e"))
}
"""By the form in -ing, the verb."""

_BASES: Final = {
    f"{base}{ending}": verb
    for verb in VERBS.keys() | PARTICLE_VERBS
    for base in (verb, verb.removesuffix("e"), verb + verb[-1])
    for ending in ("ed", "s", "es")
}
"""Regular verbs in the past and in the third person."""

_PAST: Final = frozenset("went came got broke fell said told made gave ran lost left found began spoke took".split())


def tells(texts: Sequence[str]) -> bool:
    """Whether a verb stands in it as one tells: "the music stopped", "the alarm goes off"; "blinds closed" may be a wish."""
    subject = texts[0] in {"the", "a", "an"}
    for at, text in enumerate(texts[1:], start=1):
        past = text in _PAST or (_BASES.get(text) is not None and text.endswith("d") and (subject or text not in ADJECTIVES))
        present = subject and at > 1 and text.endswith("s") and text in _BASES
        if past or present:
            return True
    return False
