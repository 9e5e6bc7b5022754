"""A daemon that is killed in mid-call leaves a recording that plays, here and elsewhere."""

import asyncio
import io
import shutil
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.support.daemon import ROOT, DaemonProcess, daemon_process

QUESTION = (ROOT / "agentd/demo/question.wav").read_bytes()

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.timeout(300)]


async def decoded(*command: str) -> bytes:
    """What another decoder makes of the file, as 16 bit stereo."""
    program = shutil.which(command[0])
    assert program
    process = await asyncio.create_subprocess_exec(program, *command[1:], stdout=asyncio.subprocess.PIPE)
    pcm, _ = await process.communicate()
    assert process.returncode == 0
    return pcm


async def until_written(daemon: DaemonProcess, n_bytes: int) -> Path:
    """The file of the one recording, once it is so long."""
    async with asyncio.timeout(60):
        while True:
            for file in daemon.state_dir.glob("recordings/*.wav"):
                if file.stat().st_size >= n_bytes:
                    return file
            await asyncio.sleep(0.05)


async def test_a_call_killed_in_the_middle_can_be_heard(tmp_path: Path) -> None:
    async with daemon_process(tmp_path, "") as daemon:
        started = await daemon.call("POST", "/v1/sessions", json={"id": "kitchen", "record": True})
        answer = await daemon.call("POST", "/v1/sessions/kitchen/audio?wait=reply", data=QUESTION)
        assert answer.status == 200, answer.body
        file = await until_written(daemon, 100_000)
        daemon.process.kill()
        await daemon.process.wait()
    sides = np.empty((0, 2), "<i2")
    for command in (
        ("ffmpeg", "-v", "error", "-xerror", "-i", str(file), "-f", "s16le", "pipe:1"),
        ("sox", "-V1", str(file), "-t", "raw", "-e", "signed", "-b", "16", "-"),
    ):
        sides = np.frombuffer(await decoded(*command), "<i2").reshape(-1, 2)
        assert len(sides) > 2 * 24000
        assert np.abs(sides[:, 0]).max() > 2000
        assert np.abs(sides[:, 1]).max() > 2000
    async with daemon_process(tmp_path, "") as again:
        run = await again.call("GET", f"/v1/sessions/{started.json['run_id']}/recording")
        assert run.status == 200, run.body
        with wave.open(io.BytesIO(run.body)) as sound:
            assert sound.getnframes() == len(sides)
