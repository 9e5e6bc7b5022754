"""What there is: list, show, check."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentd.cli.functions.common import (
    DirectoryOption,
    NameArgument,
    folder_settings,
    load_folder,
    note,
    off_of,
    place,
    print_off,
    print_problems,
    problems_of,
)
from agentd.cli.options import ConfigOption, JsonOption, StateDirOption

if TYPE_CHECKING:
    from agentd.functions.registry import FunctionSpec


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
        ("NAME", "TIER", "KIND", "STATE", "FILE", "DESCRIPTION"),
        [
            *(
                (item["name"], item.get("tier"), item.get("kind"), "on", place(item), item.get("description"))
                for item in listed["items"]
            ),
            *(("-", None, "handler", f"off: {off['reason']}", place(off), None) for off in listed.get("off") or ()),
        ],
    )
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
    directory: Annotated[
        Path | None, typer.Argument(help="Folder of handlers; default: the configured one.", show_default=False)
    ] = None,
    *,
    schema: Annotated[bool, typer.Option("--schema", help="Print the declarations that a model gets, as JSON.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Load a folder as the daemon would; say what is wrong.

    Exit status 0: all of it loads. 1: something does not.
    """
    from agentd.cli.output import print_json, print_table

    registry = load_folder(folder_settings(config, None, directory))
    problems = problems_of(registry)
    if json:
        print_json(
            {"items": [spec.describe() for spec in registry.specs.values()], "problems": problems, "off": off_of(registry)}
        )
    elif schema:
        print_json([spec.declaration() for spec in registry.specs.values()])
        for problem in registry.problems:
            note(f"not loaded: {problem}")
    else:
        print_table(
            ("NAME", "TIER", "PLACE", "ARGUMENTS"),
            [
                (spec.name, spec.tier, _where(spec), ", ".join(spec.parameters.get("properties", {})))
                for spec in registry.specs.values()
            ],
        )
        print_off(off_of(registry))
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


def _where(spec: "FunctionSpec") -> str:
    return spec.place if spec.line is None else f"{spec.place}:{spec.line}"


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
