"""The handler files of one load of the folder: as they were read, and the workers that run them."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from agentd.config import LimitSettings
from agentd.config.functions import RESERVED
from agentd.functions.call import CallRequest, InvalidArguments
from agentd.functions.options import Options
from agentd.functions.provider import Admitted, Loading, Serve
from agentd.functions.registry import FunctionSpec, LoadProblem, Registry, assemble
from agentd.functions.remote.credentials import Credentials, resolved
from agentd.functions.workers.files import HandlerFile, scan
from agentd.functions.workers.fleet import Fleet
from agentd.functions.workers.process import Confinement, WorkerGone
from agentd.functions.workers.wire import Reply
from agentd.supervise import Nursery

_log = structlog.get_logger("agentd.functions")

CHECK_S: Final = 2.0
"""Reading arguments takes no longer."""

AHEAD_S: Final = 1.0
"""So long before a call's time is up another worker is started: if the call does not end, the next one finds it ready."""

PREPARE_AGAIN_S: Final = 5.0
"""First pause before a file that could not prepare itself is loaded again; each is twice the one before, up to the last."""

LAST_PAUSE_S: Final = 300.0


class Generation:
    """Handler files as a ``Provider``. What is loaded later is another generation; calls under way keep theirs.

    Args:
        files: by path, as in ``FunctionSpec.place``.
    """

    def __init__(
        self, specs: tuple[FunctionSpec, ...], problems: tuple[LoadProblem, ...], files: Mapping[str, HandlerFile], fleet: Fleet
    ) -> None:
        self.specs = specs
        self.problems = problems
        self._files = files
        self._fleet = fleet
        self._learning: list[asyncio.Task[None]] = []

    @property
    def busy(self) -> bool:
        """Whether a worker is left."""
        return len(self._fleet) > 0

    async def check(self, spec: FunctionSpec, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments as the handler would get them: a worker reads them and runs nothing."""

        async def nothing(operation: str, _: dict[str, Any]) -> Any:
            raise AssertionError(f"no handler runs that could ask for {operation}")

        worker = await self._fleet.acquire(self._files[spec.place])
        call = _call(CallRequest(call_id="check", name=spec.name, arguments=arguments), spec, arguments) | {"check": True}
        try:
            reply = await worker.call(call, limit_s=CHECK_S, serve=nothing)
        except (TimeoutError, asyncio.CancelledError):
            self._fleet.cut_short(worker, "timeout")
            raise
        self._fleet.release(worker)
        if reply.outcome != "result":
            raise InvalidArguments(str(reply.value))
        read: dict[str, Any] = reply.value
        return read

    async def run(self, call: Admitted, serve: Serve) -> Reply:
        """Run a handler in a worker of its file."""
        file, limit_s = self._files[call.spec.place], call.spec.timeout_s
        worker = await self._fleet.acquire(file)
        replacement = asyncio.get_running_loop().call_later(max(limit_s / 2, limit_s - AHEAD_S), self._fleet.prepare, file)
        try:
            reply = await worker.call(_call(call.request, call.spec, call.arguments), limit_s=limit_s, serve=serve)
        except (TimeoutError, asyncio.CancelledError) as error:
            self._fleet.cut_short(worker, "timeout" if isinstance(error, TimeoutError) else "cancelled")
            raise
        finally:
            replacement.cancel()
        self._fleet.release(worker)
        return reply

    def learn(self, files: Sequence[HandlerFile], loading: Loading) -> None:
        """Load these files again, each until it could prepare itself: what it asks may have been started after the daemon."""
        for file in files:
            self._learning.append(loading.nursery.start(self._learn(file, loading), name=f"functions:{file.name}:learn"))

    async def _learn(self, file: HandlerFile, loading: Loading) -> None:
        pause_s = PREPARE_AGAIN_S
        while True:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LAST_PAUSE_S)
            try:
                ready = await self._fleet.load(file)
            except WorkerGone as gone:
                _log.warning("function_worker_failed", file=file.path.name, reason=str(gone))
                continue
            if not ready["unprepared"]:
                break
        learnt = [spec_of(file.path, function, file.sha256) for function in ready["functions"]]
        self.specs = (*(spec for spec in self.specs if spec.place != str(file.path)), *learnt)
        loading.changed()
        _log.info("functions_prepared", file=file.path.name)

    def retire(self) -> None:
        """Calls under way may end, and their workers end with them."""
        for task in self._learning:
            task.cancel()
        self._fleet.retire()

    async def close(self) -> None:
        """End every worker."""
        for task in self._learning:
            task.cancel()
        await self._fleet.close()


async def load_folder(loading: Loading) -> Generation:
    """Read the folder and let a worker load each file; what does not load is in ``problems``."""
    limits = loading.limits
    files, problems = await asyncio.to_thread(scan, loading.directory)
    problems += [_off(file, "enabled = true") for file in files if not _enabled(file, loading)]
    files = [file for file in files if _enabled(file, loading)]
    names = {file.name for file in files}
    tables, missing = await asyncio.to_thread(resolved, loading.tables, names, Credentials(loading.credentials))
    fleet = Fleet(
        size=limits.function_calls,
        worker_calls=limits.function_worker_calls,
        confinement=Confinement.of(limits),
        config=tables,
        nursery=loading.nursery,
        ended=loading.worker_ended,
    )
    at_once = asyncio.Semaphore(min(os.cpu_count() or 1, limits.function_calls))

    async def load(file: HandlerFile) -> dict[str, Any]:
        if file.name in RESERVED:
            reason = f"[functions.{file.name}] is a table of the configuration's own; give the file another name"
            return {"problems": [{"line": None, "reason": reason}]}
        if file.name in missing:
            return {"problems": [{"line": None, "reason": missing[file.name]}]}
        async with at_once:
            try:
                return await fleet.load(file)
            except WorkerGone as gone:
                return {"problems": [{"line": None, "reason": str(gone)}]}

    try:
        said = await asyncio.gather(*map(load, files))
    except BaseException:
        await fleet.close()
        raise
    told = list(zip(files, said, strict=True))
    specs = tuple(spec_of(file.path, function, file.sha256) for file, ready in told for function in ready.get("functions", ()))
    problems += [
        LoadProblem(str(file.path), problem["line"], problem["reason"])
        for file, ready in told
        for problem in ready.get("problems", ())
    ]
    problems += [_off(file, ", ".join(ready["missing"])) for file, ready in told if ready.get("missing")]
    generation = Generation(specs, tuple(problems), {str(file.path): file for file in files}, fleet)
    generation.learn([file for file, ready in told if ready.get("unprepared")], loading)
    return generation


def _enabled(file: HandlerFile, loading: Loading) -> bool:
    return loading.tables.get(file.name, {}).get("enabled") is not False


def _off(file: HandlerFile, what: str) -> LoadProblem:
    return LoadProblem(str(file.path), None, f"set [functions.{file.name}] {what}", off=True)


def check_directory(
    directory: Path, tables: Mapping[str, Mapping[str, Any]] | None = None, credentials: Path | None = None
) -> Registry:
    """Load the handlers of a folder as the daemon would, in workers that end at once. Blocking; for commands.

    Args:
        tables: ``[functions.*]`` of the configuration.
        credentials: the folder of credentials that they name.
    """

    async def check() -> Registry:
        nursery = Nursery()
        try:
            generation = await load_folder(
                Loading(
                    directory=directory,
                    tables=tables or {},
                    credentials=credentials,
                    limits=LimitSettings(),
                    nursery=nursery,
                    actions=lambda _: None,
                    changed=lambda: None,
                )
            )
            await generation.close()
            return assemble(generation.specs, generation.problems)
        finally:
            await nursery.close()

    return asyncio.run(check())


def _call(request: CallRequest, spec: FunctionSpec, arguments: dict[str, Any]) -> dict[str, Any]:
    """What the worker is told of a call."""
    return {
        "id": request.call_id,
        "function": spec.name,
        "arguments": arguments,
        "session_id": request.session_id,
        "run_id": request.run_id,
        "agent": request.agent,
        "metadata": dict(request.metadata),
    }


def spec_of(path: Path, told: Mapping[str, Any], sha256: str = "") -> FunctionSpec:
    """A function as the worker of its file told of it (``Handler.describe``)."""
    return FunctionSpec(
        name=told["name"],
        description=told["description"],
        parameters=told["parameters"],
        tier=told["tier"],
        timeout_s=told["timeout_s"],
        place=str(path),
        line=told["line"],
        sha256=sha256,
        examples=tuple(told["examples"]),
        is_async=told["is_async"],
        options=Options.of(told.get("options", {})),
    )
