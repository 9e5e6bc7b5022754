"""Makes, lists, replaces and ends API tokens. Works on the state folder, so that it needs no running daemon."""

import grp
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agentd.cli.options import ConfigOption, JsonOption, StateDirOption, settings_from
from agentd.errors import ConfigError

if TYPE_CHECKING:
    from agentd.door import TokenStore

OutOption = Annotated[
    Path | None, typer.Option("--out", help="Write the token to this new file instead of the screen.", show_default=False)
]
GroupOption = Annotated[str | None, typer.Option("--group", help="Let this group read that file.", show_default=False)]
NameArgument = Annotated[str, typer.Argument(help="Name of the token, as the list shows it.", show_default=False)]

_token = typer.Typer(help="Make, list, replace and end API tokens.")


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(_token, name="token", invoke_without_command=True)


@_token.callback()
def token(
    context: typer.Context,
    *,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope", help="What it allows: control, read, transcripts, metrics, confirm, admin. Repeat it.", show_default=False
        ),
    ] = None,
    agent: Annotated[
        list[str] | None,
        typer.Option("--agent", help="Only conversations with this agent. Repeat it.", show_default=False),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Whose it is; shown in lists and logs.", show_default=False)] = None,
    out: OutOption = None,
    group: GroupOption = None,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    json: JsonOption = False,
) -> None:
    """Make, list, replace and revoke tokens."""
    if context.invoked_subcommand is not None:
        return
    if not scope:
        if agent or name or out or group:
            raise typer.BadParameter("say what the token may do", param_hint="--scope")
        list_tokens(config=config, state_dir=state_dir, json=json)
        return
    give = _receiver(out, group)
    store = _store(config, state_dir)
    give(store.create(frozenset(scope), name, agents=frozenset(agent) if agent else None))


@_token.command("list")
def list_tokens(*, config: ConfigOption = None, state_dir: StateDirOption = None, json: JsonOption = False) -> None:
    """List the tokens: names, scopes, agents and times, never the tokens themselves."""
    from agentd.cli.output import print_json, print_table
    from agentd.clock import rfc3339

    items = [
        {
            "name": record.name,
            "scopes": sorted(record.scopes),
            "agents": None if record.agents is None else sorted(record.agents),
            "created": record.created,
            "expires": None if record.expires_at is None else rfc3339(record.expires_at),
        }
        for record in _store(config, state_dir).list()
    ]
    if json:
        print_json(items)
        return
    print_table(
        ("NAME", "SCOPES", "AGENTS", "CREATED", "EXPIRES"),
        [
            (item["name"], " ".join(item["scopes"] or ()), " ".join(item["agents"] or ("all",)), item["created"], item["expires"])
            for item in items
        ],
    )


@_token.command()
def rotate(
    name: NameArgument,
    *,
    overlap_s: Annotated[
        float, typer.Option("--overlap-s", min=0, help="How long the old one stays valid, in seconds.")
    ] = 3600.0,
    out: OutOption = None,
    group: GroupOption = None,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
) -> None:
    """Replace a token by a new one with the same rights; both are valid for a while. `first` is the daemon's own."""
    give = _receiver(out, group)
    give(_store(config, state_dir).rotate(name, overlap_s=overlap_s))


@_token.command()
def revoke(name: NameArgument, *, config: ConfigOption = None, state_dir: StateDirOption = None) -> None:
    """End a token at once; a running daemon closes what it holds open within a second."""
    _store(config, state_dir).revoke(name)


def _store(config: Path | None, state_dir: Path | None) -> "TokenStore":
    from agentd.door import TokenStore

    store = TokenStore(settings_from(config, state_dir=state_dir).paths.state_dir)
    store.load_or_create()
    return store


def _receiver(out: Path | None, group: str | None) -> Callable[[str], None]:
    """Gives a token to whom it is for: the screen, or a new file. Made first, so that what cannot be is told before."""
    if group is not None and out is None:
        raise typer.BadParameter("needs --out", param_hint="--group")
    gid = _gid(group) if group is not None else None
    if out is None:
        return print
    if out.exists():
        raise ConfigError(f"{out} exists; a token is only written to a new file.")
    return partial(_write, out, gid)


def _write(path: Path, gid: int | None, value: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            if gid is not None:
                os.fchown(descriptor, -1, gid)
                os.fchmod(descriptor, 0o640)
            file.write(f"{value}\n")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}.") from error


def _gid(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise typer.BadParameter(f"there is no group {group!r}", param_hint="--group") from None
