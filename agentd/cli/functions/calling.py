"""Calls without a conversation: through the daemon, or here with the files of a folder."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentd.cli.functions.common import DirectoryOption, NameArgument, folder_bench, folder_settings, note
from agentd.cli.options import ConfigOption, StateDirOption, settings_from

if TYPE_CHECKING:
    from agentd.config import Settings

CALL_S = 310.0
"""A call's own time limit is at most 300 s."""


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(call)
    app.command()(reload)


def call(
    name: NameArgument,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(help='Arguments as key=value, or one JSON object: {"room": "kitchen"}.', show_default=False),
    ] = None,
    *,
    agent: Annotated[
        str | None, typer.Option("--agent", help="Call it with the rights of this agent profile.", show_default=False)
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="Without a daemon: in a worker of its own, with an empty store.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --local: confirm a call of tier high.")] = False,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
) -> None:
    """Call a function without a conversation, and print what came of it.

    The running daemon makes the call; with --local or --directory it is made here, and shows also what the function
    said, planned and stored, and on standard error what it printed, tracebacks included. A call of tier high needs an agent
    that may ask for it (--agent), and a person who confirms it.
    Exit status 0: the outcome is ok.

    Example: agentd functions call set_light room=kitchen on=true
    """
    from agentd.cli.client import Daemon, DaemonError, segment
    from agentd.cli.output import print_json

    given = _arguments(arguments or [])
    here = local or directory is not None
    if here:
        answer = _here(name, given, agent, folder_settings(config, state_dir, directory), confirm=yes)
    else:
        body: dict[str, Any] = {"arguments": given} | ({"agent": agent} if agent is not None else {})
        try:
            answer = Daemon(settings_from(config, state_dir=state_dir)).call(
                "POST", f"/v1/functions/{segment(name)}/invoke", body=body, timeout_s=CALL_S
            )
        except DaemonError as error:
            _advise(name, str(error.detail), agent, here=False)
            raise
    print_json(answer)
    if answer.get("outcome") not in (None, "ok"):
        _advise(name, str(answer.get("content")), agent, here=here)
        raise typer.Exit(1)


def _advise(name: str, said: str, agent: str | None, *, here: bool) -> None:
    """What the person who called may do about it; what was said is written for models."""
    from agentd.functions.results import internal

    if said == internal(name) and not here:
        note("What it raised is in the daemon's log; with --local it is shown here.")
    elif said.startswith("A person was asked to confirm") and here:
        note("With --yes it is confirmed here.")
    elif "is of tier high: it is called for an agent" in said:
        note(f'Name one whose profile has allow_high = ["{name}"]: --agent NAME')
    elif "is not available to this agent" in said:
        note(f"[agents.{agent}] of the configuration must list it: in functions, and if it is of tier high in allow_high.")


def reload(*, config: ConfigOption = None, state_dir: StateDirOption = None) -> None:
    """Let the running daemon load all functions anew; all or nothing."""
    from agentd.cli.client import Daemon

    listed = Daemon(settings_from(config, state_dir=state_dir)).call("POST", "/v1/functions/reload", timeout_s=120)
    print(f"{len(listed['items'])} functions are loaded.")


def _here(name: str, arguments: dict[str, Any], agent: str | None, settings: "Settings", *, confirm: bool) -> dict[str, Any]:
    """The call, made in this process's own worker."""
    import asyncio
    from dataclasses import asdict

    from agentd.cli.output import show_handlers
    from agentd.errors import AgentNotFound
    from agentd.testing.handlers import called

    async def make() -> dict[str, Any]:
        async with folder_bench(settings) as at:
            at.confirmer.approve = confirm
            session_id, _ = at.open_session()
            made = asdict(await called(at, name, arguments, session_id=session_id, agent=agent or NOBODY))
            return {key: value for key, value in made.items() if key in _ALWAYS or value}

    show_handlers()
    if agent is not None and agent not in settings.agents:
        raise AgentNotFound(f"There is no agent {agent!r} in the configuration. Known: {', '.join(settings.agents) or 'none'}.")
    return asyncio.run(make())


NOBODY = "nobody"
"""The agent of a local call that names none: it may ask for everything."""

_ALWAYS = ("outcome", "content", "arguments", "duration_s")


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
            raise typer.BadParameter(f"{word!r} is not key=value; write one such as room=kitchen, or one JSON object in quotes")
        try:
            arguments[key] = orjson.loads(value)
        except orjson.JSONDecodeError:
            arguments[key] = value
    return arguments
