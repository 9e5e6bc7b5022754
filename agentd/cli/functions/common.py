"""What the commands on functions share: names for the shell, the functions at hand, problems as lines."""

import ast
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from agentd.cli.options import settings_from

if TYPE_CHECKING:
    from agentd.config import Settings
    from agentd.functions.registry import Registry
    from agentd.testing.bench import Bench


def function_names(context: typer.Context, incomplete: str) -> list[str]:
    """Names of functions for shell completion: of the daemon, else as the files of the folder declare them."""
    from agentd.cli.client import Daemon
    from agentd.errors import AgentdError

    try:
        settings = settings_from(context.params.get("config"), state_dir=context.params.get("state_dir"))
        directory = context.params.get("directory")
        if directory is None and not context.params.get("local"):
            listed = Daemon(settings).call("GET", "/v1/functions", query={"limit": "200"}, timeout_s=0.5)
            return sorted(item["name"] for item in listed["items"] if item["name"].startswith(incomplete))
    except AgentdError:
        directory = context.params.get("directory")
    try:
        names = declared_in(directory or settings_from().paths.functions_dir)
        return sorted(name for name in names if name.startswith(incomplete))
    except (AgentdError, OSError):
        return []


NameArgument = Annotated[str, typer.Argument(help="Function name.", show_default=False, autocompletion=function_names)]
DirectoryOption = Annotated[
    Path | None,
    typer.Option(
        "--directory", "-d", help="Folder of handler files; no daemon is asked. Default: the configured one.", show_default=False
    ),
]


def folder_settings(config: Path | None, state_dir: Path | None, directory: Path | None) -> "Settings":
    """The settings, with ``directory`` as the folder of handlers where one is given.

    Raises:
        ConfigError: it is not there.
    """
    from agentd.errors import ConfigError

    settings = settings_from(config, state_dir=state_dir)
    folder = directory or settings.paths.functions_dir
    if not folder.is_dir():
        raise ConfigError(f"There is no folder {folder}. Make it, give another one, or set paths.functions_dir.")
    paths = settings.paths.model_copy(update={"functions_dir": folder.absolute()})
    return settings.model_copy(update={"paths": paths})


@asynccontextmanager
async def folder_bench(settings: "Settings") -> "AsyncIterator[Bench]":
    """The functions of the configured folder, without a daemon: nothing of what they do lasts.

    MCP servers are left to the daemon.
    """
    from agentd.testing.bench import bench

    tables = {name: table for name, table in settings.functions.items() if name != "mcp"}
    with tempfile.TemporaryDirectory(prefix="agentd-") as folder:
        paths = settings.paths.model_copy(update={"state_dir": Path(folder)})
        aside = settings.model_copy(update={"paths": paths, "functions": tables})
        async with bench(aside, credentials=settings.paths.state_dir / "credentials") as at:
            yield at


def load_folder(settings: "Settings") -> "Registry":
    """What the files of the configured folder and the tables of the configuration offer."""
    import asyncio

    from agentd.cli.output import quiet_log

    async def load() -> "Registry":
        async with folder_bench(settings) as at:
            return at.registry

    quiet_log()
    return asyncio.run(load())


def print_problems(problems: Iterable[dict[str, Any]], to: TextIO | None = None) -> None:
    """One line each."""
    for problem in problems:
        print(f"not loaded: {near(problem)}: {problem.get('reason')}", file=to)


def off_of(registry: "Registry") -> list[dict[str, Any]]:
    """What is switched off, as the API tells it."""
    return [{"file": off.place, "reason": off.reason} for off in registry.off]


def print_off(off: Iterable[dict[str, Any]]) -> None:
    """One line each."""
    for item in off:
        print(f"off: {Path(str(item.get('file'))).name}: {item.get('reason')}")


def problems_of(registry: "Registry") -> list[dict[str, Any]]:
    """As the API tells them."""
    return [{"file": problem.place, "line": problem.line, "reason": problem.reason} for problem in registry.problems]


def place(item: dict[str, Any]) -> str:
    """Where a function is declared: the file's name and line, or the table."""
    file = str(item.get("file"))
    name = Path(file).name if file.endswith(".py") else file
    return f"{name}:{item['line']}" if item.get("line") else name


def near(item: dict[str, Any]) -> str:
    """As ``place``, with the path from here, so that an editor finds it."""
    file = Path(str(item.get("file")))
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    return f"{shown}:{item['line']}" if item.get("line") else str(shown)


def note(text: str) -> None:
    """Something beside the output."""
    print(text, file=sys.stderr)


def declared_in(directory: Path) -> dict[str, Path]:
    """Functions as the source has them, each with its file; nothing is run."""
    found: dict[str, Path] = {}
    for path in directory.glob("[a-z]*.py"):
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(map(_is_function, node.decorator_list)):
                found[node.name] = path
    return found


def _is_function(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Name) and called.id == "function"
