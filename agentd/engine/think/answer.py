"""Putting one chat completions answer together from its chunks, whatever the server makes of the format."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import orjson

from agentd.engine.providers import Call, Say, ThinkEvent, ThinkFailed, Thought
from agentd.engine.think.sentences import SentenceCutter
from agentd.engine.think.splitting import Kind, TextSplitter, ThoughtCutter

MAX_CHARS: Final = 16_000
"""Of one answer, spoken text and calls together; a model that goes on is in a loop."""

MAX_CALLS: Final = 64
"""In one answer."""

NO_ARGUMENTS: Final = "The arguments were not a JSON object; call the function again with one."
MAX_ID: Final = 40
"""Characters of a call's id beyond this engine; some gateways hide kilobytes of state in theirs."""

_REASONING: Final = ("reasoning_content", "reasoning")
_KEPT_REASONING: Final = 64_000
_SHOWN_CHARS: Final = 200


@dataclass(slots=True)
class _Part:
    """A tool call as far as it has come."""

    name: str = ""
    arguments: str = ""
    id: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Echo:
    """What a server wants to have back with a call that it made.

    Attributes:
        id: the call's, where it is not the one that went out.
        call: members of the call: Gemini's ``extra_content`` with its signature.
        message: members of the message: the reasoning, under its server's name for it (DeepSeek, "Thinking mode").
    """

    id: str | None
    call: Mapping[str, Any]
    message: Mapping[str, Any]


