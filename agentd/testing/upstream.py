"""The upstream of a test's conversations: the offline thinker behind the engine's own turn-taking, or a script."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from aiohttp import web

from agentd.config import EngineSettings
from agentd.engine.compute import Compute
from agentd.engine.conversation import Conversation
from agentd.engine.line import Dialogue, Line
from agentd.engine.listen.energy import EnergyVad
from agentd.engine.providers import Providers, Samples, Thinker, Transcript
from agentd.engine.reception import Reception
from agentd.engine.scripted.loading import parse_script
from agentd.engine.scripted.peer import ScriptedPeer
from agentd.engine.serving import serving
from agentd.testing.understanding import offline_thinker

KEY: Final = "the-key-of-the-tests"
_RATE: Final = 16_000
_SETTINGS: Final = EngineSettings(max_sessions=64, audio_ahead_s=60.0, threads=1)
"""Audio is not paced: nobody listens, so nobody need wait until it was played."""

_STEPS: Final = 0.05
"""Seconds of sound for what a script says, where it does not say how long."""


class _DeafEar:
    """Recognises nothing: these conversations are typed."""

    def transcribe(self, samples: Samples, vocabulary: tuple[str, ...] = ()) -> Transcript:
        return Transcript("")


class _MuteVoice:
    """Speaks each text as a moment of silence."""

    sample_rate = _RATE

    def synthesise(self, text: str, speed: float = 1.0) -> Iterator[Samples]:
        yield np.zeros(_RATE // 50, dtype=np.float32)


@dataclass
class Upstream:
    """A server of the Voice Agent protocol on a free loopback port.

    Attributes:
        url: base for the WebSocket.
        http_url: base for REST.
        script: what is played to the next connections; None: the offline thinker.
    """

    url: str
    http_url: str
    script: ScriptedPeer | None = None
    _thinker: list[Thinker] = field(default_factory=list)

    def play(self, script: str | dict[str, Any] | list[dict[str, Any]]) -> None:
        """From now on follow a script.

        Args:
            script: YAML text or the same as a dict (docs/scripted.md), or just the steps that answer the user's words.
        """
        self.script = ScriptedPeer(
            parse_script({"default": [_brief(step) for step in script]} if isinstance(script, list) else script)
        )

    def thinker(self) -> Thinker:
        """The offline thinker.

        Raises:
            ThinkerMissing: its package is not installed.
        """
        if not self._thinker:
            self._thinker.append(offline_thinker())
        return self._thinker[0]


def _brief(step: dict[str, Any]) -> dict[str, Any]:
    """A step that says something says it in a moment."""
    return {"audio_s": _STEPS, **step} if "say" in step and "audio_file" not in step else step


@asynccontextmanager
async def upstream() -> AsyncIterator[Upstream]:
    """Serve until the block is left."""
    compute = Compute(1)
    made = Upstream("", "")

    def converse(line: Line, document: dict[str, Any]) -> Dialogue:
        providers = Providers(_DeafEar(), EnergyVad, _MuteVoice(), lambda _: made.thinker())
        return Conversation(line, document, providers=providers, compute=compute, limits=_SETTINGS, allowed_endpoints=())

    async def receive(request: web.Request) -> Reception:
        return Reception(converse) if made.script is None else await made.script.receive(request)

    try:
        async with serving(receive, _SETTINGS, KEY) as address:
            made.url, made.http_url = f"ws://{address}", f"http://{address}"
            yield made
    finally:
        compute.close()
