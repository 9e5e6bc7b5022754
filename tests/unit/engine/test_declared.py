"""Audio that shows by its first bytes that it is not what the Settings declare."""

import struct

import pytest

from agentd.engine.declared import require_declared
from agentd.protocol.codec import ProtocolError
from tests.support.engine import silence, speech


def wav(tag: int = 1, channels: int = 1, rate: int = 16_000, bits: int = 16) -> bytes:
    """The header of a WAV file."""
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36, b"WAVE", b"fmt ", 16, tag, channels, rate, rate * 2, 2, bits)
    return head + b"data" + bytes(4)


@pytest.mark.parametrize(
    ("audio", "what"),
    [
        (b"\x1a\x45\xdf\xa3" + bytes(60), "WebM"),
        (b"OggS" + bytes(60), "Ogg"),
        (b"fLaC" + bytes(60), "FLAC"),
        (b"ID3\x04" + bytes(60), "MP3"),
        (bytes(3) + b"\x20ftypisom" + bytes(60), "MP4"),
        (wav(rate=44_100), "linear16 at 44100 Hz in 1 channels"),
        (wav(channels=2), "in 2 channels"),
        (wav(tag=7, bits=8), "mulaw at 16000 Hz"),
        (wav(tag=3, bits=32), "WAV format 3 with 32 bits"),
    ],
)
def test_files_of_another_format_are_refused_by_name(audio: bytes, what: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        require_declared(audio, "linear16", 16_000)
    assert refused.value.code == "USER_AUDIO_FORMAT"
    assert what in refused.value.description
    assert "raw linear16 samples, mono, at 16000 Hz" in refused.value.description


@pytest.mark.parametrize("audio", [b"", b"RIFF", silence(0.1), speech(0.1), wav(), wav() + speech(0.1)])
def test_samples_and_a_header_over_the_declared_samples_are_let_through(audio: bytes) -> None:
    require_declared(audio, "linear16", 16_000)


def test_telephone_audio_in_a_wav_file_is_what_it_says() -> None:
    require_declared(wav(tag=7, rate=8000, bits=8), "mulaw", 8000)
