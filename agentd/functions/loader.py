"""Runs a handler file's code in its worker and finds out what it offers.

The code comes from the daemon, as it was when the registry was made; the file on disk is not read again.
"""

import linecache
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from agentd.functions.declare import Declaration, collector
from agentd.functions.schema import Fault, Handler, check


def load(path: Path, source: bytes) -> tuple[dict[str, Handler], list[Fault]]:
    """The handlers of a file by name, or every fault found; with one fault nothing of the file is used."""
    declared: list[Declaration] = []
    token = collector.set(declared)
    try:
        _execute(path, source)
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


def _execute(path: Path, source: bytes) -> None:
    name = f"functions.{path.stem}"
    module = ModuleType(name)
    module.__file__ = str(path)
    # Types look their module up by name. The package's name keeps a file called calendar.py out of the way of the real one.
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
