"""The bare round trip: answers every FunctionCallRequest at once, on the daemon's transport (picows on uvloop)."""

import sys

import orjson
import picows
import uvloop

SETTINGS = {"type": "Settings", "audio": {}, "agent": {}}


class Peer(picows.WSListener):
    """Greets with Settings, answers calls."""

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        """Begin."""
        transport.send(picows.WSMsgType.TEXT, orjson.dumps(SETTINGS))

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """Answer what is a call."""
        if frame.msg_type is picows.WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        if frame.msg_type is not picows.WSMsgType.TEXT:
            return
        message = orjson.loads(frame.get_payload_as_bytes())
        if message["type"] == "FunctionCallRequest":
            for call in message["functions"]:
                answer = {"type": "FunctionCallResponse", "id": call["id"], "name": call["name"], "content": "ok"}
                transport.send(picows.WSMsgType.TEXT, orjson.dumps(answer))


async def main(url: str) -> None:
    """Until the connection is gone."""
    transport, _ = await picows.ws_connect(Peer, url)
    await transport.wait_disconnected()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
