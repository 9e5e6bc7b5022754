"""The two places the getting-started guide goes to, on this machine: the agent, and the recording."""

import io
import wave
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from agentd.audio.formats import AudioFormat
from agentd.audio.resample import Converter
from tests.support.certificates import certificate_for
from tests.support.tunnel import Proxy, connect_proxy, tls_in_front_of

AGENT = "agent.deepgram.com"
FILES = "dpgr.am"
RECORDING_RATE = 24000
LEAD_S = 2.0
"""Silence before the first word: long enough that a slow machine has sent its greeting before it is interrupted."""


@dataclass(frozen=True, slots=True)
class Internet:
    """What the guide's program finds.

    Attributes:
        environment: the variables that lead it there; all it is told.
        proxy: what it asked for.
    """

    environment: Mapping[str, str]
    proxy: Proxy


@asynccontextmanager
async def guide_internet(agent_port: int, recording: Path, folder: Path) -> AsyncIterator[Internet]:
    """Serve ``https://dpgr.am/spacewalk.wav`` from a recording, and lead ``wss://agent.deepgram.com`` to ``agent_port``."""
    certificate = certificate_for([AGENT, FILES], folder)
    wav = _at_24_khz(recording)

    async def spacewalk(_: web.Request) -> web.Response:
        return web.Response(body=wav, content_type="audio/wav")

    app = web.Application()
    app.router.add_get("/spacewalk.wav", spacewalk)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificate.server).start()
        files = runner.addresses[0][1]
        async with (
            tls_in_front_of(agent_port, certificate.server) as agent,
            connect_proxy({f"{AGENT}:443": agent, f"{FILES}:443": files}) as proxy,
        ):
            trust = str(certificate.authority)
            yield Internet({"https_proxy": proxy.url, "SSL_CERT_FILE": trust, "REQUESTS_CA_BUNDLE": trust}, proxy)
    finally:
        await runner.cleanup()


def _at_24_khz(recording: Path) -> bytes:
    """The recording as a WAV file with the rate and the 44-byte header that the guide's program counts on."""
    target = AudioFormat("linear16", RECORDING_RATE)
    with wave.open(str(recording)) as file:
        converter = Converter(AudioFormat("linear16", file.getframerate()), target, channels=file.getnchannels())
        speech = converter.feed(file.readframes(file.getnframes()), last=True)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RECORDING_RATE)
        file.writeframes(target.silence(target.bytes_for(LEAD_S)) + speech)
    return out.getvalue()
