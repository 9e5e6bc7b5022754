"""Commands on function handlers: what the daemon has, whether a folder loads, a call without a conversation."""

from pathlib import Path
from typing import Annotated, Any

import typer

from agentd.cli.options import ConfigOption, JsonOption, StateDirOption, settings_from

_functions = typer.Typer(help="List, check and call function handlers.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(_functions, name="functions")


@_functions.command("list")
def list_functions(*, config: ConfigOption = None, state_dir: StateDirOption = None, json: JsonOption = False) -> None:
    """List the functions of the running daemon."""
    from agentd.cli.client import Daemon
    from agentd.cli.output import print_json, print_table

    listed = Daemon(settings_from(config, state_dir=state_dir)).call("GET", "/v1/functions")
    if json:
        print_json(listed)
        return
    print_table(
        ("NAME", "TIER", "FILE", "DESCRIPTION"),
        [(item["name"], item.get("tier"), item.get("file"), item.get("description")) for item in listed["items"]],
    )
    _print_problems(listed.get("problems") or [])


@_functions.command()
def check(
    directory: Annotated[
        Path | None, typer.Argument(help="Folder of handlers; default: the configured one.", show_default=False)
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Load the handlers of a folder as the daemon would, and say what is wrong with them."""
    from agentd.cli.output import print_table, quiet_log
    from agentd.functions.service import check_directory

    folder = directory or settings_from(config).paths.functions_dir
    quiet_log()
    registry = check_directory(folder)
    print_table(
        ("NAME", "TIER", "PLACE", "ARGUMENTS"),
        [
            (spec.name, spec.tier, f"{spec.place}:{spec.line}", ", ".join(spec.parameters.get("properties", {})))
            for spec in registry.specs.values()
        ],
    )
    _print_problems([{"file": problem.place, "line": problem.line, "reason": problem.reason} for problem in registry.problems])
    if registry.problems:
        raise typer.Exit(1)


@_functions.command()
def call(
    name: Annotated[str, typer.Argument(help="Function name.", show_default=False)],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(help='Arguments as key=value, or one JSON object: {"room": "kitchen"}.', show_default=False),
    ] = None,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
) -> None:
    """Call a function through the running daemon, without a conversation."""
    from agentd.cli.client import Daemon, segment
    from agentd.cli.output import print_json

    answer = Daemon(settings_from(config, state_dir=state_dir)).call(
        "POST", f"/v1/functions/{segment(name)}/invoke", body={"arguments": _arguments(arguments or [])}, timeout_s=120
    )
    print_json(answer)
    if answer.get("outcome") not in (None, "ok"):
        raise typer.Exit(1)


def _arguments(words: list[str]) -> dict[str, Any]:
    """``key=value`` words, each value JSON where it is JSON and text where it is not; or one JSON object."""
    import orjson

    if len(words) == 1 and words[0].lstrip().startswith("{"):
        try:
            document = orjson.loads(words[0])
        except orjson.JSONDecodeError as error:
            raise typer.BadParameter(f"not a JSON object: {error}") from error
        assert isinstance(document, dict), "JSON that starts with a brace is an object"  # noqa: S101 - narrows the type
        return document
    arguments: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"{word!r} is not key=value")
        try:
            arguments[key] = orjson.loads(value)
        except orjson.JSONDecodeError:
            arguments[key] = value
    return arguments


def _print_problems(problems: list[dict[str, Any]]) -> None:
    for problem in problems:
        line = f":{problem['line']}" if problem.get("line") else ""
        print(f"not loaded: {problem.get('file')}{line}: {problem.get('reason')}")
