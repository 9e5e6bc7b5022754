"""The few things one says without wanting anything done. Nothing here pretends: no feelings, no promises."""

import re
from collections.abc import Sequence
from enum import Enum, auto
from typing import Final

from agentd.engine.providers import AgentText, CallMade, ChatMessage
from agentd.engine.think.matcher.abilities import abilities
from agentd.engine.think.matcher.declared import Function
from agentd.engine.think.matcher.lexicon import Sense
from agentd.engine.think.matcher.words import name_words, split, stem


class _Talk(Enum):
    GREETING = auto()
    THANKS = auto()
    FAREWELL = auto()
    PRAISE = auto()
    LEAVE_IT = auto()
    HELP = auto()
    WHO = auto()
    HOW = auto()
    AGAIN = auto()
    WHAT_DONE = auto()


_PHRASES: Final = {
    phrase: talk
    for talk, phrases in {
        _Talk.GREETING: "hello|hi|hey|good morning|good evening|good afternoon|good day",
        _Talk.THANKS: ("thanks|thank you|thank you very much|thank you so much|thanks a lot|many thanks|great thanks|cheers"),
        _Talk.FAREWELL: (
            "bye|goodbye|good bye|bye bye|bye for now|good night|see you|see you later|talk to you later|that is all|"
            "that will be all|that is everything|that will be everything|have a nice day"
        ),
        _Talk.PRAISE: ("great|perfect|nice|good|very good|well done|cool|awesome|good job|wonderful|excellent|yes|okay|ok|fine"),
        _Talk.LEAVE_IT: (
            "undo that|undo it|revert that|cancel it|"
            "never mind|nevermind|forget it|forget about it|cancel|cancel that|stop|stop it|quit|abort|"
            "no|nope|no thanks|no thank you|"
            "nothing|leave it|do not|do not bother|skip it|be quiet|shut up"
        ),
        _Talk.HELP: (
            "help|help me|what can you do|what can you do for me|what else can you do|what can i say|"
            "what can i ask|what can i ask you|"
            "what do you do|what are you able to do|how can you help me|what can you help me with|"
            "what are your functions"
        ),
        _Talk.WHO: ("who are you|what are you|what is your name|are you a robot|are you human|are you a person|are you an ai"),
        _Talk.HOW: "how are you|how are you doing|how is it going|how do you do|what is up",
        _Talk.AGAIN: ("repeat|repeat that|say that again|say again|come again|pardon|what did you say|what was that|sorry"),
        _Talk.WHAT_DONE: (
            "what did you do|what did you just do|what have you done|what have you just done|"
            "what was the result|"
            "what was the last thing you did|what did you call|which function did you call"
        ),
    }.items()
    for phrase in phrases.split("|")
}
_PAUSES: Final = re.compile(r"[.,!?;]+\s")
_FAREWELLS: Final = frozenset(tuple(map(stem, phrase.split())) for phrase, talk in _PHRASES.items() if talk is _Talk.FAREWELL)
_AROUND: Final = frozenset(
    "please now then again just so well right oh um uh ok okay alexa computer assistant there everyone can could you "
    "will would".split(),
)
"""Words that change nothing at the edges of such a phrase."""

_LONGEST: Final = max(len(phrase.split()) for phrase in _PHRASES)

_MAY_GO_ON: Final = frozenset("no nope nothing do not leave it".split())
_ENDINGS: Final = frozenset("stop cancel that abort quit".split())
"""Commands that are whole by themselves only where no function ends anything."""

_CONSENT: Final = frozenset("yes yeah yep sure correct right exactly okay ok no nope".split())

_ALL_SPOKEN: Final = 12
"""Abilities named when they were asked for; more is not to be listened to."""


UNDONE: Final = "That is done already. Tell me what to do instead."


def takes_back(text: str) -> bool:
    """Whether the user wants undone what was just done."""
    words = {word.text for word in split(text)}
    return (
        _recognise(text) is _Talk.LEAVE_IT and bool(words & {"that", "it"}) and bool(words & {"cancel", "undo", "stop", "revert"})
    )


