"""Several commands in one sentence: where one ends and the next begins, and what the next leaves unsaid."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from agentd.engine.think.matcher import matching
from agentd.engine.think.matcher.carry import carry, complete
from agentd.engine.think.matcher.corrections import corrected
from agentd.engine.think.matcher.declared import Function
from agentd.engine.think.matcher.lexicon import AUXILIARIES, NEGATIONS, PARTICLE_VERBS, STOP_WORDS, SUBJECTS, SUBORDINATORS, VERBS
from agentd.engine.think.matcher.matching import Candidate
from agentd.engine.think.matcher.sentence import Form, Sentence
from agentd.engine.think.matcher.words import Word, name_words, split

_JOINERS: Final = frozenset("and then plus".split())
_MOST: Final = 8
"""Clauses looked at; a longer speech is no command."""

_NO_COMMANDS: Final = frozenset({Form.STATEMENT, Form.FORBIDDING})
_SHORTEST_RUN: Final = 4
_STARTS: Final = PARTICLE_VERBS | VERBS.keys()
_HOLDS: Final = (
    SUBJECTS | AUXILIARIES | NEGATIONS | frozenset("a an the to of in on at for with by and or all every please".split())
)
"""Words behind which a verb does not begin a command: "the close one", "to turn", "in set three"."""

_WHERE: Final = frozenset("place room area floor location".split())

_POINTS_BACK: Final = re.compile(r"\b(?:it|that|them|those|these|ones?)\b", re.IGNORECASE)
_SAME_PLACE: Final = frozenset("there it them too also one ones".split())


@dataclass(slots=True)
class Understood:
    """What a sentence asks for.

    Attributes:
        calls: in the order said; each may have something to ask for first.
        leans: the sentence is complete only with the calls before it.
        missed: the clauses nothing could be made of, as said.
        withdrawn: a command was taken back, so nothing else may be made of it.
    """

    calls: list[Candidate] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    leans: bool = False
    withdrawn: bool = False


def understand(text: str, functions: Sequence[Function], today: date) -> Understood:
    """The calls that ``text`` asks for. Nothing at all where a part is a condition, a negation or a report."""
    changed = corrected(text, functions, today)
    if changed is not None:
        return Understood(changed, withdrawn=not changed)
    clauses = _clauses(text, functions, today)
    whole = matching.rank(matching.read(text, functions, today), functions)
    if len(clauses) < 2:
        if whole:
            shared = _shared(text, functions, today) if whole[0].ask else None
            complete_ones = shared is not None and len(shared.calls) > 1 and not any(call.ask for call in shared.calls)
            return shared if shared is not None and complete_ones else Understood(whole[:1])
        return _shared(text, functions, today) or Understood(_run_on(text, functions, today))
    if whole and (_quotes(whole[0]) or not _hard(clauses, functions, today)):
        return Understood(whole[:1])
    found = Understood()
    for clause in clauses:
        calls = _clause(clause, functions, today, found.calls) or _run_on(clause, functions, today) or None
        if calls is None:
            found.missed.append(clause)
            sentence = matching.read(clause, functions, today)
            texts = {word.text for word in sentence.words}
            if sentence.form in _NO_COMMANDS or texts & (SUBORDINATORS | NEGATIONS):
                return Understood()
        else:
            found.calls += calls
    if found.missed and whole and all(_holds(whole[0], clause) for clause in found.missed):
        return Understood(whole[:1])
    return found if found.calls else Understood()


def _run_on(text: str, functions: Sequence[Function], today: date) -> list[Candidate]:
    """The calls of commands that stand behind one another with nothing between: "lock the door turn off the lights"."""
    words = split(text)
    if matching.read(text, functions, today).form is not Form.COMMAND or len(words) < _SHORTEST_RUN:
        return []
    places = [at for at in range(2, len(words) - 1) if words[at].text in _STARTS and words[at - 1].text not in _HOLDS]
    for at in places[:_MOST]:
        first = matching.rank(matching.read(text[: words[at].start], functions, today), functions)
        if not first or first[0].ask or _quotes(first[0]):
            continue
        rest = text[words[at].start :]
        second = matching.rank(matching.read(rest, functions, today), functions)
        following = second[:1] if second and not second[0].ask else _run_on(rest, functions, today)
        if following:
            return [first[0], *following]
    return []


def _clause(text: str, functions: Sequence[Function], today: date, before: Sequence[Candidate]) -> list[Candidate] | None:
    """The calls of one clause, with what it leaves unsaid taken from the one before."""
    sentence = matching.read(text, functions, today)
    if sentence.form in _NO_COMMANDS:
        return None
    ranked = matching.rank(sentence, functions)
    last = before[-1] if before else None
    words = {word.text for word in split(text)}
    if ranked and not (ranked[0].ask and last is not None and words & _SAME_PLACE):
        return [ranked[0] if last is None else _after(last, ranked[0])]
    if last is not None and sentence.verb is not None and words & _SAME_PLACE:
        named = matching.rank(matching.read(with_noun(text, last.function), functions, today), functions) or ranked
        if named:
            return [complete(named[0], last.reading.values)]
    if ranked:
        return ranked[:1]
    if last is not None:
        carried = carry(last.function, last.reading.values, sentence)
        if carried is not None:
            return [carried]
        again = matching.rank(matching.read(f"{_verb(last)} {text}", functions, today), functions) if _verb(last) else []
        if again and sentence.verb is None:
            return again[:1]
    shared = _shared(text, functions, today)
    return shared.calls if shared is not None else None


def _after(last: Candidate, found: Candidate) -> Candidate:
    """What a clause asks for behind another: a few words may change that one, and "there" is where it was."""
    sentence = found.reading.sentence
    if sentence.form is Form.FRAGMENT:
        return carry(last.function, last.reading.values, sentence) or found
    if "there" in {word.text for word in sentence.words}:
        return complete(found, last.reading.values, _places(found.function))
    return found


def _shared(text: str, functions: Sequence[Function], today: date) -> Understood | None:
    """Two things under one verb: "set the bedroom to 20 and the office to 18 degrees"."""
    parts = _parts(text)
    if len(parts) < 2 or len(parts) > _MOST:
        return None
    first = matching.read(parts[0], functions, today)
    if first.verb is None and first.form not in {Form.FRAGMENT, Form.QUESTION, Form.WISH}:
        return None
    calls: list[Candidate] = []
    missed: list[str] = []
    for part in parts:
        found = _clause_part(part, functions, today, calls, _said_verb(first))
        if found is None:
            missed.append(part)
        else:
            calls.append(found)
    if missed == parts[:1] and calls:  # the first lacks what only the second says: the unit, the subject
        earlier = carry(calls[0].function, {}, first)
        if earlier is not None and not earlier.ask:
            return Understood([earlier, *calls])
    if len(calls) > 1 and calls[0].function is not calls[1].function and calls[1].score > calls[0].score:
        earlier = carry(calls[1].function, {}, first)
        if earlier is not None and not earlier.ask:
            calls[0] = earlier
    negated = {word.text for word in split(" ".join(missed))} & (NEGATIONS | SUBORDINATORS)
    if not calls or negated or (missed and parts[0] in missed):
        return None
    return Understood(calls, missed)


def _clause_part(
    text: str, functions: Sequence[Function], today: date, before: Sequence[Candidate], verb: str
) -> Candidate | None:
    sentence = matching.read(text, functions, today)
    if sentence.form in _NO_COMMANDS:
        return None
    if not before:
        ranked = matching.rank(sentence, functions)
        return ranked[0] if ranked else None
    last = before[-1]
    carried = carry(last.function, last.reading.values, sentence)
    led = matching.rank(matching.read(f"{verb} {text}", functions, today), functions) if verb and sentence.verb is None else []
    if led and not led[0].ask and (carried is None or led[0].function is not last.function):
        return led[0]
    if carried is not None:
        return carried
    ranked = matching.rank(sentence, functions)
    return ranked[0] if ranked else None


def _clauses(text: str, functions: Sequence[Function], today: date) -> list[str]:
    """The sentence cut before every verb that begins a command or a question of its own."""
    spans = _spans(text)
    if not 1 < len(spans) <= _MOST:
        return [text]
    clauses = spans[:1]
    for start, end in spans[1:]:
        if matching.read(text[start:end], functions, today).form is Form.FRAGMENT:
            clauses[-1] = (clauses[-1][0], end)
        else:
            clauses.append((start, end))
    return [text[start:end] for start, end in clauses]


def _hard(clauses: Sequence[str], functions: Sequence[Function], today: date) -> bool:
    """Whether every clause is something to do by itself."""
    forms = [matching.read(clause, functions, today).form for clause in clauses]
    return all(form in {Form.COMMAND, Form.QUESTION, Form.WISH, Form.FRAGMENT} for form in forms)


def _holds(candidate: Candidate, clause: str) -> bool:
    """Whether ``candidate`` takes up anything of a part of its sentence, rather than to drop it."""
    reading = candidate.reading
    taken = {word.stem for at, word in enumerate(reading.sentence.words) if at in reading.claims.keys() | reading.text_words}
    content = {word.stem for word in split(clause) if word.text not in STOP_WORDS}
    return not content or not content.isdisjoint(taken)


def _quotes(candidate: Candidate) -> bool:
    """Whether the sentence holds a message or a reminder, whose words are not for the agent."""
    values = candidate.reading.values
    return any(parameter.quotes and parameter.name in values for parameter in candidate.function.parameters)


def _parts(text: str) -> list[str]:
    """The text between its joining words and its pauses, as said."""
    return [text[start:end] for start, end in _spans(text)]


def _spans(text: str) -> list[tuple[int, int]]:
    """Where the parts stand, in characters."""
    words = split(text)
    spans: list[tuple[int, int]] = []
    start: int | None = None
    for index, word in enumerate(words):
        if word.text in _JOINERS and not _counts(words, index):
            if start is not None:
                spans.append((words[start].start, words[index - 1].end))
            start = None
        else:
            start = index if start is None else start
            if word.pause:
                spans.append((words[start].start, word.end))
                start = None
    if start is not None:
        spans.append((words[start].start, words[-1].end))
    return spans


def _counts(words: Sequence[Word], at: int) -> bool:
    """Whether an "and" belongs to a number: "three and a half", "an hour and fifteen minutes"."""
    if words[at].text != "and" or at + 1 >= len(words):
        return False
    following = [word.text for word in words[at + 1 : at + 3]]
    return (following[:1] == ["a"] and following[1:] in (["half"], ["quarter"])) or following == ["three", "quarters"]


def _places(function: Function) -> list[str]:
    """The parameters that say where."""
    return [parameter.name for parameter in function.parameters if not _WHERE.isdisjoint(name_words(parameter.name))]


def _said_verb(sentence: Sentence) -> str:
    """The leading verb and its particle."""
    return " ".join(sentence.words[index].text for index in sorted(sentence.verb_words))


def _verb(candidate: Candidate) -> str:
    sentence = candidate.reading.sentence
    return sentence.words[sentence.verb].text if sentence.verb is not None else ""


def with_noun(text: str, function: Function) -> str:
    """``text`` with what its pronoun stands for: "cancel it" after a timer was set cancels the timer."""
    nouns = [word for word in name_words(function.name)[1:] if word not in {"home", "state"}]
    return _POINTS_BACK.sub(
        ("the " if not re.search(r"\b(?:a|new|another) (?:new )?ones?\b", text) else "") + " ".join(nouns), text, count=1
    )
