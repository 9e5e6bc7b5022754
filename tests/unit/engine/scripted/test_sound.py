"""The scripted peer's voice, as bytes."""

from pathlib import Path

import numpy as np
import pytest

from agentd.audio.formats import AudioFormat, to_samples, wav_header
from agentd.engine.scripted.loading import parse_script
from agentd.engine.scripted.sound import MAX_RECORDING_BYTES, recording, tone
from agentd.errors import ConfigError

PCM = AudioFormat("linear16", 16000)


@pytest.mark.parametrize("audio", [PCM, AudioFormat("mulaw", 8000), AudioFormat("linear16", 44100)])
@pytest.mark.parametrize("frame_bytes", [1600, 641, 65536])
def test_a_tone_is_one_wave_whatever_its_frames(audio: AudioFormat, frame_bytes: int) -> None:
    frames = list(tone(audio, 2.5, frame_bytes))
    assert {len(frame) for frame in frames[:-1]} <= {frame_bytes}
    samples = to_samples(b"".join(frames), audio.encoding)
    assert len(samples) == 2.5 * audio.sample_rate
    assert np.abs(samples).max() == pytest.approx(0.05, rel=0.05)
    steepest = 2 * np.pi * 220 / audio.sample_rate * 0.05
    assert np.abs(np.diff(samples)).max() < steepest + 0.005  # no click where seconds or frames join


def test_a_recording_is_converted_to_what_is_asked_for() -> None:
    sound = b"".join(tone(PCM, 3.0, 3200))
    wav = wav_header(PCM, len(sound)) + sound
    assert b"".join(recording(wav, PCM, 999)) == sound
    frames = list(recording(wav, AudioFormat("mulaw", 8000), 800))
    assert {len(frame) for frame in frames[:-1]} == {800}
    assert sum(map(len, frames)) == pytest.approx(24000, abs=100)


def test_what_cannot_be_played_is_refused_with_its_script(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not sound at all", encoding="utf-8")
    with (tmp_path / "long.wav").open("wb") as file:
        file.truncate(MAX_RECORDING_BYTES + 1)
    for name, told in (("text.wav", "text.wav cannot be played"), ("long.wav", "longer than"), ("none.wav", "No such file")):
        with pytest.raises(ConfigError, match=told):
            parse_script({"default": {"audio_file": name}}, folder=tmp_path)
