"""Commands that look and change nothing: the settings in effect, the machine, the shell's variables."""

import shlex
import sys
from typing import Annotated, Any

import typer

from agentd.cli.options import ConfigOption, JsonOption, StateDirOption, settings_from


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(check)
    app.command()(doctor)
    app.command()(env)


def check(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Print the configuration in effect, secrets masked; say what keeps functions that it declares from working."""
    from agentd.functions.workers.faults import declared_faults, tables_without_file
    from agentd.protocol.masking import masked

    settings = settings_from(config)
    document = settings.model_dump(mode="json")
    if document["deepgram"]["api_key"]:
        document["deepgram"]["api_key"] = "***"
    document["deepgram"]["proxy"] = _without_password(document["deepgram"]["proxy"])
    # Handlers' settings are theirs: any of them may be a secret, so their names alone are shown.
    document["functions"] = {file: dict.fromkeys(table, "***") for file, table in document["functions"].items()}
    for profile in document["agents"].values():
        profile["settings"] = masked(profile["settings"])
    if json:
        from agentd.cli.output import print_json

        print_json(document)
    else:
        _print_toml(document)
    for note in tables_without_file(settings.functions, settings.paths.functions_dir):
        print(f"note: {note}", file=sys.stderr)
    faults = declared_faults(settings.functions, settings.security.allowed_endpoints)
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        raise typer.Exit(1)


def doctor(
    *,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    online: Annotated[
        bool, typer.Option("--online", help="Also ask Deepgram whether it takes the key, and think endpoints for an answer.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Look for what is missing, and say what to do about it.

    Looks at the machine, models, handlers, settings and, with --online, at what is reached over the network.
    """
    from agentd.cli.doctor import examine
    from agentd.cli.output import print_json, quiet_log

    settings = settings_from(config, state_dir=state_dir)
    quiet_log()
    findings = examine(settings, online=online)
    if json:
        print_json([finding.__dict__ for finding in findings])
    else:
        for finding in findings:
            print(f"{finding.level:4}  {finding.subject}: {finding.detail}")
            if finding.remedy:
                print(f"      → {finding.remedy}")
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(1)


def env(*, config: ConfigOption = None, state_dir: StateDirOption = None) -> None:
    """Print shell variables for curl.

    eval "$(agentd env)" sets $A (address) and $S (state folder).
    """
    from agentd.cli.client import base_url

    settings = settings_from(config, state_dir=state_dir)
    print(f"export A={shlex.quote(base_url(settings))} S={shlex.quote(str(settings.paths.state_dir.absolute()))}")


def _without_password(url: str | None) -> str | None:
    if url is None or "@" not in url:
        return url
    scheme, _, rest = url.rpartition("://")
    return f"{scheme}://***@{rest.rpartition('@')[2]}" if scheme else f"***@{rest.rpartition('@')[2]}"


def _print_toml(document: dict[str, Any]) -> None:
    from agentd.config.toml import toml_key, toml_value

    for key, value in document.items():
        if not isinstance(value, dict):
            print(f"{key} = {toml_value(value)}")
    for key, value in document.items():
        if isinstance(value, dict):
            tables = value if key in ("agents", "functions") else {"": value}
            for name, table in tables.items():
                print(f"\n[{key}{f'.{toml_key(name)}' if name else ''}]")
                for field, content in table.items():
                    # A key without a value stands as a comment: the output is a configuration file again.
                    print(f"{toml_key(field)} = {toml_value(content)}" if content is not None else f"# {field} is not set")
