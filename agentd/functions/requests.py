"""What a running handler may ask of the daemon, done as the session whose call it is."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Literal, Protocol

import structlog

from agentd.errors import AgentdError
from agentd.functions.call import CallRequest
from agentd.functions.gate.taint import Taint
from agentd.functions.later import Laters, NotPlanned
from agentd.functions.store import FileStore, StoreError, Stores
from agentd.functions.workers.running import Refused

ACTION_S: Final = 10.0
"""A request that acts on a session is refused if it is not done by then."""

_log = structlog.get_logger("agentd.functions")


Moment = Literal["call", "filler", "quiet"]
"""When a text is for.

``call``: a handler says it; while a function runs, it is for this moment or for none. ``filler``: the same, and only while
somebody waits for a function. ``quiet``: it comes by itself, and waits, within bounds, until nobody speaks and nothing is
answered.
"""


class SessionActions(Protocol):
    """What handlers may do to the session they are called in; the session implements it."""

    @property
    def run_id(self) -> str:
        """Its run."""

    async def say(self, text: str, *, behavior: str = "queue", moment: Moment = "quiet") -> None:
        """Let the agent speak; returns once the upstream has taken it. In a ``quiet`` moment: once it is being said.

        Args:
            text: what it says.
            behavior: "queue" or "interrupt".
            moment: what a queued text waits for.
        """

    async def update_prompt(self, text: str) -> None:
        """Add to the prompt."""

    async def end_session(self, *, after_speech: bool = True) -> None:
        """End the session; again changes nothing."""

    async def hand_over(self, agent: str) -> None:
        """Go on as another agent: its prompt, functions, think, speak and listen."""

    def publish(self, type_: str, data: dict[str, Any]) -> None:
        """Publish an event of agentd's own in the session."""


Actions = Callable[[str], SessionActions | None]
"""The live session of a name; None when there is none."""


class Requests:
    """Serves the requests of all handlers.

    Args:
        taint: the runs that were told something from outside.
        message_chars: longest text to be spoken or added to a prompt.

    Attributes:
        watch: is told of every request that was done: the call, the operation and its arguments.
    """

    def __init__(self, *, actions: Actions, stores: Stores, laters: Laters, taint: Taint, message_chars: int) -> None:
        self._actions = actions
        self._stores = stores
        self._laters = laters
        self._taint = taint
        self.message_chars = message_chars
        self.watch: Callable[[CallRequest, str, dict[str, Any]], None] = lambda *_: None

    async def serve(self, file: str, call: CallRequest, operation: str, arguments: dict[str, Any]) -> Any:
        """Do what the handler of ``file`` asks during ``call``.

        Raises:
            Refused: it was not done; the text tells the handler, and by default the model, why.
        """
        answer = await self._serve(file, call, operation, arguments)
        self.watch(call, operation, arguments)
        return answer

    async def _serve(self, file: str, call: CallRequest, operation: str, arguments: dict[str, Any]) -> Any:
        area, _, verb = operation.partition(".")
        try:
            if area == "store":
                return await self._store(self._stores.of(file), call, verb, arguments)
            if area == "later":
                return await self._later(file, call, verb, arguments)
            async with asyncio.timeout(ACTION_S):
                return await self._act(self._session(call), operation, arguments)
        except (StoreError, NotPlanned) as error:
            raise Refused(str(error)) from None
        except AgentdError as error:
            raise Refused(error.detail) from None
        except TimeoutError:
            raise Refused(f"{operation} was not done within {ACTION_S:g} s") from None
        except (KeyError, TypeError, ValueError) as error:
            raise Refused(f"{operation} cannot be done with these arguments: {error}") from None

    async def _act(self, session: SessionActions, operation: str, arguments: dict[str, Any]) -> None:
        if operation == "say":
            behavior = arguments["behavior"]
            if behavior not in {"queue", "interrupt"}:
                raise Refused('behavior is "queue" or "interrupt"')
            await session.say(self._text(arguments["text"]), behavior=behavior, moment="call")
        elif operation == "update_prompt":
            await session.update_prompt(self._text(arguments["text"]))
        elif operation == "end_session":
            await session.end_session(after_speech=bool(arguments["after_speech"]))
        elif operation == "hand_over":
            await session.hand_over(_string(arguments["agent"]))
        else:
            raise Refused(f"there is no request {operation!r}")

    async def _store(self, store: FileStore, call: CallRequest, verb: str, arguments: dict[str, Any]) -> Any:
        if verb in {"get", "items"}:
            key = _string(arguments["key" if verb == "get" else "prefix"])
            found = await store.items(key)
            if verb == "get":
                found = {"value": found[key]} if key in found else {}
            if store.from_outside([key] if verb == "get" else found):
                self._taint.mark(call.run_id)
            return found
        if verb == "set":
            outside = call.run_id is not None and (call.tainted or call.run_id in self._taint)
            expected = {_string(key): dict(seen) for key, seen in arguments.get("expected", {}).items()}
            return await store.change(dict(arguments["values"]), outside=outside, expected=expected)
        if verb == "delete":
            return await store.change({}, delete=(_string(arguments["key"]),))
        raise Refused(f"there is no request store.{verb}")

    async def _later(self, file: str, call: CallRequest, verb: str, arguments: dict[str, Any]) -> Any:
        session_id = call.session_id
        if session_id is None:
            raise Refused("this call has no session, so nothing can be planned for it")
        if verb == "list":
            return self._laters.pending(file, session_id)
        if verb == "cancel":
            return await self._laters.cancel(file, session_id, _string(arguments["id"]))
        say, function = arguments["say"], arguments["call"]
        return await self._laters.plan(
            float(arguments["seconds"]),
            file=file,
            session_id=session_id,
            cause=call,
            say=None if say is None else self._text(say),
            function=None if function is None else _string(function),
            arguments=dict(arguments["arguments"]),
            label=_string(arguments["label"])[:200],
        )

    def _session(self, call: CallRequest) -> SessionActions:
        session = None if call.session_id is None else self._actions(call.session_id)
        if session is None:
            raise Refused("this call has no live session")
        return session

    def _text(self, text: object) -> str:
        text = _string(text)
        if not text.strip() or len(text) > self.message_chars:
            raise Refused(f"a text has 1 to {self.message_chars} characters")
        return text


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.60} is not a string")
    return value