def leaves(text: str, functions: Sequence[Function]) -> Function | None:
    """The function that a farewell calls: one that has a farewell among its examples, and needs nothing else to be said."""
    if _recognise(text) is not _Talk.FAREWELL:
        return None
    able = (function for function in functions if not any(parameter.required for parameter in function.parameters))
    return next((function for function in able if function.examples & _FAREWELLS), None)


def wants_nothing(text: str) -> bool:
    """Whether the user takes back what was asked, or says no."""
    return _recognise(text) is _Talk.LEAVE_IT


def closes(text: str, functions: Sequence[Function], *, asked: bool) -> bool:
    """Whether ``text`` is small talk that nothing usually follows; "hello" and a lone "no" are often only the beginning.

    Args:
        asked: the agent has just asked something, so that yes and no are whole answers.
    """
    talk = _recognise(text)
    words = [word.text for word in split(text)]
    match talk:
        case _Talk.THANKS | _Talk.FAREWELL | _Talk.WHO | _Talk.HOW:
            return True
        case _Talk.HELP | _Talk.AGAIN | _Talk.WHAT_DONE:
            return words != ["help", "me"] and words not in (["sorry"], ["repeat"], ["pardon"])
        case _Talk.LEAVE_IT:
            ends = any(Sense.END in function.families for function in functions)
            return asked or not (set(words) <= _MAY_GO_ON or (ends and set(words) <= _ENDINGS))
        case _Talk.PRAISE:
            return asked
        case _:
            return asked and bool(words) and set(words) <= _CONSENT


def small_talk(text: str, messages: Sequence[ChatMessage], functions: Sequence[Function]) -> str | None:
    """The answer to a greeting, thanks, a farewell, a question about the agent itself; None for everything else."""
    talk = _recognise(text)
    match talk:
        case None:
            return None
        case _Talk.HELP:
            return abilities(functions, most=_ALL_SPOKEN)
        case _Talk.WHO:
            return f"I am a voice assistant, a program. {abilities(functions, most=3)}"
        case _Talk.AGAIN:
            said = next((message.text for message in reversed(messages) if isinstance(message, AgentText)), None)
            return said or "I have not said anything yet."
        case _Talk.WHAT_DONE:
            return _what_done(messages)
        case _:
            return _ANSWERS[talk]


_ANSWERS: Final = {
    _Talk.GREETING: "Hello. What can I do for you?",
    _Talk.THANKS: "You're welcome.",
    _Talk.FAREWELL: "Goodbye.",
    _Talk.PRAISE: "All right.",
    _Talk.LEAVE_IT: "All right.",
    _Talk.HOW: "I am ready. What can I do for you?",
}


def _recognise(text: str) -> _Talk | None:
    words = [word.text for word in split(text)]
    if (talk := _PHRASES.get(" ".join(words))) is not None:
        return talk
    said = list(words)
    while words and words[0] in _AROUND:
        words.pop(0)
    while words and words[-1] in _AROUND:
        words.pop()
    if (talk := _PHRASES.get(" ".join(words))) is not None:
        return talk
    *before, last = map(str.strip, _PAUSES.split(text.strip(" .!?,")))
    talks = [*map(_recognise, before), _recognise(last)] if before else _in_a_row(said)
    return None if None in talks else _Talk.FAREWELL if _Talk.FAREWELL in talks else talks[-1]  # "that is all, thank you"


def _in_a_row(words: Sequence[str]) -> Sequence[_Talk | None]:
    """The phrases that stand behind one another without a pause, "that is all thank you"; None where one is none."""
    left, talks = list(words), list[_Talk | None]()
    while left:
        size = next((size for size in range(min(len(left), _LONGEST), 0, -1) if " ".join(left[:size]) in _PHRASES), 0)
        if not size and left[0] not in _AROUND | {"and"}:
            return [None]
        talks += [_PHRASES[" ".join(left[:size])]] if size else []
        left = left[size or 1 :]
    return talks or [None]


def _what_done(messages: Sequence[ChatMessage]) -> str:
    call = next((message for message in reversed(messages) if isinstance(message, CallMade)), None)
    if call is None:
        return "I have not called any function yet."
    given = ", ".join(f"{' '.join(name_words(name))} {value}" for name, value in call.arguments.items())
    result = f" The answer was: {call.result}" if call.result else ""
    return f"I called {' '.join(name_words(call.name))}{f' with {given}' if given else ''}.{result}"
