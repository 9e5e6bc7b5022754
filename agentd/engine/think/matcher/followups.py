"""Sentences that mean something only after a call: "and the bedroom too", "turn it off again", "no, I meant the kitchen"."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum, auto
from typing import Final

from agentd.engine.providers import CallMade, ChatMessage, UserText
from agentd.engine.think.matcher import matching
from agentd.engine.think.matcher.carry import carry, complete
from agentd.engine.think.matcher.clauses import with_noun
from agentd.engine.think.matcher.declared import Function
from agentd.engine.think.matcher.matching import Candidate
from agentd.engine.think.matcher.reading import Reading
from agentd.engine.think.matcher.sentence import Form
from agentd.engine.think.matcher.words import split

_REACH: Final = 3
"""Turns after which a call is no longer what "it" means."""


class Cue(Enum):
    """How a sentence says that it goes with what was done before."""

    MORE = auto()
    AGAIN = auto()
    FIX = auto()


_AGAIN: Final = re.compile(
    r"^(?:and )?(?:please )?(?:(?:do|repeat|say|run) (?:it|that|this|the same)(?: thing)? (?:again|once more|one more time)"
    r"|once more|one more time|(?:the )?same again|do the same(?: thing)? again)(?: please)?[.!?]*$",
    re.IGNORECASE,
)
_SAME: Final = re.compile(
    r"^(?:and |now |please )*(?:do )?(?:the |exactly the )?same(?: thing)?\b[\s,]*(?:again |also )?", re.IGNORECASE
)
_MORE: Final = re.compile(
    r"^(?:(?:okay|ok|oh|please)[\s,]+)?(?:(?:and |so )?(?:what|how) about|and also|and then|and|also|plus|as well as)\b[\s,]*",
    re.IGNORECASE,
)
_MORE_END: Final = re.compile(r"[\s,]+(?:too|as well|also)(?:[\s,]+please)?[.!?\s]*$", re.IGNORECASE)
_FIX: Final = re.compile(
    r"^(?:(?:no|nope|wait|sorry|oops|actually|rather|oh|hang on|not that one|not that|ah|well|hm)\b[\s,.!-]*)+"
    r"(?:i (?:mean|meant|said)\b[\s,]*)?|^i (?:mean|meant|said)\b[\s,]*",
    re.IGNORECASE,
)
_NOT: Final = re.compile(r"^(?P<wanted>.+?)[\s,]+(?:and )?not\b\s+(?P<unwanted>.+)$", re.IGNORECASE)
_BUT: Final = re.compile(r"^not\b(?P<unwanted>.+?)(?:[\s,]+but|,)\s+(?P<wanted>.+)$", re.IGNORECASE)
_MOMENT: Final = re.compile(
    r"^(?:a|an|one|just a|just one) (?:sec|second|minute|moment)\b[.!?\s]*(?:please)?[.!?]*$", re.IGNORECASE
)
_ANOTHER: Final = re.compile(r"\b(?:another|new|second|one more)\b", re.IGNORECASE)
_POINTS: Final = re.compile(r"\b(?:it|that|them|those|these|(?:another|new|second|this) one)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A sentence as it goes on from earlier calls.

    Attributes:
        cue: what says that it does, or None: only a pronoun or a comparison may.
        rest: the sentence without the cue.
        points: it holds a pronoun.
        unwanted: of "twenty not thirty" what is not meant; only where nothing but the contrast says that it is a correction.
    """

    cue: Cue | None
    rest: str
    points: bool
    unwanted: str = ""


