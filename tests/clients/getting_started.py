"""What Deepgram's getting-started guide has its readers run, in our words: the same calls of deepgram-sdk 4.8.1, in the same
order, with the same Settings. It knows nothing of local servers; the environment alone decides where it gets.

It streams a recording to the agent, keeps the log of the conversation in ``chatlog.txt`` and each reply in
``output-<n>.wav``, and is content with the first reply.
"""
# mypy: disable-error-code="attr-defined,import-not-found,import-untyped"
# It runs where that version is installed; the types at hand are another version's.

import json
import os
import struct
import threading
import time
from pathlib import Path
from typing import Any

import requests
from deepgram import AgentKeepAlive, AgentWebSocketEvents, DeepgramClient, DeepgramClientOptions
from deepgram.clients.agent.v1.websocket.options import SettingsOptions

RECORDING = "https://dpgr.am/spacewalk.wav"
RATE = 24000
HEADER_BYTES = 44
CHUNK_BYTES = 8192
CHUNK_S = 0.1
PATIENCE_S = 30.0
LOGGED = [
    "Welcome", "SettingsApplied", "UserStartedSpeaking", "AgentThinking", "AgentStartedSpeaking", "Close", "Error", "Unhandled",
]  # fmt: skip


def wanted() -> Any:
    """The guide's Settings."""
    options = SettingsOptions()
    options.audio.input.encoding = "linear16"
    options.audio.input.sample_rate = RATE
    options.audio.output.encoding = "linear16"
    options.audio.output.sample_rate = RATE
    options.audio.output.container = "wav"
    options.agent.language = "en"
    options.agent.listen.provider.type = "deepgram"
    options.agent.listen.provider.model = "nova-3"
    options.agent.think.provider.type = "open_ai"
    options.agent.think.provider.model = "gpt-4o-mini"
    options.agent.think.prompt = "You are a friendly AI assistant."
    options.agent.speak.provider.type = "deepgram"
    options.agent.speak.provider.model = "aura-2-thalia-en"
    options.agent.greeting = "Hello! How can I help you today?"
    return options


def header() -> bytes:
    """Of a WAV file whose length is not said, as the guide writes it: the sizes stay 0."""
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", 0, b"WAVE") + layout + struct.pack("<4sI", b"data", 0)


class Listener:
    """The guide's event handlers: audio is gathered, a finished reply becomes a file, the rest goes into the log."""

    def __init__(self) -> None:
        self.reply = bytearray()
        self.replies = 0
        self.done = False

    def subscribe(self, connection: Any) -> None:
        connection.on(AgentWebSocketEvents.AudioData, self._audio)
        connection.on(AgentWebSocketEvents.AgentAudioDone, self._finished)
        connection.on(AgentWebSocketEvents.ConversationText, self._text)
        for name in LOGGED:
            connection.on(AgentWebSocketEvents[name], self._note)

    def _audio(self, _: Any, data: bytes, **__: Any) -> None:
        self.reply += data

    def _finished(self, _: Any, **__: Any) -> None:
        if self.reply:
            Path(f"output-{self.replies}.wav").write_bytes(header() + self.reply)
        self.reply = bytearray()
        self.replies += 1
        self.done = True

    def _text(self, _: Any, conversation_text: Any, **__: Any) -> None:
        self._log(json.dumps(vars(conversation_text)))

    def _note(self, _: Any, *positional: Any, **named: Any) -> None:
        (message,) = (*positional, *named.values())
        if message.type == AgentWebSocketEvents.AgentStartedSpeaking:
            self.reply = bytearray()
        self._log(f"{message.type}: {message}")

    def _log(self, line: str) -> None:
        with Path("chatlog.txt").open("a", encoding="utf-8") as log:
            log.write(line + "\n")


def keep_alive(connection: Any) -> None:
    """The guide's own, beside the SDK's."""
    while True:
        time.sleep(5)  # the interval the guide gives
        connection.send(str(AgentKeepAlive()))


def main() -> None:
    client = DeepgramClient(os.environ["DEEPGRAM_API_KEY"], DeepgramClientOptions(options={"keepalive": "true"}))
    connection = client.agent.websocket.v("1")
    options = wanted()
    threading.Thread(target=keep_alive, args=(connection,), daemon=True).start()
    listener = Listener()
    listener.subscribe(connection)
    if not connection.start(options):
        raise SystemExit("could not connect")

    response = requests.get(RECORDING, stream=True, timeout=PATIENCE_S)
    if response.raw.read(HEADER_BYTES)[:4] != b"RIFF":
        raise SystemExit("no recording")
    for chunk in response.iter_content(chunk_size=CHUNK_BYTES):
        connection.send(chunk)
        time.sleep(CHUNK_S)  # the pace of the recording, as in the guide

    until = time.monotonic() + PATIENCE_S
    while not listener.done and time.monotonic() < until:
        time.sleep(1)  # the guide looks once a second, for a bounded time
    print("complete" if listener.done else "timed out", flush=True)
    connection.finish()


if __name__ == "__main__":
    main()
