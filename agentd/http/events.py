"""Events out: server-sent events (WHATWG HTML, section 9.2) with snapshot and resumption, and a JSON long poll.

Snapshot, what the ring still has, and the subscription are taken without an await in between: nothing is missed, nothing
comes twice.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import orjson
from aiohttp import web
from pydantic import Field

from agentd.errors import FieldError, InvalidRequest, SessionNotFound, TooManyRequests
from agentd.http.accept import choose
from agentd.http.deps import DEPS, IDENTITY, HttpDeps, sees_words
from agentd.http.holding import hold_little
from agentd.http.models import Events
from agentd.http.queries import MAX_TIMEOUT_S, Family, Flag, Number, Parameters, Whole
from agentd.http.sessions import run_of
from agentd.http.table import Example, Media, Route
from agentd.hub import EVENT_TYPES, Envelope, Mailbox, Transport
from agentd.ids import is_run_id
from agentd.sessions.runs import Run

SSE: Final = "text/event-stream"
RETRY_MS: Final = 2000
"""How long a browser waits before it connects again."""

POLL_LIMIT: Final = 1000
STORED_LIMIT: Final = 2000
"""What a resuming stream reads from the store at most; its reader polls for more."""
_LOOK_S: Final = 5.0
"""How often a quiet stream looks whether its reader is still there: aiohttp does not tell a handler."""


class EventParameters(Parameters):
    """Which events, and how. Any of `after`, `wait_s` and `limit` asks for JSON instead of a stream."""

    after: str | None = Field(None, description="Events after this position: `<run_id>:<seq>`, `<seq>`, or `g` for all sessions.")
    wait_s: Number = Field(0.0, ge=0, le=MAX_TIMEOUT_S, description="Seconds to wait for the first event.")
    limit: Whole = Field(POLL_LIMIT, ge=1, le=POLL_LIMIT, description="Events of one answer at most.")
    types: str | None = Field(None, description="Names of events, divided by commas; all otherwise.")
    raw: Flag = Field(
        False, description="A stream also shows the upstream's LatencyReport as it came, without `id`; `TurnFinished` sums it up."
    )


class AllEventParameters(EventParameters):
    """Which events of which sessions."""

    session: str | None = Field(None, description="Names of sessions, divided by commas.")
    agent: str | None = Field(None, description="Sessions of this agent.")
    metadata: Family = Field(default_factory=dict, description="Sessions with this metadata: `metadata.room=kitchen`.")


Missed = int | None
"""How many events are gone; None when that cannot be known."""


@dataclass(frozen=True, slots=True)
class View:
    """How one reader sees events.

    Attributes:
        types: names to show; None for all.
        words: show what was said.
        everything: every session's events, numbered by ``g``.
        serves: says of a run whether the token is for its agent.
        raw: also show unnumbered originals.
    """

    types: frozenset[str] | None
    words: bool
    everything: bool
    serves: Callable[[str], bool] = lambda _: True
    raw: bool = False

    def wants(self, envelope: Envelope) -> bool:
        """True when the reader asked for this type, and may see it."""
        return (self.types is None or envelope.type in self.types) and self.serves(envelope.run_id)

    def id_of(self, envelope: Envelope) -> str:
        """The reader's position after this event."""
        return str(envelope.g) if self.everything else f"{envelope.run_id}:{envelope.seq}"

    def frame(self, envelope: Envelope) -> bytes:
        """The event as it goes down a stream."""
        position = f"id: {self.id_of(envelope)}\n" if envelope.seq else ""
        head = f"event: {_one_line(envelope.type)}\n{position}data: "
        return head.encode() + envelope.json(words=self.words) + b"\n\n"


