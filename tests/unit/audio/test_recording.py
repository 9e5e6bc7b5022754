import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

import numpy as np
import pytest

from agentd.audio.codecs import Codecs
from agentd.audio.containers import recognised
from agentd.audio.formats import AudioFormat, to_samples, wav_header
from agentd.audio.recording import Recording
from agentd.errors import InvalidAudio, MalformedRequest, RequestTimeout, TooManyRequests, UnsupportedMediaType
from tests.support.recordings import KINDS, record, tone

TARGET = AudioFormat("linear16", 16_000)
CURL = "application/x-www-form-urlencoded"
WAV = wav_header(TARGET, 3200) + tone(0.1, 16_000).tobytes()


@pytest.fixture
async def codecs() -> AsyncIterator[Codecs]:
    made = Codecs(lambda: 2)
    yield made
    assert made._running == 0
    await made.close()


async def in_pieces(data: bytes, size: int = 4096) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def recording(
    codecs: Codecs, data: bytes | AsyncGenerator[bytes, None], content_type: str | None = None, *, length: int | None = None
) -> Recording:
    pieces = in_pieces(data) if isinstance(data, bytes) else data
    return Recording(pieces, content_type=content_type, length=length, target=TARGET, codecs=codecs)


async def pcm(made: Recording) -> bytes:
    return b"".join([chunk async for chunk in made.pcm()])


def loudest_hz(audio: bytes) -> float:
    samples = to_samples(audio, "linear16")
    return float(np.fft.rfftfreq(len(samples), 1 / TARGET.sample_rate)[np.abs(np.fft.rfft(samples)).argmax()])


@pytest.mark.parametrize("name", KINDS)
async def test_every_format_is_decoded_to_the_input_of_the_session(codecs: Codecs, name: str) -> None:
    kind = KINDS[name]
    made = recording(codecs, record(kind, tone(1.0, kind.rate), channels=2), kind.media_type)
    audio = await pcm(made)
    assert TARGET.duration_s(len(audio)) == pytest.approx(1.0, abs=0.1)
    assert loudest_hz(audio) == pytest.approx(440.0, abs=2.0)
    assert made.seconds == pytest.approx(1.0, abs=0.1)
    assert made.damaged == 0
    assert f"{kind.rate} Hz, stereo" in made.input


@pytest.mark.parametrize("content_type", [None, "", "application/octet-stream", CURL, "audio/x-unheard-of", "audio/wav"])
async def test_the_first_bytes_decide_whatever_a_type_says_that_is_none_of_raw_samples(
    codecs: Codecs, content_type: str | None
) -> None:
    kind = KINDS["FLAC"]
    made = recording(codecs, record(kind, tone(0.1, kind.rate)), content_type)
    await pcm(made)
    assert made.container == "flac"
    plain = recording(codecs, WAV, content_type)
    assert await pcm(plain) == WAV[44:]
    assert plain.container == "wav"


async def test_where_the_upload_is_split_makes_no_difference(codecs: Codecs) -> None:
    kind = KINDS["Ogg Opus"]
    data = record(kind, tone(0.3, kind.rate))
    heard = [await pcm(recording(codecs, in_pieces(data, size))) for size in (1, 7, 100_000)]
    assert heard[0] == heard[1] == heard[2]


async def test_a_live_stream_is_heard_as_it_comes(codecs: Codecs) -> None:
    kind = KINDS["WebM Opus"]
    data = record(kind, tone(8.0, kind.rate))
    heard = asyncio.Event()

    async def live() -> AsyncGenerator[bytes, None]:
        yield data[: len(data) * 3 // 4]
        async with asyncio.timeout(30):
            await heard.wait()  # the end comes only after the beginning was heard
        yield data[len(data) * 3 // 4 :]

    made, n_bytes = recording(codecs, live()), 0
    async for chunk in made.pcm():
        n_bytes += len(chunk)
        if TARGET.duration_s(n_bytes) > 0.5:
            heard.set()
    assert TARGET.duration_s(n_bytes) == pytest.approx(8.0, abs=0.1)


async def test_a_recording_says_how_long_it_is_before_it_is_heard(codecs: Codecs) -> None:
    kind = KINDS["M4A, index first"]
    made = recording(codecs, record(kind, tone(2.0, kind.rate)))
    async with aclosing(made.pcm()) as decoded:
        assert await anext(decoded)
        assert made.stated_s == pytest.approx(2.0, abs=0.1)
    hour = wav_header(TARGET, 3600 * 32_000) + bytes(64)
    claims = recording(codecs, hour, length=None)
    await pcm(claims)
    assert claims.stated_s == 3600.0
    cannot = recording(codecs, hour, length=len(hour))
    await pcm(cannot)
    assert cannot.stated_s < 0.01


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "text/plain", "application/json", "?"])
async def test_another_type_is_refused_with_the_flag_to_add(codecs: Codecs, content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="-H 'Content-Type: audio/wav'") as caught:
        recording(codecs, WAV, content_type)
    assert ("instead of -F" in caught.value.detail) == content_type.startswith("multipart")


@pytest.mark.parametrize(
    ("head", "name"),
    [(b"FORM\x00\x00\x01\x00AIFF", "AIFF"), (b".snd", "AU"), (b"{", "JSON"), (b"PK\x03\x04", "ZIP"), (b"#!AMR\n", "AMR")],
)
async def test_what_is_not_taken_is_named(codecs: Codecs, head: bytes, name: str) -> None:
    with pytest.raises(UnsupportedMediaType, match=f"is .*{name}.*Taken are WAV, FLAC, Ogg.*ffmpeg -i IN"):
        await pcm(recording(codecs, head + bytes(100), CURL))


