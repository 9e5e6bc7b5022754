"""What the user wants, from the last words and all that was said and done before them."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from agentd.engine.providers import ChatMessage, UserText
from agentd.engine.think.matcher import matching
from agentd.engine.think.matcher.clauses import Understood, understand
from agentd.engine.think.matcher.declared import Function
from agentd.engine.think.matcher.followups import Cue, follow_up, read_cue
from agentd.engine.think.matcher.lexicon import Sense
from agentd.engine.think.matcher.matching import Candidate
from agentd.engine.think.matcher.parameters import Kind
from agentd.engine.think.matcher.relative import resolve
from agentd.engine.think.matcher.sentence import Form

_JOINED: Final = 3
"""Texts in a row that are read as one where the last alone says nothing."""


def interpret(texts: Sequence[str], functions: Sequence[Function], messages: Sequence[ChatMessage], today: date) -> Understood:
    """What the user's last words ask for: by themselves, after the calls before, or as the end of what was cut off."""
    if not texts:
        return Understood()
    cue = read_cue(texts[-1])
    leaning = cue.cue is not None and matching.read(cue.rest, functions, today).verb is None
    followed = follow_up(cue, functions, messages, today) if leaning else []
    if followed:
        return Understood(followed, leans=True)
    found = understand(texts[-1], functions, today)
    if found.withdrawn:
        return found
    if not found.calls and cue.cue is Cue.FIX and matching.read(cue.rest, functions, today).form is Form.COMMAND:
        found = understand(cue.rest, functions, today)
    open_ended = any(candidate.ask for candidate in found.calls)
    if not found.calls or open_ended:
        followed = [] if leaning else follow_up(cue, functions, messages, today)
        if followed:
            return Understood(followed, leans=True)
        for size in range(2, min(len(texts), _JOINED) + 1) if not found.calls else ():
            joined = understand(" ".join(text.rstrip(" .,!?") for text in texts[-size:]), functions, today)
            if joined.calls and not any(candidate.ask for candidate in joined.calls):
                return joined
    return found


def unanswered(messages: Sequence[ChatMessage]) -> list[str]:
    """What the user said last; several texts where a turn was ended too early and nothing of the agent was heard."""
    texts: list[str] = []
    for message in reversed(messages):
        if not isinstance(message, UserText):
            break
        texts.insert(0, message.text)
    return texts


def settle(candidate: Candidate, messages: Sequence[ChatMessage]) -> Candidate | str:
    """A change up or down as the value it comes to; what to say instead where it cannot go any further."""
    reading = candidate.reading
    relative = reading.sentence.relative
    if relative is None or reading.more or not {Sense.UP, Sense.DOWN} & set(reading.unmet):
        return candidate
    parameter = next((parameter for parameter in candidate.ask if parameter.kind is Kind.NUMBER), None)
    if parameter is None or parameter.name in reading.problems:
        return candidate
    value, limit = resolve(relative, parameter, reading.function.name, reading.values, messages)
    if limit is not None:
        return limit
    if value is None:
        return candidate
    reading.values[parameter.name] = value
    return matching.finish(reading)
