"""Recordings as the world sends them: what is odd but sound is heard, what is not is refused by name, and nobody suffers."""

import io
import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
import pytest

from agentd.audio.formats import AudioFormat, wav_header
from tests.support.recordings import KINDS, record, tone
from tests.unit.http.conftest import Api

AUDIO = "/v1/sessions/kitchen/audio?pace=fast"
FORM = "application/x-www-form-urlencoded"
PCM = tone(0.1, 16_000).tobytes()
PLAIN = wav_header(AudioFormat("linear16", 16_000), len(PCM)) + PCM


def wav(body: bytes, tag: int, bits: int, rate: int = 16_000, channels: int = 1, *, size: int | None = None) -> bytes:
    block = bits // 8 * channels
    head = struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits)
    size = len(body) if size is None else size
    return b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00" + head + b"data" + struct.pack("<I", size) + body


def made(name: str) -> bytes:
    kind = KINDS[name]
    return record(kind, tone(0.2, kind.rate), channels=2)


@dataclass(frozen=True, slots=True)
class Odd:
    """A body, its type, the status it gets, and what the answer says (of the format, or of what is wrong)."""

    body: bytes
    status: int
    says: str
    media_type: str = FORM


ODD: Final = {
    # odd, and heard
    "a pipe that knows no length": Odd(wav(PCM, 1, 16, size=0), 200, "WAV, 16 bit PCM"),
    "a pipe that claims 4 GiB": Odd(wav(PCM, 1, 16, size=0xFFFFFFFF), 200, "16000 Hz, mono"),
    "a recorder that claims 2 GiB": Odd(wav(PCM, 1, 16, size=0x80000000), 200, "WAV"),
    "8 bit unsigned at 4 kHz": Odd(wav(bytes(range(256)) * 4, 1, 8, 4000), 200, "8 bit PCM, 4000 Hz"),
    "24 bit at 96 kHz": Odd(wav(bytes(28_800), 1, 24, 96_000), 200, "24 bit PCM, 96000 Hz"),
    "32 bit of eight channels at 192 kHz": Odd(wav(bytes(61_440), 1, 32, 192_000, 8), 200, "192000 Hz, 8 channels"),
    "floats": Odd(wav(np.zeros(1600, "<f4").tobytes(), 3, 32), 200, "32 bit float"),
    "doubles with no number among them": Odd(wav(np.full(1600, np.nan, "<f8").tobytes(), 3, 64), 200, "64 bit float"),
    "mu-law of a telephone": Odd(wav(b"\xff" * 800, 7, 8, 8000), 200, "mu-law, 8000 Hz"),
    "A-law of a telephone": Odd(wav(b"\xd5" * 800, 6, 8, 8000), 200, "A-law, 8000 Hz"),
    "tags before and after": Odd(PLAIN[:12] + b"LIST\x04\x00\x00\x00INFO" + PLAIN[12:] + b"id3 \x02\x00\x00\x00xx", 200, "WAV"),
    "half a sample at its end": Odd(PLAIN[:-1], 200, "WAV"),
    "less than its header says": Odd(PLAIN[:-1000], 200, "WAV"),
    "a type in another spelling": Odd(PLAIN, 200, "WAV", "Audio/X-WAV; rate=16000"),
    "a FLAC that is called WAV": Odd(made("FLAC"), 200, "FLAC, flac, 44100 Hz, stereo", "audio/wav"),
    "a WAV that is called MP3": Odd(PLAIN, 200, "WAV", "audio/mpeg"),
    "an Opus that is called a video": Odd(made("Ogg Opus"), 200, "Ogg, opus, 48000 Hz", "video/ogg"),
    "an AAC stream": Odd(made("AAC"), 200, "AAC, aac", "audio/aacp"),
    "a telephone's M4A": Odd(made("M4A, index last"), 200, "MP4, aac", "audio/x-m4a"),
    "a browser's recording": Odd(made("WebM Opus"), 200, "WebM, opus", "audio/webm;codecs=opus"),
    "an MP3 without a tag": Odd(made("MP3 without a tag"), 200, "MP3, mp3"),
    "an MP3 with noise in front": Odd(b"ID3\x04\x00\x00\x00\x00\x00\x10" + bytes(16) + made("MP3 without a tag"), 200, "MP3"),
    "two Ogg streams in a row": Odd(made("Ogg Opus") * 2, 200, "Ogg"),
    "raw samples of the session": Odd(PCM, 200, "raw samples, 16 bit PCM, 16000 Hz", "audio/pcm"),
    "raw samples of a telephone": Odd(b"\xff" * 800, 200, "mu-law, 8000 Hz", "audio/pcm;encoding=mulaw;rate=8000"),
    # refused by name
    "nothing but a header": Odd(wav(b"", 1, 16), 422, "holds no audio"),
    "a header that ends": Odd(PLAIN[:30], 400, "ends before its samples"),
    "no fmt chunk": Odd(b"RIFF\x00\x00\x00\x00WAVEdata\x04\x00\x00\x00abcd", 400, "no 'fmt ' chunk"),
    "a thousand empty chunks": Odd(b"RIFF\x00\x00\x00\x00WAVE" + b"junk\x00\x00\x00\x00" * 1000, 400, "more than 64 chunks"),
    "a million empty chunks": Odd(b"RIFF\x00\x00\x00\x00WAVE" + b"junk\x00\x00\x00\x00" * 1_000_000, 400, "more than 64"),
    "a fmt chunk of 2 GiB": Odd(b"RIFF\x00\x00\x00\x00WAVEfmt \xff\xff\xff\x7f" + bytes(64), 400, "the file is damaged"),
    "a rate of 0": Odd(wav(PCM, 1, 16, 0), 422, "0 Hz (4000 to 192000"),
    "a rate of 4 GHz": Odd(wav(PCM, 1, 16, 4_000_000_000 // 2), 422, "192000 are taken"),
    "65,535 channels": Odd(PLAIN[:22] + b"\xff\xff" + PLAIN[24:], 422, "65535 channels (1 to 8"),
    "1 bit": Odd(PLAIN[:34] + b"\x01\x00" + PLAIN[36:], 400, "damaged"),
    "ADPCM": Odd(wav(PCM, 2, 8), 422, "Microsoft ADPCM; taken are PCM of 8, 16, 24 and 32 bit"),
    "big-endian": Odd(b"RIFX" + PLAIN[4:], 422, "big-endian"),
    "an AVI": Odd(PLAIN[:8] + b"AVI " + PLAIN[12:], 400, "not a WAV file"),
    "an AIFF": Odd(b"FORM\x00\x00\x01\x00AIFF" + bytes(100), 415, "is AIFF. Taken are WAV, FLAC"),
    "a text": Odd(b"turn on the light, please", 415, "begins with b'turn on "),
    "JSON": Odd(b'{"content": "hello"}', 415, "is JSON"),
    "a picture": Odd(b"\x89PNG\r\n\x1a\n" + bytes(100), 415, "no audio header known here"),
    "a form": Odd(b"--x\r\nContent-Disposition: form-data\r\n", 415, "instead of -F", "multipart/form-data; boundary=x"),
    "silence of bytes": Odd(bytes(10_000), 415, "begins with b'\\x00"),
    "an MP3 that is none": Odd(b"ID3" + bytes(5000), 400, "The MP3 recording cannot be decoded"),
    "an Ogg of noise": Odd(b"OggS" + bytes(range(256)) * 20, 400, "The Ogg recording cannot be decoded"),
    "an M4A without its index": Odd(made("M4A, index last")[:1500], 400, "The MP4 recording cannot be decoded"),
    "a WebM that ends in its header": Odd(made("WebM Opus")[:60], 400, "The WebM recording cannot be decoded"),
    "three bytes": Odd(b"RIF", 400, "ends after 3 bytes"),
    "raw samples of 1 Hz": Odd(PCM, 422, "a sample rate of 1 Hz", "audio/pcm;rate=1"),
    "raw samples of a foreign kind": Odd(PCM, 422, "encoding=vinyl", "audio/pcm;encoding=vinyl"),
}


@pytest.fixture
async def kitchen(api: Api) -> Api:
    await api.session()
    return api


async def test_every_odd_recording_gets_its_answer_and_none_of_a_bad_one_is_heard(kitchen: Api) -> None:
    feed = kitchen.world.manager.get("kitchen").conversation.feed
    wrong: list[str] = []
    for name, odd in ODD.items():
        silence_s = feed.silence_s
        answer = await kitchen.call("POST", AUDIO, data=io.BytesIO(odd.body), headers={"Content-Type": odd.media_type})
        said = answer.json["format"] if answer.status == 200 else answer.json["detail"]
        if (answer.status, odd.says in said) != (odd.status, True):
            wrong.append(f"{name}: {answer.status} {said}")
        if odd.status != 200 and feed.silence_s < silence_s:
            wrong.append(f"{name}: some of it was heard")
    assert not wrong
    assert kitchen.world.manager.get("kitchen").live


async def test_there_are_forty_and_more() -> None:
    assert len(ODD) >= 40
