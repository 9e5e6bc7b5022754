"""Commands to a session, each followed from accepted to its effect: upstreams accept and ignore.

A command runs as a task of its session, not of the request that gave it: what came of it is told exactly once
(``CommandFinished`` and a metric), whether or not anybody still waits, over renewals, and when the session ends.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Literal, Self

from agentd.errors import AgentdError, InjectionRefused, SessionEnded, TooManyRequests, UpstreamRefused, UpstreamTimeout
from agentd.ids import RunIds
from agentd.metrics import Metrics
from agentd.sessions.records import Turn

CommandKind = Literal["prompt", "think", "speak", "listen", "message", "say", "ask", "end_turn", "interrupt", "audio"]

Outcome = Literal[
    "applied",
    "accepted",
    "spoken",
    "answered",
    "unanswered",
    "refused",
    "no_effect",
    "superseded",
    "session_ended",
    "partial",
    "failed",
]
"""What came of a command.

``applied``: the upstream acknowledged it, or it is done. ``accepted``: it took the text. ``spoken``: the agent says it.
``answered``, ``unanswered``: so was a question. ``refused``: the upstream said no. ``no_effect``: it was accepted and
nothing came of it in time. ``superseded``: the user's next words came first. ``session_ended``: the session was over
before. ``partial``: an upload broke off, and what had come of it was sent. ``failed``: agentd could not send it.
"""

EFFECTS: Final[frozenset[Outcome]] = frozenset({"applied", "accepted", "spoken", "answered"})
"""Outcomes that are what the command was for."""

_ids: Final = RunIds()


class Command:
    """One command.

    Attributes:
        id: sorts by time.
        outcome: None until it is over.
        detail: what the upstream said, or what else is to know.
        turn: the turn it began or is said in.
        facts: more members of the answer.
        sent_at: monotonic seconds; None until it went to the upstream.
        over: set with the outcome, after the event.
    """

    def __init__(self, kind: CommandKind, now: float) -> None:
        self.id: Final = f"cmd_{_ids.new()}"
        self.kind = kind
        self.accepted_at = now
        self.outcome: Outcome | None = None
        self.detail: str | None = None
        self.turn: Turn | None = None
        self.facts: dict[str, Any] = {}
        self.sent_at: float | None = None
        self.over = asyncio.Event()
        self._error: AgentdError | None = None

    def finish(self, outcome: Outcome, error: AgentdError | None = None) -> None:
        """Note what came of it; the first outcome stays. ``error`` is raised to whoever waits."""
        if self.outcome is None:
            self.outcome, self._error = outcome, error

    def view(self, state: str | None = None) -> dict[str, Any]:
        """The answer: ``{"command_id", "state", …}``.

        Args:
            state: what is told instead of the outcome.

        Raises:
            AgentdError: why there was no effect.
        """
        if self._error is not None:
            self._error.extra.setdefault("command_id", self.id)
            raise self._error
        seen: dict[str, Any] = {"command_id": self.id, "state": state or self.outcome or "accepted"}
        if self.turn is not None:
            seen["turn"] = self.turn.n
        if self.detail is not None and self.outcome is not None:
            seen["detail"] = self.detail
        return seen | self.facts


class Place:
    """A place in a line, taken at once and held until ``leave``; inside the block it is the first one's."""

    def __init__(self, leave: Callable[[], None], lock: asyncio.Lock) -> None:
        self._leave: Callable[[], None] | None = leave
        self._lock = lock

    async def __aenter__(self) -> Self:
        """Wait for those before."""
        await self._lock.acquire()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let the next one come."""
        self._lock.release()
        self.leave()

    def leave(self) -> None:
        """Give the place up; again does nothing."""
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()


class Lines:
    """One line of waiting per kind: acknowledgements carry no id, and what is to be said keeps its order.

    Args:
        limit: how many commands may stand in one line, the outstanding one included.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting: dict[str, int] = defaultdict(int)

    def join(self, kind: str) -> Place:
        """Take the last place.

        Raises:
            TooManyRequests: the line is full.
        """
        if self._waiting[kind] >= self._limit:
            raise TooManyRequests(f"{self._limit} {kind} commands already wait in this session.", retry_after_s=1)
        self._waiting[kind] += 1

        def leave() -> None:
            self._waiting[kind] -= 1

        return Place(leave, self._locks[kind])