@dataclass(frozen=True, slots=True)
class Opening:
    """How a reader of one run begins.

    Attributes:
        first: ``Snapshot``, and ``Gap`` where events are gone.
        past: what happened since the reader's last position.
        mailbox: what happens from now on; the reader unsubscribes it.
    """

    first: Sequence[dict[str, Any]]
    past: Sequence[Envelope]
    mailbox: Mailbox

    @classmethod
    async def of_run(
        cls,
        deps: HttpDeps,
        run: Run,
        view: View,
        last: str | None,
        *,
        transport: Transport,
        something: asyncio.Event | None = None,
    ) -> Self:
        """Read what memory has let go of; then look and subscribe in one step, without an await in between."""
        past, missed = await _after(run, last, limit=STORED_LIMIT) if last else ([], 0)
        whose = {"session_id": run.id, "run_id": run.run_id}
        first: list[dict[str, Any]] = [whose | {"type": "Snapshot", "data": run.snapshot(words=view.words)}]
        if last:
            since, gone = run.recent(past[-1].seq if past else _sequence(run, last))
            past, missed = [*past, *since], missed + gone if past and missed is not None else missed
        mailbox = _subscribe(deps, view, transport, run_id=run.run_id, something=something)
        if not run.live:
            mailbox.end()
        if missed != 0:
            first.append(whose | {"type": "Gap", "data": {"missed": missed}})
        return cls(first, past, mailbox)


async def of_session(request: web.Request) -> web.StreamResponse:
    """``GET …/events``."""
    query = EventParameters.of(request)
    run = await run_of(request)
    view = View(types=types_of_session(query.types, "types"), words=sees_words(request), everything=False, raw=query.raw)
    if _is_poll(request, query):
        return await _poll_run(request, query, run, view)
    deps = request.app[DEPS]
    _admit_reader(deps)
    opening = await Opening.of_run(deps, run, view, request.headers.get("Last-Event-ID"), transport="sse")
    return await _stream(request, view, opening.mailbox, opening.first, opening.past)


async def of_all(request: web.Request) -> web.StreamResponse:
    """``GET /v1/events``: every session's events."""
    query = AllEventParameters.of(request)
    types = _types_of(query.types, "types")
    view = View(types=types, words=sees_words(request), everything=True, serves=_serving(request, query), raw=query.raw)
    if _is_poll(request, query):
        return await _poll_all(request, query, view)
    deps = request.app[DEPS]
    _admit_reader(deps)
    last = request.headers.get("Last-Event-ID")
    after = _number(last, "Last-Event-ID") if last else None
    live = [session.view(words=view.words) for session in deps.manager.list() if session.live and view.serves(session.run_id)]
    past, missed = _after_g(deps, after) if after is not None else ([], 0)
    mailbox = _subscribe(deps, view, "sse", run_id=None)
    first: list[dict[str, Any]] = [{"type": "Snapshot", "data": {"g": deps.hub.g, "sessions": live}}]
    if missed != 0:
        first.append({"type": "Gap", "data": {"missed": missed}})
    return await _stream(request, view, mailbox, first, past)


async def _stream(
    request: web.Request, view: View, mailbox: Mailbox, first: Iterable[dict[str, Any]], past: Sequence[Envelope]
) -> web.StreamResponse:
    deps = request.app[DEPS]
    limits = deps.settings.limits
    response = web.StreamResponse(headers={"Content-Type": SSE, "X-Accel-Buffering": "no"})
    try:
        hold_little(request)
        await response.prepare(request)
        opening = [f"retry: {RETRY_MS}\n\n".encode()]
        opening += [f"event: {one['type']}\ndata: ".encode() + orjson.dumps(one, default=str) + b"\n\n" for one in first]
        opening += [view.frame(envelope) for envelope in past if view.wants(envelope)]
        await write(request, response, b"".join(opening), limits.sse_stall_s)
        ended = bool(past) and past[-1].type == "SessionEnded" and not view.everything
        while not ended:
            frames = await _next(request, view, mailbox, ping_s=limits.sse_ping_s)
            if frames is None:
                break
            await write(request, response, frames, limits.sse_stall_s)
        if mailbox.overflowed:
            await write(request, response, b": too slow, cut off; connect again to resume\n\n", limits.sse_stall_s)
        return response
    finally:
        deps.hub.unsubscribe(mailbox)


async def _next(request: web.Request, view: View, mailbox: Mailbox, *, ping_s: float) -> bytes | None:
    """What to write next: every event that waits, or a ping. None at the end, or when the reader is gone."""
    quiet_s = 0.0
    while not mailbox.ended or len(mailbox):
        look_s = min(_LOOK_S, ping_s - quiet_s)
        try:
            async with asyncio.timeout(look_s):
                envelope = await mailbox.get()
        except TimeoutError:
            quiet_s += look_s
            if request.transport is None or request.transport.is_closing():
                return None
            if quiet_s >= ping_s:
                return b": ping\n\n"
            continue
        if envelope is None:
            return None
        frames = [view.frame(envelope)]
        while len(mailbox):
            envelope = await mailbox.get()
            if envelope is not None:
                frames.append(view.frame(envelope))
        if envelope is not None and envelope.type == "SessionEnded" and not view.everything:
            mailbox.end()
        return b"".join(frames)
    return None


