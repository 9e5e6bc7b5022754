"""Commands on sessions of the running daemon."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentd.cli.options import ConfigOption, JsonOption, SessionArgument, StateDirOption, TimeoutOption, settings_from

if TYPE_CHECKING:
    from agentd.cli.client import Daemon

TextArgument = Annotated[str, typer.Argument(help="What is said.", show_default=False)]

_sessions = typer.Typer(help="List, start, show and stop sessions.", invoke_without_command=True)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(_sessions, name="sessions")
    app.command()(say)
    app.command()(tell)
    app.command()(ask)


@_sessions.callback()
def sessions(
    context: typer.Context,
    *,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    json: JsonOption = False,
) -> None:
    """List sessions; or start, show and stop one."""
    context.obj = config, state_dir
    if context.invoked_subcommand is None:
        list_sessions(context, json=json)


@_sessions.command("list")
def list_sessions(
    context: typer.Context,
    *,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    json: JsonOption = False,
) -> None:
    """List sessions, the newest first."""
    listed = _daemon(context, config, state_dir).call("GET", "/v1/sessions")
    if json:
        _print_json(listed)
        return
    from agentd.cli.output import print_table

    print_table(
        ("ID", "STATE", "AGENT", "UPSTREAM", "TURNS", "STARTED", "END"),
        [
            (
                session["id"],
                session["state"],
                session.get("agent"),
                session.get("upstream"),
                (session.get("usage") or {}).get("turns", 0),
                session.get("started_at"),
                session.get("end_reason"),
            )
            for session in listed["items"]
        ],
    )


@_sessions.command()
def start(
    context: typer.Context,
    name: SessionArgument,
    agent: Annotated[str | None, typer.Option("--agent", help="Profile to start.", show_default=False)] = None,
    prompt: Annotated[str | None, typer.Option("--prompt", help="Prompt for this session.", show_default=False)] = None,
    greeting: Annotated[str | None, typer.Option("--greeting", help="What the agent says first.", show_default=False)] = None,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
) -> None:
    """Make sure that a session runs; one that does is left as it is."""
    wanted = {"agent": agent, "prompt": prompt, "greeting": greeting}
    body = {key: value for key, value in wanted.items() if value is not None}
    _print_json(_daemon(context, config, state_dir).call("PUT", _path(name), body=body or None))


@_sessions.command()
def stop(
    context: typer.Context,
    name: SessionArgument,
    *,
    drain: Annotated[bool, typer.Option("--drain", help="Let the turn in progress end.")] = False,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
) -> None:
    """Stop a session and show what it used."""
    query = {"drain": "true"} if drain else None
    _print_json(_daemon(context, config, state_dir).call("DELETE", _path(name), query=query, timeout_s=60))


@_sessions.command()
def show(context: typer.Context, name: SessionArgument, config: ConfigOption = None, state_dir: StateDirOption = None) -> None:
    """Show a session."""
    _print_json(_daemon(context, config, state_dir).call("GET", _path(name)))


def say(
    name: SessionArgument,
    text: TextArgument,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    timeout_s: TimeoutOption = 30,
) -> None:
    """Have the agent say something, and wait until it is spoken."""
    from agentd.cli.client import Daemon

    Daemon(settings_from(config, state_dir=state_dir)).call(
        "POST", f"{_path(name)}/say", body={"text": text}, query={"timeout_s": f"{timeout_s:g}"}, timeout_s=timeout_s
    )


def tell(
    name: SessionArgument,
    text: TextArgument,
    *,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    timeout_s: TimeoutOption = 30,
    json: JsonOption = False,
) -> None:
    """Tell the agent something as its user, and print the reply."""
    from agentd.cli.client import Daemon
    from agentd.cli.output import print_text

    turn = Daemon(settings_from(config, state_dir=state_dir)).call(
        "POST",
        f"{_path(name)}/messages",
        body={"role": "user", "content": text},
        query={"wait": "reply", "timeout_s": f"{timeout_s:g}"},
        timeout_s=timeout_s,
    )
    if json:
        _print_json(turn)
    else:
        print_text(turn.get("said") or f"(no reply: {turn.get('outcome')})")


def ask(
    name: SessionArgument,
    text: TextArgument,
    *,
    quiet: Annotated[bool, typer.Option("--quiet", help="The agent does not reply to the answer.")] = False,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    timeout_s: TimeoutOption = 30,
    json: JsonOption = False,
) -> None:
    """Have the agent ask something, and print the answer.

    Status 1 when nobody answers.
    """
    from agentd.cli.client import Daemon
    from agentd.cli.output import print_text

    answer = Daemon(settings_from(config, state_dir=state_dir)).call(
        "POST",
        f"{_path(name)}/ask",
        body={"text": text} | ({"quiet": True} if quiet else {}),
        query={"timeout_s": f"{timeout_s:g}"},
        timeout_s=timeout_s,
    )
    if json:
        _print_json(answer)
    elif answer.get("answered"):
        print_text(str(answer.get("heard")))
    else:
        print("nobody answered", file=sys.stderr)
    if not answer.get("answered"):
        raise typer.Exit(1)


def _daemon(context: typer.Context, config: Path | None, state_dir: Path | None) -> "Daemon":
    """The daemon that is meant; the options may stand before the command's word or after it."""
    from agentd.cli.client import Daemon

    before: tuple[Path | None, Path | None] = context.obj
    return Daemon(settings_from(config or before[0], state_dir=state_dir or before[1]))


def _path(name: str) -> str:
    from agentd.cli.client import segment

    return f"/v1/sessions/{segment(name)}"


def _print_json(document: Any) -> None:
    from agentd.cli.output import print_json

    print_json(document)
