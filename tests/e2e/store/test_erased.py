"""A word spoken in a session, a kill -9, a purge: not one byte of it is left in the state folder."""

import signal
from pathlib import Path

import pytest

from tests.support.daemon import DaemonProcess, daemon_process
from tests.support.scripted import scripted_engine
from tests.unit.store.conftest import files_with

CANARY = "nightingale-4711"
SCRIPT = {"default": {"say": "I heard: {text}", "audio_s": 0.1}}


async def talk(daemon: DaemonProcess, id_: str, text: str) -> None:
    body = {"prompt": f"You know {text}.", "metadata": {"code": text}}
    assert (await daemon.call("PUT", f"/v1/sessions/{id_}", json=body)).status == 201
    message = {"role": "user", "content": f"tell me about {text}"}
    assert (await daemon.call("POST", f"/v1/sessions/{id_}/messages?wait=reply", json=message)).status == 200


@pytest.mark.timeout(300)
async def test_an_erased_session_is_in_no_byte_of_the_state_folder_even_after_a_kill(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with scripted_engine(SCRIPT) as peer:
        config = (
            f'default_agent = "test"\n[agents.test]\n[engine]\nmode = "never"\n'
            f'[deepgram]\napi_key = "{peer.key}"\nagent_url = "{peer.url}"\nrest_url = "{peer.http_url}"\n'
        )
        async with daemon_process(tmp_path, config) as daemon:
            await talk(daemon, "kitchen", CANARY)
            await talk(daemon, "hall", "the weather")
            assert files_with(state, CANARY)
            daemon.process.send_signal(signal.SIGKILL)
            await daemon.process.wait()
        async with daemon_process(tmp_path, config) as daemon:
            run = (await daemon.call("GET", "/v1/sessions/kitchen")).json
            assert (run["state"], run["end_reason"], run["metadata"]) == ("ended", "interrupted", {"code": CANARY})
            assert CANARY in (await daemon.call("GET", "/v1/sessions/kitchen/transcript")).body.decode()
            erased = await daemon.call("DELETE", "/v1/sessions/kitchen?purge=true")
            assert erased.status == 200
            assert files_with(state, CANARY) == []
            daemon.process.send_signal(signal.SIGKILL)
            await daemon.process.wait()
        assert files_with(state, CANARY) == []
        async with daemon_process(tmp_path, config) as daemon:
            assert (await daemon.call("GET", f"/v1/sessions/{run['run_id']}")).status == 404
            assert (await daemon.call("GET", "/v1/sessions/hall")).json["end_reason"] == "interrupted"
            await talk(daemon, "attic", CANARY)
            attic = (await daemon.call("DELETE", "/v1/sessions/attic")).json["run_id"]
            assert (await daemon.call("PUT", "/v1/sessions/cellar", json={"prompt": "x", "resume": attic})).status == 201
            assert (await daemon.call("DELETE", "/v1/sessions/attic?purge=true")).status == 200
            assert files_with(state, CANARY) == []
