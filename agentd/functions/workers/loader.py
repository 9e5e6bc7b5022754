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
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from agentd.functions.declare import Declaration, FunctionError, collector
from agentd.functions.workers.schema import Fault, Handler, check

REQUIRES: Final = "REQUIRES"
"""The module's constant that names keys of its table, without which the file is switched off."""

NOTHING: Final = 'no function in it has @function(tier="…") above it; start the file\'s name with _ if others share what is in it'
"""What is wrong with a file that offers nothing: a line was forgotten, and a beginner would look for it for long."""

PREPARE_S: Final = 5.0
"""How long a file may take to find out what it wants to know before its functions are looked at."""

_log = logging.getLogger("functions")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of loading a file.

    Attributes:
        handlers: by name; none with one fault.
        faults: every fault found.
        missing: keys that its table lacks; then nothing is offered, and nothing is wrong.
        unprepared: what it offers is as written, for ``prepare`` failed; another time it may not.
    """

    handlers: dict[str, Handler] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unprepared: bool = False

    def report(self) -> dict[str, Any]:
        """What the daemon is told, as JSON values."""
        return {
            "functions": [handler.describe() for handler in self.handlers.values()],
            "problems": [{"line": fault.line, "reason": _json_text(fault.reason)} for fault in self.faults],
            "missing": self.missing,
            "unprepared": self.unprepared,
        }


def load(path: Path, source: bytes, config: Mapping[str, Any], *, describe: bool = True) -> Loaded:
    """Run a file and look at what it declares.

    A file may have ``async def prepare(config)``: it runs before the functions are looked at, and may put into the lists
    that their ``examples`` are what is only known now, such as the names of lamps. If it fails, the functions are as written, and
    the daemon loads the file again until it does not.

    Args:
        config: the file's table.
        describe: with descriptions and schemas, for the daemon to know. Only one worker of a file needs them.
    """
    declared: list[Declaration] = []
    token = collector.set(declared)
    try:
        module = _execute(path, source)
        missing = _missing(module, config)
    except Fault as fault:
        return Loaded(faults=[fault])
    finally:
        collector.reset(token)
    if missing:
        return Loaded(missing=missing)
    if not declared:
        return Loaded(faults=[Fault(NOTHING, None)])
    unprepared = describe and not _prepare(module, config)
    handlers: dict[str, Handler] = {}
    faults: list[Fault] = []
    for declaration in declared:
        try:
            handler = check(declaration, describe=describe)
        except Fault as fault:
            faults.append(fault)
            continue
        if handler.name in handlers:
            first = handlers[handler.name].line
            faults.append(Fault(f"{handler.name} is declared twice in this file, first in line {first}", handler.line))
        handlers[handler.name] = handler
    return Loaded({} if faults else handlers, faults, unprepared=unprepared)


def _missing(module: ModuleType, config: Mapping[str, Any]) -> list[str]:
    """The required keys that the table does not set, or sets to nothing."""
    required = getattr(module, REQUIRES, ())
    if not isinstance(required, tuple | list) or not all(isinstance(key, str) for key in required):
        raise Fault(f'{REQUIRES} is {required!r:.80}; write {REQUIRES} = ("url",), the keys that the table must set', None)
    return [key for key in required if config.get(key) in (None, "")]


def _prepare(module: ModuleType, config: Mapping[str, Any]) -> bool:
    """Whether the file knows all it wanted to know."""
    prepare = module.__dict__.get("prepare")
    if not inspect.iscoroutinefunction(prepare):
        return True

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
    else:
        return True
    return False


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
        from agentd.functions.workers.remedies import print_own, remedy  # noqa: PLC0415 - only where something is wrong

        print_own(error)
        known = remedy(error, path.parent)
        raise Fault(f"{type(error).__name__}: {error}{f'; {known}' if known else ''}", _line_of(path, error)) from error
    return module


def _line_of(path: Path, error: BaseException) -> int | None:
    """The last line of the file itself on the way to the error."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return lines[-1] if lines else None


def _json_text(text: str) -> str:
    """At most a screenful, without the halves of characters that no JSON can carry."""
    return text[:2000].encode("utf-8", "replace").decode()
