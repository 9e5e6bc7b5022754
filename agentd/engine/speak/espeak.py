"""Text to speech by eSpeak NG, where the system has it: a mechanical voice in a hundred languages, 20 to 60 ms for a sentence.

The program is licensed under the GPL and therefore never imported: each sentence is said by a process of its own.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Final

from agentd.audio.formats import Samples, to_samples
from agentd.engine.models import ESPEAK
from agentd.engine.providers import Voice
from agentd.engine.speak.shape import SENTENCE_PAUSE_S, shaped
from agentd.engine.speak.text import speakable
from agentd.engine.think.sentences import sentences

PREFIX: Final = "espeak-"
"""Before the language in a voice's name: "espeak-en-gb"."""

TIMEOUT_S: Final = 10.0
"""For one sentence; it is killed then."""

MAX_BYTES: Final = 64 * 1024 * 1024
"""More audio than any sentence has: 25 minutes."""

_WORDS_PER_MINUTE: Final = 165
"""Its pace at speed 1: its own default is a little hasty."""

_GAIN: Final = 0.9
"""It speaks at full scale, louder than the voice that ships."""

_HEADER_BYTES: Final = 44
_RATE_AT: Final = 24
_VOICE_LINE: Final = re.compile(r"\s*\d+\s+(?P<language>[a-z][\w-]*)\s+\S+\s+(?P<name>\S+)\s+(?P<file>\S+)")


def espeak_voices() -> tuple[Voice, ...]:
    """One voice per language that the installed program speaks; none where it is not installed or does not work."""
    program = shutil.which(ESPEAK)
    if program is None:
        return ()
    try:
        listed = _run([program, "--voices"], b"").decode(errors="replace")
    except (OSError, subprocess.SubprocessError):
        return ()
    languages = dict.fromkeys(found["language"] for line in listed.splitlines()[1:] if (found := _VOICE_LINE.match(line)))
    return tuple(
        Voice(name := PREFIX + language.lower(), name, language, EspeakVoice(program, language)) for language in languages
    )


class EspeakVoice:
    """One language of the program. Implements ``Synthesiser``.

    Args:
        program: path of the executable.
        language: as ``espeak-ng --voices`` lists it.
    """

    sample_rate = 22_050

    def __init__(self, program: str, language: str) -> None:
        self._program = program
        self._language = language
        self._english = language.startswith("en")

    def synthesise(self, text: str, speed: float = 1.0) -> Iterator[Samples]:
        """One array per sentence.

        Raises:
            OSError: the program cannot be run.
            subprocess.SubprocessError: it failed, or took too long and was killed.
            ValueError: it gave something else than audio.
        """
        for sentence in sentences(speakable(text, english=self._english)):
            if any(map(str.isalnum, sentence)):
                yield from self._say(sentence, speed)

    def _say(self, sentence: str, speed: float) -> Iterator[Samples]:
        pace = str(round(_WORDS_PER_MINUTE * speed))
        command = [self._program, "-v", self._language, "-s", pace, "-b", "1", "-z", "--stdin", "--stdout"]
        # Square brackets in pairs would be read as phoneme codes.
        audio = _run(command, sentence.translate({ord("["): "(", ord("]"): ")"}).encode())
        if audio[:4] != b"RIFF" or int.from_bytes(audio[_RATE_AT : _RATE_AT + 4], "little") != self.sample_rate:
            raise ValueError(f"{ESPEAK} gave no audio of {self.sample_rate} Hz")
        body = audio[_HEADER_BYTES:]
        samples = to_samples(body[: len(body) // 2 * 2], "linear16")
        speech = shaped(samples, self.sample_rate, SENTENCE_PAUSE_S, gain=_GAIN)
        if speech.size:
            yield speech


def _run(command: list[str], text: bytes) -> bytes:
    """The program's output; it is gone when this returns. It gets none of the engine's environment but what finds its data."""
    environment = {name: value for name in ("PATH", "ESPEAK_DATA_PATH", "LD_LIBRARY_PATH") if (value := os.environ.get(name))}
    done = subprocess.run(command, input=text, capture_output=True, timeout=TIMEOUT_S, check=True, env=environment)
    return done.stdout[:MAX_BYTES]
