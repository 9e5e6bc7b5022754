"""Makes and lists API tokens. Works on the state folder, so that it needs no running daemon."""

import grp
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agentd.cli.options import ConfigOption, JsonOption, StateDirOption, settings_from
from agentd.errors import ConfigError

if TYPE_CHECKING:
    from agentd.door import TokenRecord


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(token)


def token(
    *,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope", help="What it allows: control, read, transcripts, metrics, confirm, admin. Repeat it.", show_default=False
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Whose it is; shown in lists and logs.")] = "cli",
    out: Annotated[
        Path | None, typer.Option("--out", help="Write it to this new file instead of the screen.", show_default=False)
    ] = None,
    group: Annotated[str | None, typer.Option("--group", help="Let this group read the file.", show_default=False)] = None,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    json: JsonOption = False,
) -> None:
    """Make a token with the given scopes; without --scope, list the tokens there are."""
    from agentd.door import TokenStore

    if group is not None and out is None:
        raise typer.BadParameter("needs --out", param_hint="--group")
    gid = _gid(group) if group is not None else None
    if out is not None and out.exists():
        raise ConfigError(f"{out} exists; a token is only written to a new file.")

    store = TokenStore(settings_from(config, state_dir=state_dir).paths.state_dir)
    store.load_or_create()
    if not scope:
        _print_list(store.list(), json=json)
        return
    value = store.create(frozenset(scope), name)
    _give_to_owner_of(store.state_dir, store.token_file, store.auth_file, store.tokens_file)
    if out is None:
        print(value)
    else:
        _write(out, value, gid)


def _print_list(records: "list[TokenRecord]", *, json: bool) -> None:
    from agentd.cli.output import print_json, print_table

    if json:
        print_json([{"name": record.name, "scopes": sorted(record.scopes), "created": record.created} for record in records])
    else:
        print_table(
            ("NAME", "SCOPES", "CREATED"), [(record.name, " ".join(sorted(record.scopes)), record.created) for record in records]
        )


def _give_to_owner_of(directory: Path, *files: Path) -> None:
    """As root for a daemon that is not: what was written must be the daemon's, or it cannot read it."""
    if os.geteuid() != 0:
        return
    owner = directory.stat()
    for file in files:
        os.chown(file, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _write(path: Path, value: str, gid: int | None) -> None:
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
