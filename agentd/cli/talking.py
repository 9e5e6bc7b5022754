"""``agentd talk``: a conversation over this machine's microphone and speaker."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentd.cli.options import ConfigOption, StateDirOption, session_names, settings_from

if TYPE_CHECKING:
    from agentd.cli.client import Daemon

_EVENTS = "ConversationText,FunctionCallFinished,SessionEnded,Error,Warning"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(talk)


def talk(
    name: Annotated[
        str, typer.Argument(help="Session name; it is started when it does not run.", autocompletion=session_names)
    ] = "talk",
    *,
    agent: Annotated[str | None, typer.Option("--agent", help="Profile to start.", show_default=False)] = None,
    full_duplex: Annotated[
        bool, typer.Option("--full-duplex", help="Keep the microphone open while the agent speaks: with headphones.")
    ] = False,
    microphone: Annotated[str | None, typer.Option("--microphone", help="Device number or name.", show_default=False)] = None,
    speaker: Annotated[str | None, typer.Option("--speaker", help="Device number or name.", show_default=False)] = None,
    devices: Annotated[bool, typer.Option("--devices", help="List the sound devices and leave.")] = False,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
) -> None:
    """Talk to an agent over this machine's microphone and speaker.

    Needs the audio extra. Ctrl-C ends it, and the session with it, if it was started for this.
    """
    from agentd.cli import sound_card
    from agentd.cli.client import Daemon

    if devices:
        print(sound_card.devices())
        return
    daemon = Daemon(settings_from(config, state_dir=state_dir))
    asyncio.run(_talk(daemon, name, agent, full_duplex=full_duplex, microphone=microphone, speaker=speaker))


async def _talk(
    daemon: "Daemon", name: str, agent: str | None, *, full_duplex: bool, microphone: str | None, speaker: str | None
) -> None:
    from rich.console import Console

    from agentd.cli.client import segment
    from agentd.cli.rendering import line_of
    from agentd.cli.sound_card import sound_card
    from agentd.cli.talk import RATE, converse

    console = Console(highlight=False, soft_wrap=True)

    def show(event: dict[str, Any]) -> None:
        if (line := line_of(event)) is not None:
            console.print(line)

    path = f"/v1/sessions/{segment(name)}"
    query = {"audio": "both", "encoding": "linear16", "sample_rate": str(RATE), "events": _EVENTS}
    with sound_card(microphone=microphone, speaker=speaker) as (heard, said):
        async with daemon.request("PUT", path, body={"agent": agent} if agent else None, timeout_s=30) as response:
            started = response.status == 201
        try:
            async with daemon.websocket(f"{path}/stream", query) as socket:
                console.print(f"[dim]talking to {name}; Ctrl-C ends it[/]")
                await converse(socket, heard, said, show, half_duplex=not full_duplex)
        finally:
            if started:
                async with daemon.request("DELETE", path, timeout_s=10):
                    pass
