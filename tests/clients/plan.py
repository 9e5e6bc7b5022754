"""What every client here talks about, and its notes on what it got. Runs with any SDK version: standard library only."""

import json
import sys
import threading
import time
import wave
from collections.abc import Iterator
from typing import Any

GREETING = "Hello! What can I do for you?"
TYPED = "turn off the kitchen lamp"
GOODBYE = "That is all for today."
PROMPT = "You switch lamps."
MORE_PROMPT = "Be brief."
FUNCTION: dict[str, Any] = {
    "name": "set_lamp",
    "description": "Switch the lamp of a room on or off.",
    "parameters": {
        "type": "object",
        "properties": {
            "room": {"type": "string", "enum": ["living room", "kitchen"], "description": "Where the lamp is."},
            "on": {"type": "boolean", "description": "True switches it on, false off."},
        },
        "required": ["room", "on"],
    },
}
RATE = 16000
OUTPUT_RATE = 24000
WAIT_S = 20.0
CHUNK_S = 0.04


def switch(name: str, arguments: str) -> str:
    """The client's function: what it answers to a call."""
    assert name == FUNCTION["name"], name
    asked = json.loads(arguments)
    return f"The lamp in the {asked['room']} is {'on' if asked['on'] else 'off'} now."


class Notes:
    """Everything a client received, in order, printed as JSON lines; safe to use from several threads.

    A kind is a message's type, with the role behind it for texts (``ConversationText:user``); audio is ``audio``.
    """

    def __init__(self) -> None:
        self._kinds: list[str] = []
        self._at = 0
        self._silent_from = time.monotonic()
        self._more = threading.Condition()

    def take(self, message: dict[str, Any] | bytes) -> None:
        """Note a message, or a piece of the agent's audio."""
        note: dict[str, Any] = {"type": "audio", "bytes": len(message)} if isinstance(message, bytes) else message
        with self._more:
            if isinstance(message, bytes):
                self._silent_from = max(self._silent_from, time.monotonic()) + len(message) / (2 * OUTPUT_RATE)
            self._kinds.append(f"{note['type']}:{note['role']}" if "role" in note else note["type"])
            print(json.dumps(note), flush=True)
            self._more.notify_all()

    def expect(self, *kinds: str) -> None:
        """Wait until these kinds came in this order, counted from where the last ``expect`` ended.

        Raises:
            TimeoutError: they did not.
        """
        deadline = time.monotonic() + WAIT_S
        with self._more:
            for kind in kinds:
                while kind not in self._kinds[self._at :]:
                    if not self._more.wait(max(0.0, deadline - time.monotonic())):
                        raise TimeoutError(f"no {kind}; since {self._at}: {self._kinds[self._at :]}")
                self._at = self._kinds.index(kind, self._at) + 1

    def play_out(self) -> None:
        """Wait as long as a loudspeaker would still play what has come."""
        time.sleep(max(0.0, self._silent_from - time.monotonic()))  # real time passes; nothing tells of it


SPOKEN = ("ConversationText:assistant", "AgentAudioDone")
REPLY_TO_TEXT = ("ConversationText:user", "FunctionCallRequest", *SPOKEN)
REPLY_TO_SPEECH = ("UserStartedSpeaking", "FunctionCallRequest", *SPOKEN)
"""A server may call functions before it is sure of the user's words; these come in between."""
PROMPTED = ("PromptUpdated",)


def document() -> dict[str, Any]:
    """The same for clients in other languages."""
    return {
        "greeting": GREETING, "typed": TYPED, "goodbye": GOODBYE, "prompt": PROMPT, "more_prompt": MORE_PROMPT,
        "function": FUNCTION, "rate": RATE, "output_rate": OUTPUT_RATE,
    }  # fmt: skip


def microphone(recording: str, stop: threading.Event) -> Iterator[bytes]:
    """A microphone that hears the recording (16 kHz, linear16, mono), then silence until ``stop``; paces itself."""
    with wave.open(recording) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        speech = file.readframes(file.getnframes())
    step = 2 * int(RATE * CHUNK_S)
    begin, at = time.monotonic(), 0
    while not stop.is_set():
        piece = speech[at : at + step]
        yield piece + bytes(step - len(piece))
        at += step
        time.sleep(max(0.0, begin + at / (2 * RATE) - time.monotonic()))  # the pace of a microphone


def arguments() -> tuple[str, str, str]:
    """The command line: the server's base (``ws://host:port``), its key, a recording."""
    base, key, recording = sys.argv[1:4]
    return base, key, recording
