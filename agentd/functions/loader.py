"""Runs a handler file's code in its worker and finds out what it offers.

The code comes from the daemon, as it was when the registry was made; the file on disk is not read again.
"""

import asyncio
import inspect
import linecache
import logging
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from agentd.functions.declare import Declaration, FunctionError, collector
from agentd.functions.schema import Fault, Handler, check

PREPARE_S: Final = 5.0
"""How long a file may take to find out what it wants to know before its functions are looked at."""

_log = logging.getLogger("functions")


def load(path: Path, source: bytes, config: Mapping[str, Any]) -> tuple[dict[str, Handler], list[Fault]]:
    """The handlers of a file by name, or every fault found; with one fault nothing of the file is used.

    ``REQUIRES`` of a file names keys of its table without which it offers nothing: there is nothing wrong, it is just off.

    A file may have ``async def prepare(config)``: it runs before the functions are looked at, and may put into the lists
    that their ``examples`` are what is only known now, such as the names of lamps. If it fails, the functions are as written.
    """
    declared: list[Declaration] = []
    token = collector.set(declared)
    try:
        module = _execute(path, source)
        if not all(key in config for key in getattr(module, "REQUIRES", ())):
            return {}, []
        _prepare(module, config)
    except Fault as fault:
        return {}, [fault]
    finally:
        collector.reset(token)
    handlers: dict[str, Handler] = {}
    faults: list[Fault] = []
    for declaration in declared:
        try:
            handler = check(declaration)
        except Fault as fault:
            faults.append(fault)
            continue
        if handler.name in handlers:
            first = handlers[handler.name].line
            faults.append(Fault(f"{handler.name} is declared twice in this file, first in line {first}", handler.line))
        handlers[handler.name] = handler
    return ({} if faults else handlers), faults


def _prepare(module: ModuleType, config: Mapping[str, Any]) -> None:
    prepare = module.__dict__.get("prepare")
    if not inspect.iscoroutinefunction(prepare):
        return

    async def bounded() -> None:
        async with asyncio.timeout(PREPARE_S):
            await prepare(config)

    try:
        asyncio.run(bounded())
    except TimeoutError:
        _log.warning("prepare() did not end within %g s", PREPARE_S)
    except FunctionError as error:
        _log.warning("prepare() failed: %s", error)
    except Exception:  # noqa: BLE001 - a file may raise anything; what it offers does not depend on this
        traceback.print_exc()


def _execute(path: Path, source: bytes) -> ModuleType:
    # Types look their module up by name. The package's name keeps a file called calendar.py out of the way of the real one,
    # and lets files share code: `from functions._shared import …`.
    package = ModuleType("functions")
    package.__path__ = [str(path.parent)]
    sys.modules["functions"] = package
    name = f"functions.{path.stem}"
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    # Last, so that a file here never stands in for an installed module.
    sys.path.append(str(path.parent))
    text = source.decode("utf-8", "replace")
    linecache.cache[str(path)] = (len(source), None, text.splitlines(keepends=True), str(path))
    try:
        code = compile(source, str(path), "exec", dont_inherit=True)
        exec(code, module.__dict__)  # noqa: S102 - running the operator's file is what this process is for
    except SyntaxError as error:
        place = f" ({Path(error.filename).name})" if error.filename not in {None, str(path)} else ""
        raise Fault(f"syntax error: {error.msg}{place}", error.lineno) from error
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        raise Fault(f"{type(error).__name__}: {error}", _line_of(path, error)) from error
    return module


def _line_of(path: Path, error: BaseException) -> int | None:
    """The last line of the file itself on the way to the error."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return lines[-1] if lines else None


def report(handlers: dict[str, Handler], faults: list[Fault]) -> dict[str, Any]:
    """What the daemon is told once loading is over."""
    return {
        "functions": [handler.describe() for handler in handlers.values()],
        "problems": [{"line": fault.line, "reason": _json_text(fault.reason)} for fault in faults],
    }


def _json_text(text: str) -> str:
    """At most a screenful, without the halves of characters that no JSON can carry."""
    return text[:2000].encode("utf-8", "replace").decode()
