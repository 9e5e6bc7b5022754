"""A declared function as the matcher sees it: words to recognise it by, and parameters by the kind of value they take.

Everything comes from the declaration: name, description, example sentences, JSON schema.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final

from agentd.engine.think.matcher.lexicon import (
    ADJECTIVES,
    GENERIC_NOUNS,
    PARTICLE_VERBS,
    PARTICLES,
    READING,
    STATES,
    STOP_WORDS,
    VERBS,
    Sense,
)
from agentd.engine.think.matcher.parameters import Parameter, compile_parameter, resolve
from agentd.engine.think.matcher.sentence import read_sentence
from agentd.engine.think.matcher.words import name_words, split, stem

_EXAMPLES: Final = re.compile(r"\b(?:examples?|for example|e\.g\.)\s*:?\s+(.+)$", re.IGNORECASE | re.DOTALL)
_QUOTED: Final = re.compile(r"[\"“”']([^\"“”]{4,120}?)[\"“”'](?=[\s,.;)]|$)")
_LATER_VERBS: Final = frozenset("lookup search check query get fetch find".split())
"""Verbs that stand last in a name, which nothing else in a name is."""

_SOME_DAY: Final = date(2000, 1, 1)
"""Today, where it does not matter which day is meant."""

_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True, slots=True)
class Function:
    """A function as declared, prepared for matching.

    Attributes:
        name: as declared.
        summary: the first sentence of the description, without its full stop.
        parameters: in the order declared.
        reads: it only tells something, so questions fit; otherwise it does something, and commands fit.
        answers: questions fit: it reads, or works something out ("convert"), which its declaration lets be done in vain.
        ends: it does away with something, so that wishing for that thing does not call it.
        verbs: stems of the verbs in its name.
        told_verbs: stems of the verbs its description and examples begin with.
        families: what those verbs ask for.
        states: states its name speaks of; "open_garage" opens and does nothing else.
        nouns: stems of the other words of its name, with the weight each has as a sign that the function is meant.
        words: stems of content words in its description, its parameters and its examples.
        topic: of those, the ones of the description and the parameters; an example's are values that somebody might say.
        examples: example sentences, each as stems.
        openings: the first two words of those, as stems.
        shapes: their shapes (``Sentence.shape``), where more than a value is in them.
        patterns: of those, the ones that hold choices, each with a mark for its parameter: "put me through to <agent>".
        marks: by the words of its choices, what stands for them in these.
        headings: what stands before the colon of an example, as stems: "write this down" introduces whatever follows.
        vocabulary: stems that belong to its subject: the words of its name and the choices of its parameters.
    """

    name: str
    summary: str
    parameters: tuple[Parameter, ...]
    reads: bool
    answers: bool
    ends: bool
    verbs: frozenset[str]
    told_verbs: frozenset[str]
    families: frozenset[Sense]
    states: frozenset[Sense]
    nouns: Mapping[str, float]
    words: frozenset[str]
    topic: frozenset[str]
    examples: frozenset[tuple[str, ...]]
    openings: frozenset[tuple[str, ...]]
    shapes: frozenset[tuple[str, ...]]
    patterns: frozenset[tuple[str, ...]]
    marks: Mapping[tuple[str, ...], str]
    headings: frozenset[tuple[str, ...]]
    vocabulary: frozenset[str]

    def models(self, shape: tuple[str, ...]) -> bool:
        """Whether an example says the same of other things."""
        return bool(self.patterns) and _marked(shape, self.marks) in self.patterns

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)


def compile_function(declaration: Mapping[str, Any]) -> Function:
    """Prepare a declaration; the same one is prepared once.

    By the standard library's json, for a schema may hold numbers that orjson does not write.
    """
    return _compile(json.dumps(declaration, default=str))


@lru_cache(maxsize=512)
def _compile(encoded: str) -> Function:
    declaration: dict[str, Any] = json.loads(encoded)
    name = str(declaration.get("name", ""))
    description, examples = _take_examples(declaration)
    schema = declaration.get("parameters")
    parameters = _parameters(schema if isinstance(schema, dict) else {})
    named, summary = name_words(name), _summary(description, name)
    verbs, nouns = _verbs_and_nouns(named)
    openings = [words for words in (split(text) for text in (summary, *examples)) if words]
    told = {words[0].text for words in openings} | {words[0].stem for words in openings}
    families = {VERBS[verb] for verb in verbs | told | {word.text for word in split(summary)} if verb in VERBS}
    states = {sense for word in named if (sense := _state(word)) is not None and sense in STATES}
    topic = _content(description).union(*(parameter.words for parameter in parameters))
    reads = _reads(named, summary, states=bool(states))
    acts = named[:1] == () or named[0] in VERBS or summary.split(" ", 1)[0].lower() in VERBS
    said = [tuple(word.stem for word in split(text)) for text in examples]
    shapes = [read_sentence(text, today=_SOME_DAY, verbs=()).shape for text in examples]
    marks = _marks(parameters)
    return Function(
        name=name,
        summary=summary,
        parameters=parameters,
        reads=reads,
        answers=reads or (declaration.get("defer_until_eot") is False and not acts),
        ends=any(VERBS.get(verb) is Sense.END for verb in (*verbs, *named[:1])),
        verbs=frozenset(map(stem, verbs)),
        told_verbs=frozenset(
            stem(word) for word in told if word in VERBS or word in PARTICLE_VERBS or (word not in STOP_WORDS and not reads)
        ),
        families=frozenset(families),
        states=frozenset(states),
        nouns=nouns,
        words=topic.union(*map(_content, examples)),
        topic=topic,
        examples=frozenset(said),
        openings=frozenset(words[:2] for words in said if len(words) > 2),
        patterns=frozenset(
            pattern
            for shape in shapes
            if (pattern := _marked(shape, marks)) != shape and sum(not part.startswith("<") for part in pattern) > 1
        ),
        marks=marks,
        headings=frozenset(tuple(word.stem for word in split(text.partition(":")[0])) for text in examples if ": " in text),
        vocabulary=frozenset(nouns).union(
            word for parameter in parameters for choice in parameter.choices for phrase in choice.phrases for word in phrase
        ),
        shapes=frozenset(shape for shape in shapes if any(not part.startswith("<") for part in shape)),
    )


def _marks(parameters: Iterable[Parameter]) -> dict[tuple[str, ...], str]:
    """By the words of each choice, the mark that stands for it in a pattern."""
    said = ((parameter.name, phrase) for parameter in parameters for choice in parameter.choices for phrase in choice.phrases)
    return {phrase: f"<{name}>" for name, phrase in said}


def _marked(shape: tuple[str, ...], marks: Mapping[tuple[str, ...], str]) -> tuple[str, ...]:
    """A sentence's shape with a mark in the place of each choice of a parameter, the longest ones first."""
    longest = max(map(len, marks), default=0)
    parts: list[str] = []
    at = 0
    while at < len(shape):
        size = next((size for size in range(longest, 0, -1) if shape[at : at + size] in marks), 0)
        parts.append(marks[shape[at : at + size]] if size else shape[at])
        at += size or 1
    return tuple(parts)


