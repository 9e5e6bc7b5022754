"""A conversation through the asynchronous client of deepgram-sdk 4.8.1, led to the server by the same one line."""
# mypy: disable-error-code="attr-defined,import-not-found,import-untyped"
# It runs where that version is installed; the types at hand are another version's.

import asyncio
import json
import threading
from typing import Any

from deepgram import AgentKeepAlive, AgentWebSocketEvents, DeepgramClient, DeepgramClientOptions
from deepgram.clients.agent.v1.websocket.options import (
    FunctionCallResponse,
    InjectAgentMessageOptions,
    InjectUserMessageOptions,
    UpdatePromptOptions,
)

from tests.clients import plan
from tests.clients.sdk4 import UNKNOWN, settings


async def main() -> None:
    base, key, recording = plan.arguments()
    notes, stop = plan.Notes(), threading.Event()
    client = DeepgramClient(key, DeepgramClientOptions(options={"keepalive": "true"}))
    connection = client.agent.asyncwebsocket.v("1")
    connection._websocket_url = f"{base}/v1/agent/converse"

    async def on_audio(_: Any, data: bytes, **__: Any) -> None:
        notes.take(data)

    async def on_message(_: Any, *opened_or_closed: Any, **event: Any) -> None:
        (message,) = (*opened_or_closed, *event.values())
        notes.take(json.loads(message.raw) if message.type == UNKNOWN else message.to_dict())

    async def on_call(_: Any, function_call_request: Any, **__: Any) -> None:
        notes.take(function_call_request.to_dict())
        for call in function_call_request.functions:
            if call.client_side:
                content = plan.switch(call.name, call.arguments)
                await connection.send(str(FunctionCallResponse(id=call.id, name=call.name, content=content)))

    async def expect(*kinds: str) -> None:
        await asyncio.to_thread(notes.expect, *kinds)

    async def speak() -> None:
        pieces = plan.microphone(recording, stop)
        while piece := await asyncio.to_thread(next, pieces, b""):
            await connection.send(piece)

    special: dict[Any, Any] = {AgentWebSocketEvents.AudioData: on_audio, AgentWebSocketEvents.FunctionCallRequest: on_call}
    for event in AgentWebSocketEvents.__members__.values():
        connection.on(event, special.get(event, on_message))
    assert await connection.start(settings())
    await expect(*plan.SPOKEN)
    async with asyncio.TaskGroup() as group:
        group.create_task(speak())
        await expect(*plan.REPLY_TO_SPEECH)
        stop.set()
    await connection.send(str(AgentKeepAlive()))
    await connection.send(str(UpdatePromptOptions(prompt=plan.MORE_PROMPT)))
    await expect(*plan.PROMPTED)
    await connection.inject_user_message(InjectUserMessageOptions(content=plan.TYPED))
    await expect(*plan.REPLY_TO_TEXT)
    await asyncio.to_thread(notes.play_out)  # its injections cannot queue
    await connection.inject_agent_message(InjectAgentMessageOptions(message=plan.GOODBYE))
    await expect(*plan.SPOKEN)
    await connection.finish()


if __name__ == "__main__":
    asyncio.run(main())