class Commands:
    """Runs the commands of one session.

    Args:
        alive: raises ``SessionEnded`` once the session is over.
        spawn: starts a task of the session.
        publish: tells readers.
        limit: commands that may wait in one line.
    """

    def __init__(
        self,
        *,
        alive: Callable[[], None],
        spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
        publish: Callable[[str, dict[str, Any]], None],
        metrics: Metrics,
        limit: int,
    ) -> None:
        self.lines = Lines(limit)
        self.alive = alive
        self._spawn = spawn
        self._publish = publish
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._open: set[Command] = set()

    @property
    def saying(self) -> bool:
        """Something that was accepted is still to be said."""
        return any(command.kind in {"say", "message"} for command in self._open)

    def begin(self, kind: CommandKind, work: Callable[[Command], Awaitable[Outcome]], place: Place | None = None) -> Command:
        """Accept a command; ``work`` follows it to its effect.

        Args:
            place: given up when it is over.

        Raises:
            SessionEnded: the session takes no more commands.
        """
        try:
            self.alive()
            command = Command(kind, self._loop.time())
            task = self._spawn(_followed(command, work), f"command:{kind}")
        except BaseException:
            if place is not None:
                place.leave()
            raise
        self._open.add(command)
        task.add_done_callback(lambda _: self._over(command, place))
        return command

    def done(self, kind: CommandKind, outcome: Outcome, detail: str | None = None, *, since: float | None = None) -> Command:
        """A command that needed no following; it was accepted just now, or at ``since`` (monotonic seconds)."""
        command = Command(kind, self._loop.time() if since is None else since)
        command.detail = detail
        command.finish(outcome)
        self._over(command, None)
        return command

    async def wait(self, command: Command, timeout_s: float) -> None:
        """Return when ``command`` is over.

        Raises:
            UpstreamTimeout: it is not within ``timeout_s`` seconds; it goes on, and its outcome comes as an event.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await command.over.wait()
        except TimeoutError:
            raise UpstreamTimeout(
                f"The {command.kind} command had no visible effect within {timeout_s:g} s; ?timeout_s= waits longer. "
                "It is still followed: CommandFinished tells its outcome.",
                extra={"command_id": command.id},
            ) from None

    def _over(self, command: Command, place: Place | None) -> None:
        if place is not None:
            place.leave()
        command.finish("session_ended", SessionEnded("The session ended before the command had an effect; start it again."))
        self._open.discard(command)
        outcome = command.outcome or "failed"
        duration_s = self._loop.time() - command.accepted_at
        self._metrics.command(command.kind, outcome, duration_s if outcome in EFFECTS else None)
        told: dict[str, Any] = {"command_id": command.id, "kind": command.kind, "outcome": outcome}
        told["duration_s"] = round(duration_s, 4)
        if command.turn is not None:
            told["turn"] = command.turn.n
        self._publish("CommandFinished", told | ({"detail": command.detail} if command.detail else {}))
        command.over.set()


async def _followed(command: Command, work: Callable[[Command], Awaitable[Outcome]]) -> None:
    """Run ``work`` and note its outcome; only defects get out of here."""
    try:
        command.finish(await work(command))
    except TimeoutError:
        _failed(
            command, "no_effect", UpstreamTimeout(f"The {command.kind} command was accepted, and nothing came of it in time.")
        )
    except UpstreamTimeout as error:
        _failed(command, "no_effect", error)
    except (InjectionRefused, UpstreamRefused) as error:
        _failed(command, "refused", error)
    except SessionEnded as error:
        _failed(command, "session_ended", error)
    except AgentdError as error:
        _failed(command, "failed", error)


def _failed(command: Command, outcome: Outcome, error: AgentdError) -> None:
    command.detail = " ".join(filter(None, (error.detail, command.detail)))
    command.finish(outcome, error)