def _content(text: str) -> frozenset[str]:
    """Stems of the words that say something."""
    return frozenset(word.stem for word in split(text) if word.text not in STOP_WORDS)


def _parameters(schema: dict[str, Any]) -> tuple[Parameter, ...]:
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict):
        return ()
    needed = required if isinstance(required, list) else []
    return tuple(
        compile_parameter(str(name), resolve(prop, schema), required=name in needed)
        for name, prop in properties.items()
        if isinstance(prop, dict)
    )


def _take_examples(declaration: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """(description without its example sentences, the example sentences)."""
    description = str(declaration.get("description") or "")
    given = declaration.get("examples")
    examples = [text for text in given if isinstance(text, str)] if isinstance(given, list) else []
    if (found := _EXAMPLES.search(description)) is not None:
        quoted = _QUOTED.findall(found.group(1))
        examples += quoted or [text for text in _SENTENCE.split(found.group(1)) if text]
        description = description[: found.start()].rstrip(" (\n")
    return description, tuple(examples)


def _summary(description: str, name: str) -> str:
    first = next((text.strip() for text in _SENTENCE.split(description) if text.strip()), "")
    return first.rstrip(".!") or " ".join(name_words(name))


def _verbs_and_nouns(named: tuple[str, ...]) -> tuple[frozenset[str], dict[str, float]]:
    """(verbs, nouns with their weights) of a name: its first word is the verb, unless another is ("customer_lookup")."""
    later = [at for at, word in enumerate(named) if at > 0 and (word in _LATER_VERBS or word in PARTICLES)]
    first_is_verb = named[:1] != () and (named[0] in VERBS or named[0] in PARTICLE_VERBS or (len(named) > 1 and not later))
    at_verb = 0 if first_is_verb else later[0] if later and named[later[0]] in _LATER_VERBS else None
    verbs = frozenset() if at_verb is None else frozenset({named[at_verb]})
    about = [
        word
        for at, word in enumerate(named)
        if at != at_verb and (word not in STOP_WORDS or word in {"home", "house"}) and word not in PARTICLES
    ]
    telling = [stem(word) for word in about if word not in GENERIC_NOUNS and word not in {"home", "house"}]
    weight = 1.0 if len(telling) == 1 else 0.7
    return verbs, {stem(word): weight if stem(word) in telling else 0.3 for word in about}


def _state(word: str) -> Sense | None:
    return PARTICLES.get(word) or ADJECTIVES.get(word) or VERBS.get(word)


def _reads(named: tuple[str, ...], summary: str, *, states: bool) -> bool:
    first = named[0] if named else ""
    if first in READING - {"return", "state", "report"}:
        return True
    if first in VERBS or states:
        return False
    opening = summary.split(" ", 1)[0].lower()
    return opening in READING or opening in {"the", "a"}
