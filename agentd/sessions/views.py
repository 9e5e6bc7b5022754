"""Sessions as JSON (api.md, Session). Without ``words`` nothing that was said, heard or passed to a function is shown."""

from typing import TYPE_CHECKING, Any

from agentd.clock import rfc3339

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
        "metadata": dict(session.spec.metadata),
    }
    if words:
        view["last_heard"] = next((turn.heard for turn in reversed(turns) if turn.heard), None)
        view["last_said"] = next((turn.said_text for turn in reversed(turns) if turn.said), None)
    return view | {
        "last_turn": last.n if last is not None else None,
        "usage": usage(session),
        "links": {name: f"{base}/{name}" for name in ("audio", "events", "transcript", "turns", "calls", "prompt")}
        | {"self": base},
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
            lines.append(_line(turn.n, "user", turn.heard, turn.started, interrupted=False))
        if text := turn.said_text:
            spoken_at = turn.started + ((turn.first_text_at or turn.started_at) - turn.started_at)
            lines.append(_line(turn.n, "assistant", text, spoken_at, interrupted=turn.interrupted))
    return lines


def calls(session: "Session", *, words: bool) -> list[dict[str, Any]]:
    """The function calls of the turns kept, oldest first."""
    return [{"turn": turn.n} | call.view(words=words) for turn in session.turns for call in turn.calls]


def _line(n: int, role: str, text: str, unix_s: float, *, interrupted: bool) -> dict[str, Any]:
    return {"turn": n, "role": role, "text": text, "time": rfc3339(unix_s), "interrupted": interrupted}


def _audio(encoding: str, sample_rate: int) -> dict[str, Any]:
    return {"encoding": encoding, "sample_rate": sample_rate}