async def test_what_is_unknown_is_shown(codecs: Codecs) -> None:
    with pytest.raises(UnsupportedMediaType, match="begins with b'"):
        await pcm(recording(codecs, bytes(100)))
    with pytest.raises(MalformedRequest, match="is not FLAC, as its type says: it begins with b'"):
        await pcm(recording(codecs, bytes(100), "audio/flac"))


@pytest.mark.parametrize("content_type", [None, "audio/wav", "audio/ogg"])
async def test_a_body_that_is_empty_or_ends_at_once_is_refused(codecs: Codecs, content_type: str | None) -> None:
    with pytest.raises(MalformedRequest, match="empty"):
        await pcm(recording(codecs, b"", content_type))
    with pytest.raises(MalformedRequest, match="ends after 6 bytes"):
        await pcm(recording(codecs, b"RIFF\x00\x00", content_type))


BEGINNINGS: dict[str, Callable[[bytes], bytes]] = {
    "cut off in its header": lambda data: data[:40],
    "the beginning of one, then noise": lambda data: data[:12] + bytes(range(256)) * 200,
    "all of it inverted but the beginning": lambda data: data[:12] + bytes(255 - byte for byte in data[12:]),
}


@pytest.mark.parametrize("damage", BEGINNINGS)
@pytest.mark.parametrize("name", ["FLAC", "Ogg Opus", "MP3", "WebM Opus", "MP4 in fragments", "AAC"])
async def test_a_recording_that_cannot_be_decoded_is_refused_by_name(codecs: Codecs, name: str, damage: str) -> None:
    kind = KINDS[name]
    data = BEGINNINGS[damage](record(kind, tone(0.5, kind.rate)))
    container = recognised(data)
    try:
        audio = await pcm(recording(codecs, data))
    except (MalformedRequest, InvalidAudio) as refusal:
        assert f"The {container} recording" in refusal.detail  # noqa: PT017 - players find a frame in some of these
    else:
        assert len(audio) < 64_000


async def test_a_hole_in_the_middle_is_passed_over_and_counted(codecs: Codecs) -> None:
    kind = KINDS["WebM Opus"]
    data = bytearray(record(kind, tone(2.0, kind.rate)))
    middle = len(data) // 2
    data[middle : middle + 200] = b"\xff" * 200
    audio = await pcm(recording(codecs, bytes(data)))
    assert TARGET.duration_s(len(audio)) > 0.8


async def test_a_codec_that_is_not_taken_is_named(codecs: Codecs) -> None:
    kind = KINDS["Matroska Opus"]
    with pytest.raises(InvalidAudio, match="holds mp2"):
        await pcm(recording(codecs, record(type(kind)("matroska", "mp2", "", 48_000), tone(0.2, 48_000))))


async def test_more_decoders_than_may_be_are_refused_and_wav_needs_none(codecs: Codecs) -> None:
    kind = KINDS["FLAC"]
    data = record(kind, tone(3.0, kind.rate))
    first, second = recording(codecs, data).pcm(), recording(codecs, data).pcm()
    assert await anext(first)
    assert await anext(second)
    with pytest.raises(TooManyRequests, match="audio_decoders"):
        await pcm(recording(codecs, data))
    assert await pcm(recording(codecs, WAV)) == WAV[44:]
    await first.aclose()
    await second.aclose()
    assert len(await pcm(recording(codecs, data))) == 96_000


async def test_what_ends_the_upload_is_told_as_it_was(codecs: Codecs) -> None:
    kind = KINDS["Ogg Vorbis"]
    data = record(kind, tone(1.0, kind.rate), channels=2)

    async def stalls() -> AsyncGenerator[bytes, None]:
        yield data[:2000]
        raise RequestTimeout("No byte came.")

    with pytest.raises(RequestTimeout, match="No byte came"):
        await pcm(recording(codecs, stalls()))


async def test_a_decoder_that_dies_costs_its_recording_alone(codecs: Codecs) -> None:
    kind = KINDS["FLAC"]
    data = record(kind, tone(3.0, kind.rate))
    from agentd.audio.containers import FLAC

    async with codecs.decoding(FLAC, in_pieces(data)) as decoding:
        samples = decoding.samples()
        assert await anext(samples)
        decoding._process.kill()
        with pytest.raises(MalformedRequest, match="the decoder gave it up"):
            async for _ in samples:
                pass
    assert len(await pcm(recording(codecs, data))) == 96_000


async def test_a_decoder_sees_nothing_of_the_daemon(codecs: Codecs, monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    from agentd.audio.containers import FLAC

    monkeypatch.setenv("DEEPGRAM_API_KEY", "canary")
    async with codecs.decoding(FLAC, in_pieces(record(KINDS["FLAC"], tone(3.0, 44_100)))) as decoding:
        samples = decoding.samples()
        assert await anext(samples)
        environment = Path(f"/proc/{decoding._process.pid}/environ").read_bytes()
        limits = Path(f"/proc/{decoding._process.pid}/limits").read_text()
        await samples.aclose()
    assert b"canary" not in environment
    assert f"Max address space         {512 * 1024 * 1024}" in limits
