"""What waits for an upstream that reads more slowly than we write."""

from collections import deque
from typing import NamedTuple


class Waiting(NamedTuple):
    """One message that waits to be sent."""

    data: bytes
    text: bool


class Outbox:
    """Messages in the order they were given; audio has a bound, beyond which its oldest messages are dropped.

    Text is never dropped: a lost function answer would hang the conversation. Its bound is the caller's to act on
    (``text_bytes``). Audio is dropped by whole messages, so what is left stays sample-aligned if each message was.

    Attributes:
        audio_bytes: audio that waits.
        text_bytes: text that waits.
    """

    def __init__(self, *, audio_limit_bytes: int) -> None:
        self.audio_bytes = 0
        self.text_bytes = 0
        self._audio_limit_bytes = audio_limit_bytes
        self._audio: deque[tuple[int, bytes]] = deque()
        self._text: deque[tuple[int, bytes]] = deque()
        self._n = 0

    def __len__(self) -> int:
        return len(self._audio) + len(self._text)

    def put_text(self, data: bytes) -> None:
        """Append a text message."""
        self._n += 1
        self._text.append((self._n, data))
        self.text_bytes += len(data)

    def put_audio(self, data: bytes) -> int:
        """Append an audio message.

        Returns:
            How many bytes of audio were dropped for it, oldest first; all of ``data`` when it exceeds the bound alone.
        """
        self._n += 1
        self._audio.append((self._n, data))
        self.audio_bytes += len(data)
        dropped = 0
        while self.audio_bytes > self._audio_limit_bytes:
            _, oldest = self._audio.popleft()
            self.audio_bytes -= len(oldest)
            dropped += len(oldest)
        return dropped

    def take(self) -> Waiting | None:
        """The next message, or None when nothing waits."""
        if self._text and (not self._audio or self._text[0][0] < self._audio[0][0]):
            _, data = self._text.popleft()
            self.text_bytes -= len(data)
            return Waiting(data, text=True)
        if self._audio:
            _, data = self._audio.popleft()
            self.audio_bytes -= len(data)
            return Waiting(data, text=False)
        return None

    def clear(self) -> None:
        """Forget everything."""
        self._audio.clear()
        self._text.clear()
        self.audio_bytes = self.text_bytes = 0
