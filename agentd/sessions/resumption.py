"""Going on from a past run: what was said in it becomes the context of a new one, as at a renewal."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import orjson

from agentd.errors import Conflict, FieldError, InvalidRequest, SessionExists, SessionNotFound
from agentd.protocol import settings as documents
from agentd.sessions.history import MAX_BYTES, context
from agentd.sessions.records import CallRecord, Said, Turn
from agentd.sessions.runs import Run
from agentd.sessions.spec import StartSpec

Find = Callable[[str], Awaitable[Run]]
MAX_RUNS: Final = 20
"""So many runs back a conversation is followed."""


async def resumed(spec: StartSpec, run: Run, find: Find) -> StartSpec:
    """The start request with the agent that had the word last, unless it names one, and the conversation of ``run``.

    Args:
        spec: the request.
        run: the run it names.
        find: finds a run that another went on from.

    Raises:
        SessionExists: the run is live.
        Conflict: what was said in it is not kept.
    """
    if run.live:
        raise SessionExists(f"Run {run.run_id} is live; stop it first, or go on in it.")
    if run.settings is None:
        raise Conflict(
            f"What was said in run {run.run_id} is not kept (store.transcripts, store.transcript_days); start without resume."
        )
    return replace(
        spec,
        agent=spec.agent or run.active_agent,
        agents_before=tuple(run.agents),
        history=tuple(await _told(run, find)),
        tainted=_tainted(run),
    )


def _tainted(run: Run) -> bool:
    """Whether it was told something from outside; true as well where that was not kept, as of a daemon that was killed."""
    view = run.view(words=False)
    return bool(view.get("tainted", True)) or view["end_reason"] == "interrupted"


async def _told(run: Run, find: Find) -> list[dict[str, Any]]:
    """What was said in ``run`` and in those it went on from, as far as it is kept and fits: the newest counts."""
    messages: list[dict[str, Any]] = []
    before: Run | None = run
    for _ in range(MAX_RUNS):
        if before is None or before.settings is None or len(orjson.dumps(messages)) > MAX_BYTES:
            break
        said = context(_turn(view) for view in await before.turns(words=True)).messages
        messages = [*documents.messages(dict(before.settings)), *said, *messages]
        try:
            before = await find(before.resumed_from) if before.resumed_from is not None else None
        except SessionNotFound:  # erased, or too long ago
            break
    return _bounded(messages)


def with_history(document: dict[str, Any], spec: StartSpec) -> dict[str, Any]:
    """The Settings that take a past run up: its conversation as context, and no greeting but one that is asked for.

    Raises:
        InvalidRequest: the agent is a reusable configuration of the upstream, which takes no context.
    """
    if spec.resume is None:
        return document
    if documents.agent_id(document) is not None:
        fault = FieldError("/resume", "an agent that is a reusable configuration cannot be told of a past run")
        raise InvalidRequest("This agent cannot go on from a past run.", errors=[fault])
    told = documents.with_context(document, [*documents.messages(document), *map(dict, spec.history)])
    return documents.merge(told, {"agent": {"greeting": spec.greeting}}) if spec.greeting else told


def _bounded(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The newest of them, as much as a renewal would tell: runs may go on from runs that went on from runs."""
    size, first = 0, len(messages)
    while first > 0:
        size += len(orjson.dumps(messages[first - 1]))
        if size > MAX_BYTES:
            break
        first -= 1
    return messages[first:]


def _turn(view: Mapping[str, Any]) -> Turn:
    """A turn from its JSON, with what the context of a new connection is made of."""
    turn = Turn(n=view["n"], cause=view["cause"], started=0.0, started_at=0.0, outcome=view["outcome"], heard=view["heard"])
    if view["played"]:
        turn.said = [Said(view["played"], 0)]
    turn.calls = list(_calls(view["calls"]))
    return turn


def _calls(views: Iterable[Mapping[str, Any]]) -> Iterable[CallRecord]:
    for view in views:
        yield CallRecord(
            call_id=view["call_id"], name=view["name"], arguments=view["arguments"], started_at=0.0, outcome=view["outcome"],
            result=view["result"], duration_s=view["duration_s"],
        )  # fmt: skip
