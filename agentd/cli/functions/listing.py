"""What there is: list, show, check."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentd.cli.functions.common import (
    DirectoryOption,
    NameArgument,
    folder_settings,
    load_folder,
    near,
    note,
    off_of,
    place,
    print_off,
    print_problems,
    problems_of,
)
from agentd.cli.options import ConfigOption, JsonOption, StateDirOption

if TYPE_CHECKING:
    pass


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("list")(list_functions)
    app.command()(show)
    app.command()(check)


def list_functions(
    *,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    json: JsonOption = False,
) -> None:
    """List the functions of the daemon, or of a folder."""
    from agentd.cli.output import print_json, print_table

    listed = _listed(directory, config, state_dir)
    if json:
        print_json(listed)
        return
    print_table(
        ("NAME", "TIER", "PLACE", "DESCRIPTION"),
        [(item["name"], item.get("tier"), place(item), item.get("description")) for item in listed["items"]],
        brief=True,
    )
    print_off(listed.get("off") or [])
    print_problems(listed.get("problems") or [])


def show(
    name: NameArgument,
    *,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    json: JsonOption = False,
) -> None:
    """Show what a model is told of a function, and how it is called.

    Asks the running daemon; without one, the files of the folder.
    """
    from agentd.cli.output import print_json

    item = _one(name, directory, config, state_dir)
    if json:
        print_json(item)
        return
    print(f"{item['name']}: tier {item['tier']}, {item['kind']}, at most {item['timeout_s']:g} s, {place(item)}")
    for line in _options(item.get("options") or {}):
        print(f"  {line}")
    print("A model is told:")
    print_json(item["declaration"])


def check(
    what: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER|FILE",
            help="Folder of handlers, or one file of it; default: the configured folder.",
            show_default=False,
        ),
    ] = None,
    *,
    schema: Annotated[bool, typer.Option("--schema", help="Print the declarations that a model gets, as JSON.")] = False,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    json: JsonOption = False,
) -> None:
    """Load a folder as the daemon would; say what is wrong, and where.

    Exit status 0: all of it loads. 1: something does not.
    """
    from agentd.cli.output import print_json, print_table

    folder, file = (what.parent, what.absolute()) if what is not None and what.is_file() else (what or directory, None)

    def of(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [one for one in found if file is None or one["file"] == str(file)]

    registry = load_folder(folder_settings(config, state_dir, folder))
    items, problems, off = (
        of([spec.describe() for spec in registry.specs.values()]),
        of(problems_of(registry)),
        of(off_of(registry)),
    )
    if json:
        print_json({"items": items, "problems": problems, "off": off})
    elif schema:
        print_json([item["declaration"] for item in items])
        print_problems(problems, sys.stderr)
    else:
        rows = [(item["name"], item["tier"], near(item), ", ".join(item["parameters"].get("properties", {}))) for item in items]
        if rows:
            print_table(("NAME", "TIER", "PLACE", "ARGUMENTS"), rows)
        print_off(off)
        print_problems(problems)
    if problems:
        raise typer.Exit(1)


def _listed(directory: Path | None, config: Path | None, state_dir: Path | None) -> dict[str, Any]:
    """Functions and problems as ``GET /v1/functions`` tells them."""
    from agentd.cli.client import Daemon
    from agentd.cli.options import settings_from

    if directory is None:
        daemon, query = Daemon(settings_from(config, state_dir=state_dir)), {"limit": "200"}
        answer: dict[str, Any] = daemon.call("GET", "/v1/functions", query=query)
        while answer.get("next") is not None:
            more = daemon.call("GET", "/v1/functions", query=query | {"cursor": answer["next"]})
            answer = more | {"items": [*answer["items"], *more["items"]]}
        return answer
    registry = load_folder(folder_settings(config, state_dir, directory))
    items = [spec.describe() for spec in registry.specs.values()]
    return {"items": items, "problems": problems_of(registry), "off": off_of(registry)}


def _one(name: str, directory: Path | None, config: Path | None, state_dir: Path | None) -> dict[str, Any]:
    """One function.

    Raises:
        FunctionNotFound: there is none of this name.
    """
    from agentd.cli.client import Daemon, NoDaemon, segment
    from agentd.cli.options import settings_from
    from agentd.errors import FunctionNotFound

    settings = settings_from(config, state_dir=state_dir)
    if directory is None and (settings.paths.state_dir / "token").exists():
        try:
            answer: dict[str, Any] = Daemon(settings).call("GET", f"/v1/functions/{segment(name)}")
            return answer
        except NoDaemon:
            note("No daemon is running; this is from the files.")
    registry = load_folder(folder_settings(config, state_dir, directory))
    if name not in registry.specs:
        for problem in (*registry.problems, *registry.off):
            note(f"{'off' if problem.off else 'not loaded'}: {problem}")
        raise FunctionNotFound(f"There is no function {name!r}; loaded are {', '.join(registry.specs) or 'none'}.")
    return registry.specs[name].describe()


def _options(options: dict[str, Any]) -> list[str]:
    """What is not as usual."""
    from agentd.functions.options import Options

    usual = Options().describe()
    return [
        f"{name} = {list(value) if isinstance(value, tuple) else value}"
        for name, value in options.items()
        if name in usual and value != usual[name] and value != list(usual[name] or ())
    ]
