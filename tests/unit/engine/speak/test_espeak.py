"""The system's voices, by the real program, and by programs that misbehave."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from agentd.engine.speak import espeak
from agentd.engine.speak.espeak import EspeakVoice, espeak_voices

PROGRAM = shutil.which("espeak-ng")
needs_program = pytest.mark.skipif(PROGRAM is None, reason="espeak-ng is not installed (apt-get install espeak-ng)")


def script(tmp_path: Path, lines: str) -> str:
    program = tmp_path / "espeak-ng"
    program.write_text(f"#!/bin/sh\n{lines}\n")
    program.chmod(0o755)
    return str(program)


@needs_program
def test_every_language_of_the_program_is_a_voice_by_its_name() -> None:
    voices = {voice.name: voice for voice in espeak_voices()}
    assert {"espeak-en-gb", "espeak-de", "espeak-es"} <= set(voices)
    assert voices["espeak-en-gb"].language == "en-gb"
    assert all(voice.name == voice.name.lower() for voice in voices.values())


@needs_program
def test_each_sentence_is_a_piece_that_begins_at_once() -> None:
    assert PROGRAM
    pieces = list(EspeakVoice(PROGRAM, "de").synthesise("Das Licht ist an. Gute Nacht!"))
    assert len(pieces) == 2
    for piece in pieces:
        assert piece.dtype == np.float32
        assert np.abs(piece[:1000]).max() > 0.001
        assert 0.2 < np.abs(piece).max() < 1.0


@needs_program
def test_speed_makes_it_shorter() -> None:
    assert PROGRAM
    slow, fast = (sum(map(len, EspeakVoice(PROGRAM, "en-us").synthesise("The lamp is on.", speed))) for speed in (0.7, 1.5))
    assert slow > 1.5 * fast


@needs_program
@pytest.mark.parametrize("text", ["", "...", "\N{THUMBS UP SIGN}"])
def test_nothing_to_say_gives_no_sound(text: str) -> None:
    assert PROGRAM
    assert list(EspeakVoice(PROGRAM, "en-us").synthesise(text)) == []


@needs_program
def test_text_cannot_become_an_option_or_a_phoneme_code() -> None:
    assert PROGRAM
    voice = EspeakVoice(PROGRAM, "en-us")
    spoken, read = (sum(map(len, voice.synthesise(text))) for text in ("--version please [[h@l'oU]]", "version please"))
    assert spoken > read


def test_there_are_no_voices_without_the_program_or_with_a_broken_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert espeak_voices() == ()
    script(tmp_path, "exit 1")
    assert espeak_voices() == ()


@pytest.mark.parametrize("lines", ["exit 3", "echo no audio", "kill -9 $$"])
def test_a_program_that_fails_raises(tmp_path: Path, lines: str) -> None:
    with pytest.raises((subprocess.SubprocessError, ValueError)):
        list(EspeakVoice(script(tmp_path, lines), "en-us").synthesise("hello"))


def test_a_program_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeak, "TIMEOUT_S", 0.2)
    program = script(tmp_path, f"echo $$ > {tmp_path}/pid\nexec sleep 60")
    with pytest.raises(subprocess.TimeoutExpired):
        list(EspeakVoice(program, "en-us").synthesise("hello"))
    pid = (tmp_path / "pid").read_text().strip()
    assert not Path(f"/proc/{pid}").exists()


def test_the_program_gets_none_of_the_secrets_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPGRAM_API_KEY", "secret")
    program = script(tmp_path, f"env > {tmp_path}/env")
    with pytest.raises(ValueError, match="no audio"):
        list(EspeakVoice(program, "en-us").synthesise("hello"))
    assert "secret" not in (tmp_path / "env").read_text()
