"""Being honest about what can be done: the functions' own descriptions, said as abilities."""

import re
from collections.abc import Sequence
from typing import Final

from agentd.engine.think.matcher.declared import Function
from agentd.engine.think.matcher.lexicon import READING, STOP_WORDS, VERBS
from agentd.engine.think.matcher.sentence import Form, Sentence
from agentd.engine.think.matcher.words import name_words

NO_FUNCTIONS: Final = "I have been given no functions, so there is nothing I can do here."
_INSTRUCTION: Final = re.compile(r"^(?:please )?(?:use|call) (?:this(?: function| tool)?|it) (?:to|for|when) ", re.IGNORECASE)
"""How descriptions written for a model begin: "Use this to look up ..."."""

_SPOKEN: Final = 3
"""Abilities named when nothing fitted and nothing came near."""


def not_understood(sentence: Sentence, functions: Sequence[Function], *, misses: int) -> str:
    """Says plainly that nothing was done, and what could be: what comes near to the sentence, else a few things.

    Args:
        misses: how many sentences in a row were not understood, this one included.
    """
    opening = "I can't answer that." if sentence.form is Form.QUESTION else "I did not understand that, and did nothing."
    if not functions:
        return f"{opening} {NO_FUNCTIONS}"
    said = {word.stem for word in sentence.words if word.text not in STOP_WORDS}
    near = {function.name: 2 * len(said & function.nouns.keys()) + len(said & function.vocabulary) for function in functions}
    nearest = max(near.values())
    if nearest > 0:
        return f"{opening} {abilities([function for function in functions if near[function.name] == nearest], most=2)}"
    if misses > 1:
        return f'{opening} Say "help" to hear what I can do.'
    return f"{opening} {abilities(functions, most=_SPOKEN)}"


def abilities(functions: Sequence[Function], *, most: int) -> str:
    """What the agent can do, as one sentence that names at most ``most`` things."""
    told = list(dict.fromkeys(map(_ability, functions)))
    if not told:
        return NO_FUNCTIONS
    listed = [*told[:most], "more"] if len(told) > most else told
    separator = "; " if any("," in ability for ability in listed) else ", "
    if len(listed) == 1:
        return f"I can {listed[0]}."
    if len(listed) == 2 and separator == ", ":
        separator = " "
    return f"I can {separator.join(listed[:-1])}{separator.strip(' ')} and {listed[-1]}."


def _ability(function: Function) -> str:
    """A summary as what follows "I can": "Turns lights on" gives "turn lights on"."""
    first, _, rest = _INSTRUCTION.sub("", function.summary).partition(" ")
    verb = first.lower()
    if verb in {"the", "a", "an"}:
        return f"tell {verb} {rest}"
    if verb not in VERBS:
        base = next((verb.removesuffix(ending) for ending in ("s", "es") if verb.removesuffix(ending) in VERBS), None)
        if base is not None or verb in READING:
            verb = base or verb.removesuffix("s")
        elif function.summary == " ".join(name_words(function.name)):
            return f"help with {function.summary}"
    return f"{verb} {rest}".strip()