async def write(request: web.Request, response: web.StreamResponse, data: bytes, stall_s: float) -> None:
    """Write; a reader that takes nothing for ``stall_s`` seconds is cut off."""
    try:
        async with asyncio.timeout(stall_s):
            await response.write(data)
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the reader took nothing") from None


async def _poll_run(request: web.Request, query: EventParameters, run: Run, view: View) -> web.Response:
    after = query.after
    deps = request.app[DEPS]
    past, missed = await _after(run, after or "0", limit=POLL_LIMIT)
    # From here to the subscription there is no await.
    since, gone = run.recent(past[-1].seq if past else _sequence(run, after or "0"))
    past = past if gone and past else [*past, *since]  # what lies between is read with the next poll
    mailbox = _subscribe(deps, view, "poll", run_id=run.run_id)
    wait_s = query.wait_s if run.live and not (gone and past) else 0.0
    items = await _collect(mailbox, deps, view, past, wait_s=wait_s, limit=query.limit)
    if items or past:  # past without items: nothing of it is wanted, go on behind it
        position = view.id_of(items[-1] if items else past[-1])
    else:
        position = after if after and missed is not None else f"{run.run_id}:0"
    return _polled(items, view, missed, position)


async def _poll_all(request: web.Request, query: EventParameters, view: View) -> web.Response:
    deps = request.app[DEPS]
    after = query.after
    since = _number(after, "?after") if after is not None else 0
    past, missed = _after_g(deps, since)
    if after is None:
        missed = 0  # who asks for what there is has missed nothing
    mailbox = _subscribe(deps, view, "poll", run_id=None)
    items = await _collect(mailbox, deps, view, past, wait_s=query.wait_s, limit=query.limit)
    position = items[-1].g if items else past[-1].g if past else min(since, deps.hub.g)
    return _polled(items, view, missed, str(position))


async def _collect(
    mailbox: Mailbox, deps: HttpDeps, view: View, past: Sequence[Envelope], *, wait_s: float, limit: int
) -> list[Envelope]:
    """What there is, or what comes first within ``wait_s`` seconds."""
    try:
        items = [envelope for envelope in past if view.wants(envelope)][:limit]
        if items or wait_s <= 0:
            return items
        try:
            async with asyncio.timeout(wait_s):
                envelope = await mailbox.get()
        except TimeoutError:
            return []
        while envelope is not None:
            items.append(envelope)
            envelope = await mailbox.get() if len(mailbox) and len(items) < limit else None
        return items
    finally:
        deps.hub.unsubscribe(mailbox)


def _polled(items: Sequence[Envelope], view: View, missed: Missed, position: str) -> web.Response:
    body = b",".join(envelope.json(words=view.words) for envelope in items)
    tail = orjson.dumps({"missed": missed, "next": position})
    return web.Response(body=b'{"items":[' + body + b"]," + tail[1:] + b"\n", content_type="application/json")


async def _after(run: Run, position: str, *, limit: int) -> tuple[list[Envelope], Missed]:
    """Events of this run after ``<run_id>:<seq>`` or ``<seq>``; of another run's position how many are gone is unknown."""
    since = _sequence(run, position)
    found, missed = await run.events(since, limit=limit)
    return found, missed if _is_of(run, position) else None


def _sequence(run: Run, position: str) -> int:
    """The ``seq`` that a position of this run names; 0 for another run's."""
    run_id, colon, seq = position.rpartition(":")
    number = _number(seq, "position")
    if colon and not is_run_id(run_id):
        raise _bad_position("position")
    return number if _is_of(run, position) else 0


def _is_of(run: Run, position: str) -> bool:
    run_id, colon, _ = position.rpartition(":")
    return not colon or run_id == run.run_id