def read_cue(text: str) -> FollowUp:
    """Find what ties ``text`` to the calls before it."""
    text = text.strip()
    points = _POINTS.search(text) is not None
    if _AGAIN.match(text):
        return FollowUp(Cue.AGAIN, "", points=True)
    if (found := _SAME.match(text)) is not None and text[found.end() :].strip(" .!?"):
        return FollowUp(Cue.MORE, _MORE_END.sub("", text[found.end() :]), points)
    if (found := _FIX.match(text)) is not None and found.end():
        rest = text[found.end() :]
        if _MOMENT.match(rest):
            return FollowUp(None, text, points=False)
        for contrast in (_BUT, _NOT):
            if (wanted := contrast.match(rest)) is not None:
                rest = wanted["wanted"]
                break
        return FollowUp(Cue.FIX, rest, points)
    for contrast in (_BUT, _NOT):
        if (wanted := contrast.match(text)) is not None and len(split(text)) <= _SHORT:
            return FollowUp(Cue.FIX, wanted["wanted"], points, wanted["unwanted"])
    if (found := _MORE.match(text)) is not None:
        return FollowUp(Cue.MORE, _MORE_END.sub("", text[found.end() :]), points)
    if (ending := _MORE_END.search(text)) is not None:
        return FollowUp(Cue.MORE, text[: ending.start()], points)
    return FollowUp(None, text, points)


_SHORT: Final = 8
"""Words up to which "twenty not thirty" is a correction."""


def says_too(text: str) -> bool:
    """Whether ``text`` ends as such sentences do: "and the bedroom too"."""
    return _MORE_END.search(text) is not None


def follow_up(found: FollowUp, functions: Sequence[Function], messages: Sequence[ChatMessage], today: date) -> list[Candidate]:
    """The calls that ``found`` asks for after the calls in ``messages``, the newest first; none if it fits to none."""
    known = {function.name: function for function in functions}
    rounds = _recent(messages, known)
    if found.cue is Cue.AGAIN:
        return [_same(known[call.name], call.arguments) for call in rounds[0]] if rounds else []
    sentence = matching.read(found.rest, functions, today)
    if found.cue is None and not found.points and sentence.relative is None:
        return []
    if not sentence.words or (sentence.form is Form.QUESTION and found.cue is Cue.FIX):
        return []
    fresh = _ANOTHER.search(found.rest) is not None
    for calls in rounds:
        function = known[calls[0].name]
        alike = [call for call in calls if call.name == function.name]
        if found.unwanted:
            alike = [call for call in alike if _was_said(found.unwanted, function, call, functions, today)]
        changed = [
            candidate
            for call in alike
            if (candidate := carry(function, call.arguments, sentence, text=found.cue is not None, fresh=fresh)) is not None
        ]
        if changed:
            return _distinct(changed)
        if found.points and alike:
            named = matching.rank(matching.read(with_noun(found.rest, function), functions, today), functions)
            if sentence.form in {Form.COMMAND, Form.QUESTION} and named and named[0].function is not function:
                names = [parameter.name for parameter in named[0].function.parameters]
                completed = complete(named[0], alike[-1].arguments, names)
                if not completed.ask:
                    return [completed]
    return []


def _was_said(text: str, function: Function, call: CallMade, functions: Sequence[Function], today: date) -> bool:
    """Whether ``text`` names what ``call`` was made with."""
    named = carry(function, call.arguments, matching.read(text, functions, today))
    return named is not None and named.reading.values == dict(call.arguments)


def _recent(messages: Sequence[ChatMessage], known: Mapping[str, Function]) -> list[list[CallMade]]:
    """The rounds of calls of the last few turns, the newest first, as far as their functions are still there."""
    rounds: list[list[CallMade]] = []
    turns, fresh = 0, True
    before = len(messages)
    while before and isinstance(messages[before - 1], UserText):
        before -= 1
    for message in reversed(messages[:before]):
        if isinstance(message, CallMade):
            if message.name in known:
                if fresh:
                    rounds.append([])
                rounds[-1].insert(0, message)
                fresh = False
            continue
        fresh = True
        turns += isinstance(message, UserText)
        if turns >= _REACH:
            break
    return rounds


def _same(function: Function, values: Mapping[str, object]) -> Candidate:
    reading = Reading(function, matching.NOTHING, values=dict(values))
    return Candidate(reading, matching.ENOUGH, ())


def _distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    kept: list[Candidate] = []
    for candidate in candidates:
        if all(candidate.reading.values != other.reading.values for other in kept):
            kept.append(candidate)
    return kept
