"""What to do about an exception that a handler raised: the mistakes that people make most. Imported once there is one."""

import difflib
import os
import re
import sys
import traceback
from collections.abc import Collection
from importlib.metadata import packages_distributions
from inspect import signature
from pathlib import Path
from typing import Final

from agentd import functions

_FROM: Final = {
    **dict.fromkeys(functions.__all__, "agentd.functions"),
    **dict.fromkeys(("Annotated", "Any", "Final", "Literal", "Optional", "Union"), "typing"),
    **dict.fromkeys(("BaseModel", "Field"), "pydantic"),
    **dict.fromkeys(("Enum", "StrEnum"), "enum"),
    **dict.fromkeys(("date", "datetime", "timedelta"), "datetime"),
    "Path": "pathlib",
    "dataclass": "dataclasses",
}
"""Where the names come from that handlers use most."""

_NOT_OWN: Final = (str(Path(__file__).parent), sys.base_prefix, "<")
"""Where code lies that is no handler's: the worker's own, Python's."""

_OPTIONS: Final = [name for name in signature(functions.function).parameters if name != "handler"]


def print_own(error: BaseException) -> None:
    """Print the traceback from the handler's own code on; what called it is agentd's, and only in the way."""
    own = error.__traceback__
    while own is not None and own.tb_frame.f_code.co_filename.startswith(_NOT_OWN):
        own = own.tb_next
    traceback.print_exception(type(error), error, own or error.__traceback__)


def place(error: BaseException) -> str:
    """Where it was raised: the last line outside installed libraries."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith((sys.prefix, *_NOT_OWN))]
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}, in {own[-1].name}" if own else "a library"


def remedy(error: BaseException, folder: Path) -> str | None:
    """What to do about it; None where that is not known. Says nothing of values, which may be a user's words.

    Args:
        folder: of the handler files.
    """
    match error:
        case ModuleNotFoundError(name=str(name)):
            return _install(name, folder)
        case ImportError(name=str(name)) if name.partition(".")[0] == "agentd":
            return f"handlers write: from agentd.functions import {', '.join(functions.__all__)}"
        case NameError(name=str(name)) if name in _FROM:
            return f"write at the top: from {_FROM[name]} import {name}"
        case TypeError() if found := re.match(r"function\(\) got an unexpected keyword argument '(\w+)'", str(error)):
            return _meant(found[1], _OPTIONS) or f"@function takes {', '.join(_OPTIONS)}"
        case TypeError() if "'coroutine'" in str(error):
            return "write await before it, or in a plain def ctx.wait(…) around it"
        case KeyError() if _of_environment(error):
            return "handlers see nothing of the daemon's environment: set it in the file's table and read ctx.config"
    return None


def _install(name: str, folder: Path) -> str:
    """The module is missing."""
    top = name.partition(".")[0]
    if top == "functions":
        return "files share code that lies in this folder in a file whose name starts with _"
    if (folder / f"_{top}.py").exists():
        return f"write: from functions._{top} import …"
    meant = _meant(top, {*sys.stdlib_module_names, *packages_distributions()})
    return f"{f'{meant} Or ' if meant else ''}install it where agentd runs: {sys.executable} -m pip install {top}"


def _meant(name: str, known: Collection[str]) -> str | None:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    return f"did you mean {close[0]}?" if close else None


def _of_environment(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].name == "__getitem__" and frames[-1].filename in {"<frozen os>", os.__file__}
