"""What a start asks for, and what a client at the compatible endpoint looks like to a session."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from agentd.sessions.listeners import Listener


@dataclass(frozen=True, slots=True)
class StartSpec:
    """A request to start a session; every field is optional (api.md, ``POST /v1/sessions``).

    Attributes:
        settings: a partial Voice Agent Settings document.
        functions: names that narrow the profile's list; None keeps it.
        record: whether the conversation is recorded; None: as ``[store] record_audio`` says.
        resume: the run id of a past run to go on from.
        tainted: it was told something from outside.
        started_by: the name of the token that asks for it.
        agents: the agents that whoever started it may use; None: all.
        agents_before: every agent that it was; filled in by the manager, as is ``history``.
        history: what was said in it, as History objects.
    """

    agent: str | None = None
    id: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    prompt: str | None = None
    greeting: str | None = None
    functions: tuple[str, ...] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    record: bool | None = None
    idle_timeout_s: float | None = None
    max_duration_s: float | None = None
    resume: str | None = None
    agents: frozenset[str] | None = None
    agents_before: tuple[str, ...] = ()
    history: tuple[Mapping[str, Any], ...] = ()
    tainted: bool = False
    started_by: str | None = None


class PassthroughClient(Listener, Protocol):
    """A Voice Agent client connected to us; calls never wait, the implementation bounds what it holds."""

    def send_text(self, frame: bytes) -> None:
        """Pass one JSON text frame on to the client."""

    def close(self, code: int, reason: str) -> None:
        """The session ended: close the client's connection."""
