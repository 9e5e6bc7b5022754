"""The functions of the daemon: load the handlers, run calls, settle each exactly once.

Everything that may call a function calls ``Functions.call``; there is no other way to a handler.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from agentd.clock import rfc3339
from agentd.config import LimitSettings
from agentd.errors import AgentdError, FieldError, InvalidRequest
from agentd.functions.fleet import Fleet
from agentd.functions.gate import OUTCOMES, CallOutcome, CallRequest, Rejected, admit
from agentd.functions.generation import Generation, check_directory, load_folder
from agentd.functions.later import Laters
from agentd.functions.once import Once
from agentd.functions.process import WorkerGone
from agentd.functions.registry import FunctionSpec, Registry
from agentd.functions.requests import Actions, Requests, SessionActions
from agentd.functions.slots import NoSlot, Slots
from agentd.functions.store import Stores
from agentd.functions.wire import Reply
from agentd.store import Store
from agentd.supervise import Nursery

__all__ = ["CallOutcome", "CallRequest", "Functions", "SessionActions", "check_directory"]

OTHER: Final = "other"
"""Counts calls to names that are not registered: a model's inventions must not grow a table."""

_log = structlog.get_logger("agentd.functions")


class Functions:
    """The handlers of one folder, at the service of all sessions.

    Args:
        directory: where handler files lie; may be missing, then there are no functions.
        store: keeps the values of handlers.
        older_values: the folder where earlier versions kept them, to take them over.
        config: the tables ``[functions.<file>]``.
        actions: finds the live session a handler acts in.

    Attributes:
        registry: what is loaded now.
    """

    def __init__(
        self,
        *,
        directory: Path,
        store: Store,
        older_values: Path,
        limits: LimitSettings,
        config: Mapping[str, Mapping[str, Any]],
        actions: Actions,
    ) -> None:
        self.registry = Registry()
        self._directory = directory
        self._limits = limits
        self._store = store
        self._config = config
        self._actions = actions
        self._nursery = Nursery()
        self._laters = Laters(say=self._say, call=self.call, nursery=self._nursery)
        self._requests = Requests(
            actions=actions,
            stores=Stores(store, older_values),
            laters=self._laters,
            message_chars=limits.message_chars,
        )
        self._slots = Slots(per_session=limits.function_calls_per_session, total=limits.function_calls)
        self._once: Once[tuple[CallRequest, CallOutcome]] = Once()
        self._loading = asyncio.Lock()
        self._generation: Generation | None = None
        self._retired: list[Fleet] = []
        self._counts: dict[str, Counter[str]] = {}
        self._last_errors: dict[str, dict[str, Any]] = {}
        self._closed = False

    @property
    def counters(self) -> dict[str, dict[str, Any]]:
        """Calls by function: ``calls``, one count per outcome, and ``last_error`` (time, outcome, kind) or None."""
        return {
            name: {
                "calls": sum(counts.values()),
                **{outcome: counts[outcome] for outcome in OUTCOMES},
                "last_error": self._last_errors.get(name),
            }
            for name in (*self.registry.specs, OTHER)
            for counts in (self._counts.get(name, Counter()),)
        }

    async def start(self) -> None:
        """Load what loads; the rest is in ``registry.problems``."""
        async with self._loading:
            self._adopt(await load_folder(self._directory, limits=self._limits, config=self._config, nursery=self._nursery))

    async def reload(
        self,
        *,
        limits: LimitSettings | None = None,
        config: Mapping[str, Mapping[str, Any]] | None = None,
        check: Callable[[Registry], None] = lambda _: None,
    ) -> Registry:
        """Load the folder anew, all or nothing; calls under way keep their code.

        Args:
            limits: in effect from now on, where they change too.
            config: the tables ``[functions.<file>]``, where they change too.
            check: looks at what was loaded before it is taken; raises to leave everything as it was.

        Raises:
            InvalidRequest: something did not load; every problem is listed and the functions stay as they were.
        """
        async with self._loading:
            limits, config = limits or self._limits, self._config if config is None else config
            generation = await load_folder(self._directory, limits=limits, config=config, nursery=self._nursery)
            problems = generation.registry.problems
            if problems:
                await generation.fleet.close()
                raise InvalidRequest(
                    "The handlers were not reloaded, the ones from before stay: " + "; ".join(map(str, problems)),
                    errors=[FieldError(f"/{problem.file.name}/{problem.line or 0}", problem.reason) for problem in problems],
                )
            try:
                check(generation.registry)
            except AgentdError:
                await generation.fleet.close()
                raise
            self._limits, self._config, self._requests.message_chars = limits, config, limits.message_chars
            self._adopt(generation)
        return self.registry

    async def close(self) -> None:
        """Stop every call and process; nothing is left afterwards."""
        self._closed = True
        self._laters.close()
        fleets = [*self._retired, *([self._generation.fleet] if self._generation else [])]
        await asyncio.gather(*(fleet.close() for fleet in fleets))
        await self._nursery.close()

    async def call(self, request: CallRequest) -> CallOutcome:
        """Run a call and settle it; the same id again gets the same outcome and runs nothing.

        Cancelling it stops the handler, which has a second to clean up. Raises nothing but CancelledError.
        """
        earlier = self._once.earlier(request.run_id, request.call_id)
        if earlier is not None:
            first, outcome = await asyncio.shield(earlier)
            if (first.name, first.arguments) == (request.name, request.arguments):
                return outcome
            return CallOutcome("denied", f"The call id {request.call_id[:64]!r} was used for another call.")
        settled = self._once.open(request.run_id, request.call_id)
        started = time.monotonic()
        outcome, kind = CallOutcome("cancelled", "The call was cancelled; its effect is unknown."), "cancelled"
        try:
            outcome, kind = await self._settle(request)
        finally:
            outcome = replace(outcome, duration_s=time.monotonic() - started)
            settled.set_result((request, outcome))
            self._count(request, outcome, kind)
        return outcome

    async def _settle(self, request: CallRequest) -> tuple[CallOutcome, str]:
        """The outcome, and in a word what kind of trouble it was."""
        generation = self._generation
        arguments: dict[str, Any] = {}
        if generation is None:
            return CallOutcome("denied", "The functions are not loaded yet."), "closed"
        try:
            spec, arguments = admit(request, generation.registry, args_bytes=self._limits.function_args_bytes)
            async with self._slots.one(request.session_id):
                reply = await self._run(generation, spec, request, arguments)
        except Rejected as rejected:
            return CallOutcome(rejected.outcome, rejected.content, None, arguments), rejected.outcome
        except NoSlot:
            return CallOutcome("error", "Too many functions are running; try again in a moment.", None, arguments), "busy"
        except TimeoutError:
            text = f"The function {request.name} did not finish in time; whether it had an effect is unknown."
            return CallOutcome("timeout", text, None, arguments), "timeout"
        except WorkerGone as gone:
            if self._closed:
                return CallOutcome("cancelled", "The daemon is stopping.", None, arguments), "cancelled"
            _log.error("function_worker_gone", function=request.name, call_id=request.call_id, reason=str(gone))
            text = f"The function {request.name} failed: its process ended. Whether it had an effect is unknown."
            return CallOutcome("error", text, None, arguments), str(gone)
        except Exception:  # noqa: BLE001 - the function runner's guard: a call is settled whatever happens
            _log.exception("function_call_failed", function=request.name, call_id=request.call_id)
            return CallOutcome("error", _internal(request.name), None, arguments), "internal"
        return self._read(reply, request, arguments)

    async def _run(self, generation: Generation, spec: FunctionSpec, request: CallRequest, arguments: dict[str, Any]) -> Reply:
        file = generation.files[spec.file]
        worker = await generation.fleet.acquire(file)

        async def serve(operation: str, asked: dict[str, Any]) -> Any:
            return await self._requests.serve(file.name, request, operation, asked)

        await self._store.flushed()  # that it was called is on record before anything happens
        call = {
            "id": request.call_id,
            "function": spec.name,
            "arguments": arguments,
            "session_id": request.session_id,
            "run_id": request.run_id,
            "agent": request.agent,
            "metadata": dict(request.metadata),
        }
        try:
            reply = await worker.call(call, limit_s=spec.timeout_s, serve=serve)
        except (TimeoutError, asyncio.CancelledError):
            generation.fleet.cut_short(worker, kill=not spec.is_async)
            raise
        generation.fleet.release(worker)
        return reply

    def _read(self, reply: Reply, request: CallRequest, arguments: dict[str, Any]) -> tuple[CallOutcome, str]:
        """What the worker answered, as an outcome."""
        name, value = request.name, reply.value
        if reply.outcome == "result":
            return CallOutcome("ok", self._content(value), value, arguments), ""
        if reply.outcome == "ask":
            asked = {
                "say": value["question"],
                "awaiting": value["argument"],
                "note": f"Ask the user this, then call {name} again with all arguments and the answer.",
            }
            return CallOutcome("ok", self._content(asked), asked, arguments), ""
        if reply.outcome == "invalid":
            text = f"The arguments of {name} do not fit: {value}. Correct them and call again."
            return CallOutcome("invalid", self._content(text), None, arguments), "invalid"
        if reply.outcome == "error":
            return CallOutcome("error", self._content(value), None, arguments), "FunctionError"
        if reply.outcome == "cancelled":
            return CallOutcome("error", _internal(name), None, arguments), "CancelledError"
        kind = str(value).partition(":")[0]
        _log.error("function_raised", function=name, call_id=request.call_id, session_id=request.session_id, error=kind)
        return CallOutcome("error", _internal(name), None, arguments), kind

    def _content(self, value: Any) -> str:
        """Text for the model: words as they are, all else as JSON; nothing is said as done."""
        text = "Done." if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()
        return text.encode()[: self._limits.function_result_bytes].decode("utf-8", "ignore")

    async def _say(self, session_id: str, text: str) -> bool:
        session = self._actions(session_id)
        if session is None:
            return False
        await session.say(text, behavior="queue")
        return True

    def _adopt(self, generation: Generation) -> None:
        if self._generation is not None:
            self._generation.fleet.retire()
            self._retired = [fleet for fleet in (*self._retired, self._generation.fleet) if len(fleet)]
        self._generation = generation
        self.registry = generation.registry
        _log.info("functions_loaded", functions=sorted(self.registry.specs), problems=len(self.registry.problems))

    def _count(self, request: CallRequest, outcome: CallOutcome, kind: str) -> None:
        name = request.name if request.name in self.registry.specs else OTHER
        self._counts.setdefault(name, Counter())[outcome.outcome] += 1
        if outcome.outcome not in {"ok", "cancelled"}:
            self._last_errors[name] = {"time": rfc3339(time.time()), "outcome": outcome.outcome, "kind": kind}
        _log.info(
            "function_call_settled",
            function=name,
            call_id=request.call_id,
            session_id=request.session_id,
            outcome=outcome.outcome,
            duration_s=round(outcome.duration_s, 4),
        )


def _internal(name: str) -> str:
    return f"The function {name} failed because of an internal error."
