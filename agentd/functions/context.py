"""What a running call may ask of the daemon. Handlers see these types; the worker process makes them.

Nothing here is kept between calls: whatever must last lives in the daemon, behind ``ctx.store`` and ``ctx.later``.
"""

import asyncio
import copy
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

CHANGE_TRIES: Final = 100
"""Whenever one is in vain, another call has made its change: so many would have to come in between."""

T = TypeVar("T")
Ask = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""Sends one request to the daemon and returns its JSON answer; raises FunctionError when it is refused."""


@dataclass(frozen=True, slots=True)
class Pending:
    """Something that ``ctx.later`` will do.

    Attributes:
        id: what ``ctx.cancel_later`` takes.
        label: the caller's own word for it.
        due_in_s: seconds left.
    """

    id: str
    label: str
    due_in_s: float


class Store:
    """JSON values of one handler file, kept by the daemon across calls, sessions and restarts.

    A value is written whole. Two calls may run at once: give each thing that changes by itself its own key, and make a new value
    of the old one with ``change``.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def get(self, key: str, default: Any = None) -> Any:
        """The value, or ``default``."""
        found = await self._ask("store.get", {"key": key})
        return found.get("value", default)

    async def set(self, key: str, value: Any) -> None:
        """Keep a JSON value; once this returns it is on disk."""
        await self.update({key: value})

    async def update(self, values: Mapping[str, Any]) -> None:
        """Keep several values at once, all or none."""
        await self._ask("store.set", {"values": dict(values)})

    async def add(self, key: str, value: Any) -> bool:
        """Keep a value under a key that has none; False when it has one. Of several calls at once one is the first."""
        return bool(await self._ask("store.set", {"values": {key: value}, "expected": {key: {}}}))

    async def change(self, key: str, change: Callable[[Any], Any], default: Any = None) -> Any:
        """Keep what ``change`` makes of the value, or of ``default``, and return it.

        When another call has changed it meanwhile, ``change`` is asked again: nothing is lost.
        """
        for _ in range(CHANGE_TRIES):
            found = await self._ask("store.get", {"key": key})
            value = change(copy.deepcopy(found.get("value", default)))
            if await self._ask("store.set", {"values": {key: value}, "expected": {key: found}}):
                return value
        raise TimeoutError(f"{key} is changed by others all the time")

    async def delete(self, key: str) -> None:
        """Forget the key; it need not exist."""
        await self._ask("store.delete", {"key": key})

    async def items(self, prefix: str = "") -> dict[str, Any]:
        """Every value whose key starts with ``prefix``, by key."""
        found: dict[str, Any] = await self._ask("store.items", {"prefix": prefix})
        return found


class CallContext:
    """The call that is running: who asked, and what it may do besides returning a result.

    Every request is refused with FunctionError once the call is settled, and when there is no session to act in.

    Attributes:
        call_id: unique in its run.
        function: this function's name.
        session_id: the session's name; None for a call without a conversation.
        run_id: the session's run.
        agent: the agent profile's name.
        metadata: what the session was started with.
        caller: who is at the other end, such as a telephone number; None when nobody said (``metadata["caller"]``).
        config: this file's own table, ``[functions.<file>]``.
        log: a logger whose lines carry function, session and call.
        store: values that last.
    """

    def __init__(
        self,
        *,
        call_id: str,
        function: str,
        session_id: str | None,
        run_id: str | None,
        agent: str | None,
        metadata: Mapping[str, str],
        config: Mapping[str, Any],
        ask: Ask,
        cancelled: threading.Event | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.call_id = call_id
        self.function = function
        self.session_id = session_id
        self.run_id = run_id
        self.agent = agent
        self.metadata = metadata
        self.caller = metadata.get("caller")
        self.config = config
        self.log = logging.getLogger(f"functions.{function}")
        self.store = Store(ask)
        self._ask = ask
        self._cancelled = cancelled or threading.Event()
        self._loop = loop

    @property
    def cancelled(self) -> bool:
        """True once nobody waits for the result: time is up, the user interrupted, the session ended.

        An ``async def`` handler is cancelled then; a plain one looks here, cleans up and returns within a second, or its
        process is ended.
        """
        return self._cancelled.is_set()

    async def say(self, text: str, *, behavior: Literal["queue", "interrupt"] = "queue") -> None:
        """Let the agent speak ``text``; returns once it is under way, not when it was heard."""
        await self._ask("say", {"text": text, "behavior": behavior})

    async def update_prompt(self, text: str) -> None:
        """Add ``text`` to what the agent is told about itself, for the rest of the session."""
        await self._ask("update_prompt", {"text": text})

    async def end_session(self, *, after_speech: bool = True) -> None:
        """End the session; by default after what is being said."""
        await self._ask("end_session", {"after_speech": after_speech})

    async def hand_over(self, agent: str) -> None:
        """Go on as another agent of the configuration, one that the present agent's profile lists in ``hand_over``.

        Its prompt, functions and voice are in effect once this returns, and it greets if it has not yet; the call goes on.
        """
        await self._ask("hand_over", {"agent": agent})

    async def later(
        self,
        seconds: float,
        *,
        say: str | None = None,
        call: str | None = None,
        arguments: Mapping[str, Any] | None = None,
        label: str = "",
    ) -> str:
        """In ``seconds``, speak ``say`` in this session, or call the function ``call`` as this session.

        It happens in the daemon, so this call may be long over, and the daemon may have been started anew: a plan is on the disk
        when this returns. When no session of this name is live by then, it happens as soon as one is, at most a day late
        (``limits.plan_late_s``).
        A text is said at least once. A function is called at most once, through the gate, as this agent: with what its profile
        allows by then, and never more than this call was allowed.

        Returns:
            An id for ``cancel_later``.
        """
        if (say is None) == (call is None):
            raise TypeError("later() takes either say= or call=")
        asked = {"seconds": seconds, "say": say, "call": call, "arguments": dict(arguments or {}), "label": label}
        made: str = await self._ask("later", asked)
        return made

    async def pending(self) -> list[Pending]:
        """What this file has planned for this session, soonest first."""
        return [Pending(**item) for item in await self._ask("later.list", {})]

    async def cancel_later(self, id: str) -> bool:
        """Drop a plan; False when it has happened already."""
        dropped: bool = await self._ask("later.cancel", {"id": id})
        return dropped

    def wait(self, request: Coroutine[Any, Any, T]) -> T:
        """Run one of the requests above from a plain ``def`` handler: ``ctx.wait(ctx.say("One moment."))``."""
        if self._loop is None:
            raise RuntimeError("wait() is for plain functions; in an async one, await the request")
        return asyncio.run_coroutine_threadsafe(request, self._loop).result()
