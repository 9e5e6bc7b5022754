"""Sessions as JSON (api.md, Session). Without ``words`` nothing that was said, heard or passed to a function is shown."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from agentd.clock import rfc3339

SPOKEN_AT: Final = "spoken_at"
"""Kept with a stored turn for its transcript; no member of the API's turn."""

AUDIO_AT: Final = "audio_at"
AUDIO_S: Final = "audio_s"
"""Kept with a stored turn: where its speech is in the recording (Unix seconds), and how much of it was heard."""
_STORED_ONLY: Final = frozenset({SPOKEN_AT, AUDIO_AT, AUDIO_S})

if TYPE_CHECKING:
    from agentd.sessions.session import Session


def session_view(session: "Session", *, words: bool) -> dict[str, Any]:
    """The session object."""
    conversation = session.conversation
    turns = session.turns
    last = turns[-1] if turns else None
    base = f"/v1/sessions/{session.id}"
    view: dict[str, Any] = {
        "id": session.id,
        "run_id": session.run_id,
        "agent": session.agent,
        "active_agent": session.active_agent,
        "agents": list(session.agents),
        "state": session.state,
        "activity": conversation.activity if session.live else "idle",
        "upstream": session.upstream,
        "request_id": session.lifeline.request_id,
        "started_at": rfc3339(session.started_at),
        "ended_at": rfc3339(session.ended_at) if session.ended_at is not None else None,
        "end_reason": session.end_reason if session.ended_at is not None else None,
        "error": {"code": session.error.code, "detail": session.error.detail} if session.error is not None else None,
        "audio": {
            "input": _audio(conversation.input_format.encoding, conversation.input_format.sample_rate),
            "output": _audio(conversation.output_format.encoding, conversation.output_format.sample_rate),
        },
        "functions": sorted(session.allowed),
        "tainted": session.tainted,
        "metadata": dict(session.spec.metadata),
    }
    if words:
        view["last_heard"] = next((turn.heard for turn in reversed(turns) if turn.heard), None)
        view["last_said"] = next((turn.said_text for turn in reversed(turns) if turn.said), None)
    return view | {
        "last_turn": last.n if last is not None else None,
        "usage": usage(session),
        "links": {name: f"{base}/{name}" for name in ("audio", "events", "transcript", "turns", "calls", "prompt")}
        | {"self": base, "stream": f"{base}/stream"}
        | ({"recording": f"{base}/recording"} if session.tape is not None else {}),
    }


def usage(session: "Session") -> dict[str, Any]:
    """What was used, over all connections; ``connection_s`` is what Deepgram bills."""
    conversation = session.conversation
    return {
        "connection_s": round(session.lifeline.connected_s, 3),
        "audio_in_s": round(conversation.input_format.duration_s(conversation.feed.sent_bytes), 3),
        "audio_out_s": round(conversation.output_format.duration_s(conversation.audio_out_bytes), 3),
        "turns": conversation.tracker.user_turns,
        "function_calls": conversation.function_calls,
        "renewals": session.lifeline.renewals,
    }


def transcript(session: "Session") -> list[dict[str, Any]]:
    """What was said, in order: ``{"turn", "role", "text", "time", "interrupted"}``."""
    lines: list[dict[str, Any]] = []
    for turn in session.turns:
        if turn.heard:
            lines.append(_line(turn.n, "user", turn.heard, rfc3339(turn.started), interrupted=False))
        if text := turn.said_text:
            lines.append(_line(turn.n, "assistant", text, rfc3339(turn.spoken), interrupted=turn.interrupted))
    return lines


def lines_of_turn(view: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The lines of the transcript that a turn's JSON stands for."""
    lines: list[dict[str, Any]] = []
    if heard := view.get("heard"):
        lines.append(_line(view["n"], "user", heard, view["started_at"], interrupted=False))
    if said := view.get("said"):
        lines.append(_line(view["n"], "assistant", said, view[SPOKEN_AT], interrupted=view["interrupted"]))
    return lines


def calls(session: "Session", *, words: bool) -> list[dict[str, Any]]:
    """The function calls of the turns kept, oldest first."""
    return [{"turn": turn.n} | call.view(words=words) for turn in session.turns for call in turn.calls]


def wordless_session(view: Mapping[str, Any]) -> dict[str, Any]:
    """A session's JSON without what was heard and said."""
    return {key: value for key, value in view.items() if key not in ("last_heard", "last_said")}


def wordless_turn(view: Mapping[str, Any]) -> dict[str, Any]:
    """A turn's JSON without what was heard, said and passed to functions."""
    kept = {key: value for key, value in view.items() if key not in ("heard", "said", "played")}
    return kept | {"calls": [wordless_call(call) for call in view["calls"]]}


def turns_shown(
    stored: Iterable[Mapping[str, Any]], *, words: bool, run_id: str = "", recorded: bool = False
) -> list[dict[str, Any]]:
    """Stored turns as the API shows them; of a ``recorded`` run they say where their speech is."""
    shown = []
    for turn in stored:
        view = {key: value for key, value in turn.items() if key not in _STORED_ONLY}
        if recorded and turn.get(AUDIO_S):
            view["audio"] = turn_audio_link(run_id, view["n"])
        shown.append(view if words else wordless_turn(view))
    return shown


def turn_audio_link(run_id: str, n: int) -> str:
    """Where the agent's speech of a turn is."""
    return f"/v1/sessions/{run_id}/turns/{n}/audio"


def wordless_call(view: Mapping[str, Any]) -> dict[str, Any]:
    """A call's JSON without its arguments and result."""
    return {key: value for key, value in view.items() if key not in ("arguments", "result")}


def _line(n: int, role: str, text: str, time: str, *, interrupted: bool) -> dict[str, Any]:
    return {"turn": n, "role": role, "text": text, "time": time, "interrupted": interrupted}


def _audio(encoding: str, sample_rate: int) -> dict[str, Any]:
    return {"encoding": encoding, "sample_rate": sample_rate}
