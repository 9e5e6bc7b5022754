"""One load of the folder: the files as they were read, their workers, and the registry that came of it."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentd.config import LimitSettings
from agentd.functions.files import HandlerFile, scan
from agentd.functions.fleet import Fleet
from agentd.functions.process import Confinement, WorkerGone
from agentd.functions.registry import FunctionSpec, LoadProblem, Registry, assemble
from agentd.supervise import Nursery


@dataclass(frozen=True, slots=True)
class Generation:
    """What calls run with until the next load; calls under way keep theirs.

    Attributes:
        files: by path, as in ``FunctionSpec.file``.
    """

    registry: Registry
    files: Mapping[Path, HandlerFile]
    fleet: Fleet


async def load_folder(
    directory: Path, *, limits: LimitSettings, config: Mapping[str, Mapping[str, Any]], nursery: Nursery
) -> Generation:
    """Read the folder and let a worker load each file; what does not load is in ``registry.problems``."""
    files, problems = await asyncio.to_thread(scan, directory)
    fleet = Fleet(
        size=limits.function_calls,
        worker_calls=limits.function_worker_calls,
        confinement=Confinement(
            memory_bytes=limits.function_memory_bytes,
            result_bytes=limits.function_result_bytes,
            log_bytes=limits.function_log_bytes,
        ),
        config=config,
        nursery=nursery,
    )
    at_once = asyncio.Semaphore(min(os.cpu_count() or 1, limits.function_calls))

    async def load(file: HandlerFile) -> dict[str, Any]:
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
    specs = [_spec(file, function) for file, ready in told for function in ready.get("functions", ())]
    problems += [
        LoadProblem(file.path, problem["line"], problem["reason"])
        for file, ready in told
        for problem in ready.get("problems", ())
    ]
    return Generation(assemble(specs, problems), {file.path: file for file in files}, fleet)


def check_directory(directory: Path) -> Registry:
    """Load the handlers of a folder as the daemon would, in workers that end at once. Blocking; for commands."""

    async def check() -> Registry:
        nursery = Nursery()
        try:
            generation = await load_folder(directory, limits=LimitSettings(), config={}, nursery=nursery)
            await generation.fleet.close()
            return generation.registry
        finally:
            await nursery.close()

    return asyncio.run(check())


def _spec(file: HandlerFile, told: Mapping[str, Any]) -> FunctionSpec:
    return FunctionSpec(
        name=told["name"],
        description=told["description"],
        parameters=told["parameters"],
        tier=told["tier"],
        timeout_s=told["timeout_s"],
        file=file.path,
        line=told["line"],
        sha256=file.sha256,
        examples=tuple(told["examples"]),
        is_async=told["is_async"],
    )