def _after_g(deps: HttpDeps, g: int) -> tuple[list[Envelope], Missed]:
    """Every session's events after number ``g``: numbers have no gaps, so what is not found is gone."""
    if g > deps.hub.g:  # numbers of an earlier daemon
        return [], None
    found = [envelope for session in deps.manager.list() for envelope in session.events_since(0)[0] if envelope.g > g]
    found.sort(key=lambda envelope: envelope.g)
    return found, deps.hub.g - g - len(found)


def _serving(request: web.Request, query: AllEventParameters) -> Callable[[str], bool]:
    """Whether the reader wants to know of a run, and its token is for the agent; what is not kept belongs to nobody."""
    identity, manager = request[IDENTITY], request.app[DEPS].manager
    names = None if query.session is None else frozenset(query.session.split(","))
    if identity.agents is None and names is None and query.agent is None and not query.metadata:
        return lambda _: True

    def serves_run(run_id: str) -> bool:
        try:
            session = manager.get(run_id)
        except SessionNotFound:
            return False
        return (
            all(map(identity.serves, session.agents))
            and (names is None or session.id in names)
            and query.agent in (None, session.agent)
            and query.metadata.items() <= session.spec.metadata.items()
        )

    return serves_run


def _subscribe(
    deps: HttpDeps, view: View, transport: Transport, *, run_id: str | None, something: asyncio.Event | None = None
) -> Mailbox:
    limits = deps.settings.limits
    return deps.hub.subscribe(
        run_id=run_id,
        types=view.types,
        max_items=limits.subscriber_queue,
        max_bytes=limits.subscriber_queue_bytes,
        transport=transport,
        serves=view.serves,
        raw=view.raw and transport != "poll",
        something=something,
    )


def _admit_reader(deps: HttpDeps) -> None:
    limit = deps.settings.limits.sse_clients
    if deps.hub.subscribers["sse"] >= limit:
        raise TooManyRequests(
            f"All {limit} event streams are taken (limits.sse_clients).", retry_after_s=5, extra={"limit": "sse_clients"}
        )


def _is_poll(request: web.Request, query: EventParameters) -> bool:
    return (
        bool(query.model_fields_set & {"after", "wait_s", "limit"})
        or choose(request, (SSE, "application/json")) == "application/json"
    )


def types_of_session(value: str | None, name: str) -> frozenset[str] | None:
    """The types a reader of one session asks for in the parameter ``name``; its end is always told."""
    types = _types_of(value, name)
    return types if types is None else types | {"SessionEnded"}


def _types_of(value: str | None, name: str) -> frozenset[str] | None:
    """``?types=A,B``. A type that is not known may be an upstream's newest, so any is taken."""
    if value is None:
        return None
    types = frozenset(part.strip() for part in value.split(",") if part.strip())
    if not types or len(types) > 2 * len(EVENT_TYPES):
        fault = FieldError(f"?{name}", "names of events, divided by commas")
        raise InvalidRequest(f"The query parameter {name} cannot be used.", errors=[fault])
    return types


def _number(text: str, where: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise _bad_position(where)
    return int(text)


def _bad_position(where: str) -> InvalidRequest:
    detail = "must be the id of an event: <run_id>:<seq>, or a number"
    return InvalidRequest(f"The {where} cannot be used: it {detail}.", errors=[FieldError(where, detail)])


def _one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")


def _route(path: str, summary: str, example: Example) -> Route:
    return Route(
        "GET", path, of_all if path == "/v1/events" else of_session, "read",
        summary=summary,
        description="Server-sent events, or a JSON long poll when `after`, `wait_s` or `limit` is given or Accept asks for JSON. "
        "A stream begins with `Snapshot`; `Last-Event-ID` resumes it and `Gap` says how many events are gone. Words are left "
        "out without scope `transcripts`.",
        query=AllEventParameters if path == "/v1/events" else EventParameters,
        headers={"Last-Event-ID": "Where a stream broke off."},
        answers={200: (Events, Media(SSE, "`event:` is the type, `id:` the position, `data:` an event as JSON."))},
        stream=True,
        example=example,
    )  # fmt: skip


ROUTES: Final = (
    _route(
        "/v1/sessions/{id}/events",
        "Events of a session",
        Example(curl="curl -N -H @$S/auth $A/v1/sessions/kitchen/events"),
    ),
    _route("/v1/events", "Events of every session", Example(query="?limit=10")),
)
