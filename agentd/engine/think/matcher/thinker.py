"""The offline matcher as a thinker: the user's words in; a call, a question or an answer out."""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Final

import orjson

from agentd.engine.providers import AgentText, Call, CallMade, ChatMessage, Say, ThinkEvent, ThinkRequest, UserText
from agentd.engine.think.matcher import matching, smalltalk
from agentd.engine.think.matcher.abilities import not_understood
from agentd.engine.think.matcher.clauses import Understood
from agentd.engine.think.matcher.corrections import last_version
from agentd.engine.think.matcher.declared import Function, compile_function
from agentd.engine.think.matcher.followups import follow_up, read_cue
from agentd.engine.think.matcher.interpretation import interpret, settle, unanswered
from agentd.engine.think.matcher.matching import Candidate
from agentd.engine.think.matcher.parameters import Parameter
from agentd.engine.think.matcher.pending import SESSION_KEY, Conversation, Pending
from agentd.engine.think.matcher.questions import question, read_answer
from agentd.engine.think.matcher.reading import Reading
from agentd.engine.think.matcher.replies import spoken_results, unwrapped
from agentd.engine.think.matcher.sentence import Form
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
            events: Iterable[Call | str] = _report(results, request, conversation)
        else:
            events = self._respond(request, conversation)
        for event in events:
            if isinstance(event, Call):
                yield event
            else:
                for piece in sentences(event):
                    yield Say(piece)

    def _respond(self, request: ThinkRequest, conversation: Conversation) -> Iterator[Call | str]:
        functions = [compile_function(function) for function in request.functions]
        today = self._today()
        texts = unanswered(request.messages)
        said = texts[-1] if texts else ""
        pending, conversation.pending = conversation.pending, None
        waiting, conversation.waiting, conversation.remark = conversation.waiting, [], ""
        if pending is not None and smalltalk.wants_nothing(said):
            yield "All right, I leave it."
            return
        leaving = smalltalk.leaves(said, functions)
        if leaving is not None:
            yield Call(leaving.name, {})
            return
        talk = smalltalk.small_talk(said, request.messages, functions)
        found = Understood() if talk is not None else interpret(texts, functions, request.messages, today)
        sentence = matching.read(said, functions, today)
        if pending is not None and not (found.calls and sentence.form is not Form.FRAGMENT):
            answered = _answer(pending, last_version(said), functions, conversation, today)
            if answered:
                conversation.waiting = waiting
                yield from answered
                return
        if talk is not None and smalltalk.takes_back(said):
            back = follow_up(read_cue(said), functions, request.messages, today)
            found = Understood([candidate for candidate in back if not _made(candidate, request.messages)])
        if found.calls:
            conversation.misses = 0
            yield from _proceed(found, request.messages, conversation)
        elif talk is not None:
            conversation.misses = 0
            yield smalltalk.UNDONE if smalltalk.takes_back(said) and _just_called(request.messages) else talk
        elif sentence.form is Form.FORBIDDING:
            yield "All right, I leave it as it is."
        else:
            conversation.misses += 1
            yield not_understood(sentence, functions, misses=conversation.misses)


def _made(candidate: Candidate, messages: Sequence[ChatMessage]) -> bool:
    """Whether the last call was this very one."""
    last = next((message for message in reversed(messages) if isinstance(message, CallMade)), None)
    return last is not None and last.name == candidate.function.name and dict(last.arguments) == candidate.reading.values


def _just_called(messages: Sequence[ChatMessage]) -> bool:
    """Whether a function was called in the turn before this one."""
    before = [message for message in messages if not isinstance(message, AgentText)]
    return len(before) > 1 and isinstance(before[-2], CallMade)


def _answer(
    pending: Pending, said: str, functions: Sequence[Function], conversation: Conversation, today: date
) -> list[Call | str]:
    """Take the sentence for the answer that was asked for; nothing when the question is given up."""
    function = next((function for function in functions if function.name == pending.function), None)
    parameter = function.parameter(pending.parameter) if function is not None else None
    if function is None or parameter is None:
        return []
    known = {name: value for name, value in pending.arguments.items() if name != parameter.name}
    reading = Reading(function, matching.read(said, functions, today), values=known)
    if read_answer(reading, parameter):
        return _call_or_ask(reading, reading.missing, conversation)
    problem = reading.problems.get(parameter.name)
    if pending.tries >= _TRIES and problem is None:
        return []
    conversation.pending = Pending(function.name, known, parameter.name, pending.tries + 1)
    return [f"{problem or 'I did not get that.'} {question(parameter, reading.function)}"]


def _proceed(found: Understood, messages: Sequence[ChatMessage], conversation: Conversation) -> Iterator[Call | str]:
    """The calls that are complete, then the question for what the others lack."""
    calls = [settle(candidate, messages) for candidate in found.calls]
    ready = [call for call in calls if isinstance(call, Candidate) and not call.ask]
    lacking = [call for call in calls if isinstance(call, Candidate) and call.ask]
    told = [call for call in calls if isinstance(call, str)]
    told += [f'I did not understand "{text}".' for text in found.missed]
    for candidate in ready:
        for arguments in candidate.reading.calls():
            yield Call(candidate.function.name, arguments)
    if ready:
        conversation.remark = " ".join(told)
        conversation.waiting = [_pending(candidate) for candidate in lacking]
        return
    yield from told
    if lacking:
        conversation.waiting = [_pending(candidate) for candidate in lacking[1:]]
        yield from _call_or_ask(lacking[0].reading, lacking[0].ask, conversation)


def _pending(candidate: Candidate) -> Pending:
    return Pending(candidate.function.name, dict(candidate.reading.values), candidate.ask[0].name)


def _call_or_ask(reading: Reading, ask: Sequence[Parameter], conversation: Conversation) -> list[Call | str]:
    """The calls, or the question for what is still needed."""
    if not ask:
        return [Call(reading.function.name, arguments) for arguments in reading.calls()]
    parameter = ask[0]
    conversation.pending = Pending(reading.function.name, dict(reading.values), parameter.name)
    problem = reading.problems.get(parameter.name)
    return [f"{problem} {question(parameter, reading.function)}" if problem else question(parameter, reading.function)]


def _report(results: Sequence[CallMade], request: ThinkRequest, conversation: Conversation) -> Iterator[str]:
    """The results of the calls, what was not understood beside them, and the next question."""
    yield spoken_results([call.result or "" for call in results])
    remark, conversation.remark = conversation.remark, ""
    if remark:
        yield remark
    conversation.pending = next(filter(None, map(_asked_for, results)), None)
    if conversation.pending is None and conversation.waiting:
        pending = conversation.waiting.pop(0)
        function = next((compile_function(f) for f in request.functions if f.get("name") == pending.function), None)
        parameter = function.parameter(pending.parameter) if function is not None else None
        if function is not None and parameter is not None:
            conversation.pending = pending
            yield question(parameter, function)


def _asked_for(call: CallMade) -> Pending | None:
    """The call to make again, when a handler needs an answer: agentd's AskUser arrives as ``{"say", "awaiting"}``."""
    try:
        result = unwrapped(orjson.loads(call.result or ""))
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
