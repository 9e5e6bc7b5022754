"""Scripts from files, texts and dicts, with faults told by file, line and field."""

from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from agentd.engine.scripted.document import MAX_BYTES, Document, read_document
from agentd.engine.scripted.scenario import Scenario, Script
from agentd.engine.scripted.steps import STEP_TAG
from agentd.errors import ConfigError

_FAULTS_TOLD: Final = 10


def parse_script(script: dict[str, Any] | str, *, name: str = "script", folder: Path | None = None) -> Script:
    """A script from YAML text, or from the same as a dict.

    Args:
        name: of the file, for faults.
        folder: where recordings are looked for; the working directory by default.

    Raises:
        ConfigError: not YAML, or not a script; says where.
    """
    document = read_document(script, name) if isinstance(script, str) else Document(script, {})
    single = "scenarios" not in document.data
    data = {"scenarios": [document.data]} if single else document.data
    try:
        parsed = Script.model_validate(data, context=folder or Path())
    except ValidationError as error:
        faults = [_told(fault, document, name, single=single) for fault in error.errors(include_url=False, include_input=False)]
        if len(faults) > _FAULTS_TOLD:
            faults[_FAULTS_TOLD:] = [f"and {len(faults) - _FAULTS_TOLD} more"]
        raise ConfigError("\n".join(faults)) from None
    for at, scenario in enumerate(parsed.scenarios):
        _number(scenario, document, () if single else ("scenarios", at))
    return parsed


def load_script(path: Path) -> Script:
    """The script in a file.

    Raises:
        ConfigError: it cannot be read or is not a script.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode()
    except OSError as error:
        raise ConfigError(f"The script cannot be read: {error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: a script is UTF-8 text: {error.reason} at byte {error.start}.") from None
    return parse_script(text, name=str(path), folder=path.parent)


def _number(scenario: Scenario, document: Document, path: tuple[str | int, ...]) -> None:
    """Tell a scenario the lines of its conversation's steps."""
    if document.lines:
        scenario.with_lines(tuple(document.line_of((*path, "conversation", step)) for step in range(len(scenario.conversation))))


def _told(fault: ErrorDetails, document: Document, name: str, *, single: bool) -> str:
    """A fault as ``file:line: field: what is wrong``."""
    steps = [part for part in fault["loc"] if not (isinstance(part, str) and part.startswith(STEP_TAG))]
    path = tuple(steps[2:] if single else steps)
    key = fault.get("ctx", {}).get("key")
    if fault["type"] == "unknown_key" and key is not None:
        path = (*path, key)
    while path and document.lines and path not in document.lines and path[:-1] in document.lines and fault["type"] != "missing":
        path = path[:-1]  # what pydantic adds: the name of a type in a union
    line = document.line_of(path)
    place = name if line is None else f"{name}:{line}"
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
    return f"{place}: {field}: {fault['msg']}" if field else f"{place}: {fault['msg']}"
