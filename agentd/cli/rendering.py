"""Events as lines for a person."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from rich.text import Text

from agentd.cli.output import plain
from agentd.protocol.messages import INFORMING

_STAGES: Final = ("endpointing", "listen", "think", "function", "speak", "rest")


def line_of(event: dict[str, Any], *, everything: bool = False) -> Text | None:
    """The event as one line: time, session, what happened. None for what says nothing to a person.

    Args:
        event: as the API gives it.
        everything: also show events that only machines care about.
    """
    kind = str(event.get("type"))
    write = _LINES.get(kind)
    if write is not None:
        said = write(event.get("data") or {})
    elif everything:
        said = Text.assemble((kind, "dim"), " ", (_short(event.get("data")), "dim"))
    else:
        return None
    if said is None:
        return None
    line = Text.assemble((_clock(event.get("time")), "dim"), "  ", (f"{event.get('session_id') or '':<12}", "cyan"), " ", said)
    line.plain = plain(line.plain)  # as long as it was, so that the colours stay where they are
    return line


def _clock(time: object) -> str:
    """The local time of day."""
    moment = datetime.fromisoformat(time).astimezone() if isinstance(time, str) else datetime.now().astimezone()
    return f"{moment:%H:%M:%S}"


def _text(data: dict[str, Any]) -> Text:
    user = data.get("role") == "user"
    return Text.assemble(("user   " if user else "agent  ", "bold green" if user else "bold blue"), str(data.get("content", "…")))


def _state(data: dict[str, Any]) -> Text | None:
    return None if data.get("state") == "active" and data.get("activity") != "idle" else Text(f"{data.get('state')}", "yellow")


def _called(data: dict[str, Any]) -> Text:
    duration = data.get("duration_s")
    took = f" ({duration * 1000:.0f} ms)" if isinstance(duration, int | float) else ""
    outcome = str(data.get("outcome"))
    return Text.assemble(
        ("call   ", "bold magenta"),
        f"{data.get('name')}({_arguments(data.get('arguments'))}) → ",
        (outcome, "green" if outcome == "ok" else "red"),
        f" {_short(data.get('result'))}" if data.get("result") else "",
        (took, "dim"),
    )


def _turn(data: dict[str, Any]) -> Text:
    latency = data.get("latency") or {}
    total = latency.get("total_s")
    parts = [f"{stage} {latency[stage + '_s'] * 1000:.0f}" for stage in _STAGES if latency.get(stage + "_s")]
    took = f" · answered after {total * 1000:.0f} ms ({', '.join(parts)})" if total is not None else ""
    return Text(f"turn {data.get('n')} {data.get('outcome')}{took}", "dim")


def _ended(data: dict[str, Any]) -> Text:
    error = data.get("error") or {}
    usage = data.get("usage") or {}
    why = f": {error.get('detail')}" if error else ""
    return Text(f"ended, {data.get('end_reason')}{why} ({_count(usage.get('turns', 0), 'turn')})", "yellow")


def _command(data: dict[str, Any]) -> Text | None:
    if data.get("outcome") in ("applied", "spoken", "accepted"):
        return None
    return Text(f"{data.get('kind')}: {data.get('outcome')} {data.get('detail') or ''}".rstrip(), "red")


def _fault(name: str, style: str) -> Callable[[dict[str, Any]], Text]:
    return lambda data: Text(f"{name}: {data.get('code', '')} {data.get('description', '')}".rstrip(), style)


def _snapshot(data: dict[str, Any]) -> Text | None:
    session = data.get("session")
    if session is None:
        return Text(f"watching; {_count(len(data.get('sessions') or ()), 'session')} live", "dim")
    return Text(f"watching; {session.get('state')}, agent {session.get('agent')} on {session.get('upstream')}", "dim")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _warning(data: dict[str, Any]) -> Text | None:
    return None if data.get("code") in INFORMING else _fault("warning", "yellow")(data)


def _short(value: object, limit: int = 100) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _arguments(arguments: object) -> str:
    if isinstance(arguments, dict):
        return ", ".join(f"{key}={_short(value, 40)}" for key, value in arguments.items())
    return _short(arguments) if arguments is not None else ""


_LINES: Final[dict[str, Callable[[dict[str, Any]], Text | None]]] = {
    "Snapshot": _snapshot,
    "ConversationText": _text,
    "SessionStateChanged": _state,
    "FunctionCallFinished": _called,
    "TurnFinished": _turn,
    "SessionEnded": _ended,
    "CommandFinished": _command,
    "FunctionCallDelegated": lambda data: Text(f"delegated: {data.get('name')}", "yellow"),
    "ConfirmationRequested": lambda data: Text(f"confirmation wanted: {data.get('name')}", "bold red"),
    "AgentChanged": lambda data: Text(f"goes on as {data.get('to')}, no longer as {data.get('from')}", "bold"),
    "DeadAir": lambda data: Text(f"dead air: {data.get('stage', '')}", "red"),
    "AudioDropped": lambda data: Text(f"audio dropped: {data.get('dropped_s', '')} s", "red"),
    "Gap": lambda data: Text(f"{data.get('missed') if data.get('missed') is not None else 'some'} events were missed", "red"),
    "Lost": lambda data: Text(f"the daemon at {data.get('daemon')} is gone; trying again", "red"),
    "Warning": _warning,
    "Error": _fault("error", "bold red"),
}
