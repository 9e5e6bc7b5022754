"""The program of Deepgram's getting-started guide, led here by environment variables alone, gets its spoken greeting."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from agentd.audio.formats import AudioFormat, to_samples
from agentd.audio.resample import Converter
from agentd.engine.listen.moonshine import Moonshine
from agentd.engine.providers import LISTEN_RATE
from tests.e2e.clients.conftest import RECORDING, Server
from tests.support.guide_internet import guide_internet
from tests.support.programs import CLIENTS, SDK4, needs_sdk4, run

GREETING = "Hello! How can I help you today?"
HEADER_BYTES = 44
RATE = 24000

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.models,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
    needs_sdk4,
    # `make test` installs it; only who calls pytest without that may lack it
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed (apt-get install openssl)"),
]


async def test_the_guides_program_saves_the_greeting_as_speech(server: Server, tmp_path: Path) -> None:
    async with guide_internet(server.port, RECORDING, tmp_path) as internet:
        environment = {**internet.environment, "DEEPGRAM_API_KEY": server.key}
        ended = await run(str(CLIENTS / "getting_started.py"), folder=tmp_path, interpreter=SDK4, environment=environment)
        assert internet.proxy.asked == ["agent.deepgram.com:443", "dpgr.am:443"]
    assert ended.out == "complete\n", ended.err

    saved = (tmp_path / "output-0.wav").read_bytes()
    assert (saved[:4], saved[8:12]) == (b"RIFF", b"WAVE")
    # What the guide's player plays is all that follows its own header, whatever the stream itself began with.
    speech = Converter(AudioFormat("linear16", RATE), AudioFormat("linear16", LISTEN_RATE)).feed(saved[HEADER_BYTES:], last=True)
    samples = to_samples(speech, "linear16")
    assert 1 < len(samples) / LISTEN_RATE < 6
    assert np.sqrt((samples**2).mean()) > 0.02
    read_back = Moonshine().transcribe(samples).text
    assert "how can i help you today" in read_back.lower()

    log = (tmp_path / "chatlog.txt").read_text(encoding="utf-8")
    texts = [json.loads(line) for line in log.splitlines() if line.startswith('{"')]
    assert (texts[0]["role"], texts[0]["content"]) == ("assistant", GREETING)
    assert log.index("Welcome") < log.index("SettingsApplied") < log.index(GREETING)
    assert "Error" not in log, log


async def test_a_wrong_key_keeps_the_guides_program_out(server: Server, tmp_path: Path) -> None:
    async with guide_internet(server.port, RECORDING, tmp_path) as internet:
        environment = {**internet.environment, "DEEPGRAM_API_KEY": "not-the-key"}
        with pytest.raises(AssertionError, match="could not connect"):
            await run(
                str(CLIENTS / "getting_started.py"), folder=tmp_path, interpreter=SDK4, environment=environment, within_s=30
            )
    assert not list(tmp_path.glob("output-*.wav"))
