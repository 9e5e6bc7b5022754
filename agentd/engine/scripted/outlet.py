"""What goes out to one client of the scripted peer: some types left out, some twice, none held back by the protocol."""

from collections.abc import Iterable
from contextlib import suppress

import orjson

from agentd.engine.line import Line
from agentd.protocol import codec
from agentd.protocol.codec import LocalProtocolError, ProtocolError
from agentd.protocol.messages import Error, Message


class Outlet:
    """Sends to one client.

    Args:
        line: to the client.
        mute: types of messages that are left out.
        duplicate: types of messages that go out twice.
    """

    def __init__(self, line: Line, *, mute: Iterable[str] = (), duplicate: Iterable[str] = ()) -> None:
        self._line = line
        self._muted = set(mute)
        self._doubled = set(duplicate)

    def mute(self, name: str) -> None:
        """Leave out messages of this type from now on."""
        self._muted.add(name)

    def duplicate(self, name: str) -> None:
        """Send messages of this type twice from now on."""
        self._doubled.add(name)

    def send(self, message: Message) -> None:
        """Send a message of the peer's ordinary conduct, at any time: a script may have it say things out of order."""
        if message.type in self._muted:
            self._count(message)
            return
        try:
            self._line.send(message)
        except LocalProtocolError:
            self._line.send_unchecked(codec.encode(message).decode())
        if message.type in self._doubled:
            self._line.send_unchecked(codec.encode(message).decode())

    def send_raw(self, data: dict[str, object]) -> None:
        """Send an object as it is. What it means to the protocol counts, except that an Error does not end anything."""
        text = orjson.dumps(data).decode()
        try:
            message = codec.parse_server(text)
        except ProtocolError:
            message = None
        if message is not None and not isinstance(message, Error):
            self._count(message)
        self._line.send_unchecked(text)

    def _count(self, message: Message) -> None:
        with suppress(LocalProtocolError):  # it has no place here, and the script wants it all the same
            self._line.withhold(message)
