"""Three modes of one assistant on the embedded engine: a phrase switches prompt and functions, at once, and back."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import DaemonProcess, daemon_process

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.timeout(300)]

HANDLERS = '''
from agentd.functions import *

@function(tier="low", examples=["open the clinical notes"])
async def open_notes(ctx: CallContext) -> dict[str, str]:
    """Switch to the clinical notes."""
    await ctx.hand_over("notes")
    return {"say": "The notes are open."}

@function(tier="low", examples=["open the drug dispatch"])
async def open_dispatch(ctx: CallContext) -> dict[str, str]:
    """Switch to dispatching drugs."""
    await ctx.hand_over("dispatch")
    return {"say": "The dispatch is open."}

@function(tier="low", examples=["book the appointment"])
async def book(ctx: CallContext) -> dict[str, str]:
    """Book the appointment."""
    return {"say": f"Booked by {ctx.agent}."}

@function(tier="low", examples=["save the note"])
async def save_note(ctx: CallContext) -> dict[str, str]:
    """Save the note."""
    return {"say": f"Saved by {ctx.agent}."}

@function(tier="low", examples=["send the prescription"])
async def send(ctx: CallContext) -> dict[str, str]:
    """Send the prescription."""
    return {"say": f"Sent by {ctx.agent}."}
'''

CONFIG = """
default_agent = "scheduling"
[agents.scheduling]
prompt = "You schedule."
functions = ["open_notes", "open_dispatch", "book"]
hand_over = ["notes", "dispatch"]
[agents.notes]
prompt = "You take notes."
functions = ["open_dispatch", "save_note"]
hand_over = ["scheduling", "dispatch"]
greeting = "Tell me what to write."
[agents.dispatch]
prompt = "You dispatch."
functions = ["open_notes", "send"]
hand_over = ["scheduling", "notes"]
"""


async def says(daemon: DaemonProcess, text: str) -> dict[str, Any]:
    """What the agent says and calls to a text."""
    answer = await daemon.call("POST", "/v1/sessions/ward/messages?wait=reply", json={"content": text})
    assert answer.status == 200, answer.json
    turn: dict[str, Any] = answer.json
    return turn


async def test_a_phrase_switches_what_the_offline_thinker_can_do(tmp_path: Path) -> None:
    functions = tmp_path / "functions"
    functions.mkdir(mode=0o755)
    (functions / "modes.py").write_text(HANDLERS)
    async with daemon_process(tmp_path, CONFIG, functions=functions) as daemon:
        assert (await daemon.call("PUT", "/v1/sessions/ward")).status == 201
        assert (await says(daemon, "book the appointment"))["said"] == "Booked by scheduling."
        assert (await says(daemon, "save the note"))["calls"] == [], "not a function of this mode"
        switched = await says(daemon, "open the clinical notes")
        assert "The notes are open." in switched["said"]
        assert "Tell me what to write." in " ".join([switched["said"], *(await transcript(daemon))])
        assert (await says(daemon, "save the note"))["said"] == "Saved by notes."
        assert (await says(daemon, "book the appointment"))["calls"] == []
        assert "The dispatch is open." in (await says(daemon, "open the drug dispatch"))["said"]
        assert (await says(daemon, "send the prescription"))["said"] == "Sent by dispatch."
        assert "The notes are open." in (await says(daemon, "open the clinical notes"))["said"]
        assert (await says(daemon, "save the note"))["said"] == "Saved by notes."
        session = (await daemon.call("PUT", "/v1/sessions/ward/agent", json={"agent": "scheduling"})).json
        assert (session["active_agent"], session["agents"]) == ("scheduling", ["scheduling", "notes", "dispatch"])
        assert (await says(daemon, "book the appointment"))["said"] == "Booked by scheduling."


async def transcript(daemon: DaemonProcess) -> list[str]:
    lines = (await daemon.call("GET", "/v1/sessions/ward/transcript")).json
    return [line["text"] for line in lines["items"]]