@dataclass(slots=True)
class Answer:
    """One answer: feed chunks to ``take``, call ``finish`` at the end.

    Attributes:
        names: declared function names by the names that were sent to the server.
        empty: what to say if the answer is neither words nor calls.
        in_thought: whether the answer begins inside a thought whose opening tag the chat template wrote, as one before it did.
        finished: whether the server said that the answer is complete.
        echoes: what to send back with each call, by its id; complete after ``finish``.
        unopened: whether a thought ended that had not begun.
    """

    names: Mapping[str, str]
    empty: str
    in_thought: bool = False
    finished: str | None = None
    echoes: dict[str, Echo] = field(default_factory=dict)
    unopened: bool = False
    _speech: SentenceCutter = field(default_factory=lambda: SentenceCutter(early=True))
    _splitter: TextSplitter = field(default_factory=TextSplitter)
    _thoughts: ThoughtCutter = field(default_factory=ThoughtCutter)
    _parts: list[_Part] = field(default_factory=list)
    _numbered: dict[int, _Part] = field(default_factory=dict)
    _reasoning: dict[str, str] = field(default_factory=dict)
    _presumed: str = ""
    _written: str = ""
    _begun: bool = False
    _said: bool = False
    _chars: int = 0

    def take(self, chunk: object) -> Iterator[ThinkEvent]:
        """The events that ``chunk`` completes. Azure's first chunk and OpenAI's last have no choices.

        Raises:
            ThinkFailed: the chunk is an error, or the answer grows without end.
        """
        if not isinstance(chunk, dict):
            raise ThinkFailed(f"what came is no chat completion: {str(chunk)[:_SHOWN_CHARS]!r}")
        if chunk.get("error"):
            raise ThinkFailed(error_text(chunk))
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        delta = choice.get("delta") or choice.get("message")
        if isinstance(delta, dict):
            self._begun = True
            yield from self._take(delta)
        if isinstance(reason := choice.get("finish_reason"), str) and reason:
            self._begun, self.finished = True, reason
        if self._chars > MAX_CHARS:
            raise ThinkFailed(f"the answer is longer than {MAX_CHARS} characters")

    def finish(self) -> Iterator[ThinkEvent]:
        """What is left when the stream has ended: the last sentence and the calls.

        Raises:
            ThinkFailed: there was no answer at all, or a content filter stopped it.
        """
        if not self._begun:
            raise ThinkFailed("the answer ended before it began")
        yield from self._sort(self._splitter.finish())
        if self.in_thought:  # it was none: there was no end to it
            yield from self._say(self._speech.feed(self._presumed[:MAX_CHARS]))
        yield from self._end_thought()
        yield from self._say(self._speech.finish())
        if self.finished == "content_filter":
            raise ThinkFailed("a content filter stopped the answer")
        for part in self._parts:
            yield self._call(part)
        if not self._said and not self._parts:
            yield Say(self.empty)

    def _take(self, delta: dict[str, Any]) -> Iterator[ThinkEvent]:
        for key in _REASONING:
            if isinstance(thought := delta.get(key), str) and thought:
                self._reasoning[key] = (self._reasoning.get(key, "") + thought)[:_KEPT_REASONING]
                yield from map(Thought, self._thoughts.feed(thought))
                break
        for kind, text in _texts(delta.get("content")):
            yield from self._sort(self._splitter.feed(text) if kind is Kind.SPEECH else [(kind, text)])
        if isinstance(refusal := delta.get("refusal"), str):
            yield from self._sort([(Kind.SPEECH, refusal)])
        parts = delta.get("tool_calls")
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict):
                yield from self._begin_calls()
                self._add(part)

    def _sort(self, pieces: Iterable[tuple[Kind, str]]) -> Iterator[ThinkEvent]:
        """Pieces of content as what they are."""
        for kind, text in pieces:
            if self._splitter.retracted:
                self.unopened = True
                held = self._presumed if self.in_thought else " ".join(self._speech.finish())
                yield from map(Thought, self._thoughts.feed(held))
                self.in_thought, self._presumed = False, ""
            if kind is Kind.CALL:
                yield from self._write_call(text)
            elif kind is Kind.THOUGHT:
                yield from map(Thought, self._thoughts.feed(text))
            elif self.in_thought:
                self._presumed += text
            else:
                if text.strip():
                    yield from self._end_thought()
                self._chars += len(text)
                yield from self._say(self._speech.feed(text))

    def _begin_calls(self) -> Iterator[ThinkEvent]:
        """What was said first is said now: it fills the wait."""
        if not self._parts:
            yield from self._end_thought()
            yield from self._say(self._speech.finish())

    def _write_call(self, text: str) -> Iterator[ThinkEvent]:
        """A piece of a call that stands in the text."""
        self._written += text
        self._chars += len(text)
        if self._splitter.closed:
            written, self._written = _object(self._written), ""
            if written is not None:
                yield from self._begin_calls()
                self._fill(self._new(), written)

    def _end_thought(self) -> Iterator[Thought]:
        yield from map(Thought, self._thoughts.finish())

    def _say(self, pieces: Iterator[str]) -> Iterator[Say]:
        for piece in pieces:
            self._said = True
            yield Say(piece)

    def _add(self, part: dict[str, Any]) -> None:
        """A piece of a tool call."""
        function = part.get("function")
        function = function if isinstance(function, dict) else part
        call_id = _text(part.get("id"))
        held = self._held(part.get("index"), _text(function.get("name")), call_id, _arguments(function))
        held.id = held.id or call_id or None
        if isinstance(extra := part.get("extra_content"), dict):
            held.extra["extra_content"] = extra
        self._fill(held, function)

    def _fill(self, held: _Part, function: dict[str, Any]) -> None:
        name, arguments = _text(function.get("name")), _arguments(function)
        held.name = held.name or name
        held.arguments += arguments
        self._chars += len(arguments) + len(name)

    def _new(self) -> _Part:
        if len(self._parts) >= MAX_CALLS:
            raise ThinkFailed(f"the answer has more than {MAX_CALLS} calls")
        self._parts.append(_Part())
        return self._parts[-1]

    def _held(self, index: object, name: str, call_id: str, arguments: str) -> _Part:
        """The call that a piece belongs to.

        Some servers send calls whole and number them all 0, or not at all; others repeat the name with every piece, or make up
        a new id for each. So a new call begins with a name, at an index of its own or with an id of its own after a name, or
        where the call before it is complete.
        """
        last = self._parts[-1] if self._parts else None
        held = self._numbered.get(index) if isinstance(index, int) else last
        if held is None and not name and not call_id:
            held = last
        if held is not None and name and held.name:
            another_id = bool(call_id) and bool(held.id) and call_id != held.id
            complete = bool(arguments) and _object(held.arguments) is not None
            if another_id or name != held.name or complete:
                held = None
        if held is None:
            held = self._new()
        if isinstance(index, int):
            self._numbered[index] = held
        return held

    def _call(self, part: _Part) -> Call:
        name = self.names.get(part.name) or self.names.get(part.name.removeprefix("functions.")) or part.name
        call_id = part.id if part.id and len(part.id) <= MAX_ID else f"fc_{uuid4()}"
        if part.extra or self._reasoning or (part.id and part.id != call_id):
            self.echoes[call_id] = Echo(part.id, part.extra, self._reasoning)
        arguments = _object(part.arguments or "{}")
        if arguments is None:
            return Call(name, {}, call_id, fault=NO_ARGUMENTS)
        return Call(name, arguments, call_id)


def error_text(document: object) -> str:
    """What a server says of its fault, in any of the usual shapes; empty if it is none of them."""
    document = document[0] if isinstance(document, list) and document else document  # Google's come in a list
    error = document.get("error", document) if isinstance(document, dict) else document
    message = error.get("message") or error.get("detail") if isinstance(error, dict) else error
    return str(message)[:_SHOWN_CHARS] if message else ""


def _texts(content: object) -> Iterator[tuple[Kind, str]]:
    """The pieces of ``content``: a text, or (Mistral) a list of parts, of which some are thought."""
    if isinstance(content, str):
        yield Kind.SPEECH, content
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict):
            inner = part.get("thinking")
            if isinstance(text := part.get("text"), str):
                yield Kind.SPEECH, text
            elif inner is not None:
                yield from ((Kind.THOUGHT, text) for _, text in _texts(inner))


def _arguments(function: dict[str, Any]) -> str:
    given = function.get("arguments")
    return given if isinstance(given, str) else "" if given is None else orjson.dumps(given).decode()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _object(text: str) -> dict[str, Any] | None:
    """The JSON object in ``text``, also one that was made a JSON string once more; None if it is none."""
    try:
        value = orjson.loads(text)
        value = orjson.loads(value) if isinstance(value, str) else value
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
