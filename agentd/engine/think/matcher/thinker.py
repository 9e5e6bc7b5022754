"""The offline matcher as a thinker: the user's words in; a call, a question or an answer out."""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Final

import orjson

from agentd.engine.providers import AgentText, Call, CallMade, Say, ThinkEvent, ThinkRequest, UserText
from agentd.engine.think.matcher import matching, smalltalk
from agentd.engine.think.matcher.abilities import not_understood
from agentd.engine.think.matcher.declared import Function, compile_function
from agentd.engine.think.matcher.parameters import Parameter
from agentd.engine.think.matcher.pending import SESSION_KEY, Conversation, Pending
from agentd.engine.think.matcher.questions import question, read_answer
from agentd.engine.think.matcher.reading import Reading
from agentd.engine.think.matcher.replies import spoken_results
from agentd.engine.think.matcher.sentence import Form, Sentence
from agentd.engine.think.sentences import sentences

_TRIES: Final = 2
"""How often one thing is asked before it is dropped."""


class OfflineMatcher:
    """Calls the declared functions by matching; stateless itself, so one serves every conversation.

    Args:
        today: what "tomorrow" is counted from; the machine's local date by default.
    """

    def __init__(self, today: Callable[[], date] | None = None) -> None:
        self._today = today or (lambda: datetime.now().astimezone().date())

    async def think(self, request: ThinkRequest) -> AsyncGenerator[ThinkEvent, None]:
        """Speak the results of the calls just made, else understand what the user said last."""
        conversation = request.session.setdefault(SESSION_KEY, Conversation())
        results = _results(request)
        if results:
            conversation.pending = next(filter(None, map(_asked_for, results)), None)
            for piece in sentences(spoken_results([call.result or "" for call in results])):
                yield Say(piece)
            return
        said = next((message.text for message in reversed(request.messages) if isinstance(message, UserText)), "")
        for event in self._respond(said, request, conversation):
            if isinstance(event, Call):
                yield event
            else:
                for piece in sentences(event):
                    yield Say(piece)

    def _respond(self, said: str, request: ThinkRequest, conversation: Conversation) -> Iterator[Call | str]:
        functions = [compile_function(function) for function in request.functions]
        pending, conversation.pending = conversation.pending, None
        if pending is not None and smalltalk.wants_nothing(said):
            yield "All right, I leave it."
            return
        talk = smalltalk.small_talk(said, request.messages, functions)
        sentence = matching.read(said, functions, self._today())
        candidates = [] if talk is not None else matching.rank(sentence, functions)
        if pending is not None and not (candidates and sentence.form is not Form.FRAGMENT):
            answered = _answer(pending, sentence, functions, conversation)
            if answered:
                yield from answered
                return
        if talk is not None:
            conversation.misses = 0
            yield talk
        elif candidates:
            conversation.misses = 0
            yield from _proceed(candidates[0].reading, candidates[0].ask, conversation)
        elif sentence.form is Form.FORBIDDING:
            yield "All right, I leave it as it is."
        else:
            conversation.misses += 1
            yield not_understood(sentence, functions, misses=conversation.misses)


def _answer(
    pending: Pending,
    sentence: Sentence,
    functions: Sequence[Function],
    conversation: Conversation,
) -> list[Call | str]:
    """Take the sentence for the answer that was asked for; nothing when the question is given up."""
    function = next((function for function in functions if function.name == pending.function), None)
    parameter = function.parameter(pending.parameter) if function is not None else None
    if function is None or parameter is None:
        return []
    known = {name: value for name, value in pending.arguments.items() if name != parameter.name}
    reading = Reading(function, sentence, values=known)
    if read_answer(reading, parameter):
        return _proceed(reading, reading.missing, conversation)
    problem = reading.problems.get(parameter.name)
    if pending.tries >= _TRIES and problem is None:
        return []
    conversation.pending = Pending(function.name, known, parameter.name, pending.tries + 1)
    return [f"{problem or 'I did not get that.'} {question(parameter, reading.function)}"]


def _proceed(reading: Reading, ask: Sequence[Parameter], conversation: Conversation) -> list[Call | str]:
    """The calls, or the question for what is still needed."""
    if not ask:
        return [Call(reading.function.name, arguments) for arguments in reading.calls()]
    parameter = ask[0]
    conversation.pending = Pending(reading.function.name, dict(reading.values), parameter.name)
    problem = reading.problems.get(parameter.name)
    return [f"{problem} {question(parameter, reading.function)}" if problem else question(parameter, reading.function)]


def _asked_for(call: CallMade) -> Pending | None:
    """The call to make again, when a handler needs an answer: agentd's AskUser arrives as ``{"say", "awaiting"}``."""
    try:
        result = orjson.loads(call.result or "")
    except orjson.JSONDecodeError:
        return None
    awaited = result.get("awaiting") if isinstance(result, dict) else None
    return Pending(call.name, dict(call.arguments), awaited) if isinstance(awaited, str) else None


def _results(request: ThinkRequest) -> list[CallMade]:
    """The calls that were answered since the user spoke, unless they have been spoken about."""
    results: list[CallMade] = []
    for message in reversed(request.messages):
        if isinstance(message, AgentText) and results:
            break
        if isinstance(message, UserText):
            break
        if isinstance(message, CallMade):
            results.append(message)
    return results[::-1]
