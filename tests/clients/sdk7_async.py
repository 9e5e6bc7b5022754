"""A conversation through the current SDK's asynchronous client, with its own socket."""

import asyncio
import threading
from typing import Any

from deepgram import AsyncDeepgramClient
from deepgram.agent.v1.types import (
    AgentV1InjectAgentMessage,
    AgentV1InjectUserMessage,
    AgentV1SendFunctionCallResponse,
    AgentV1UpdatePrompt,
)
from deepgram.core.events import EventType

from tests.clients import plan
from tests.clients.settings7 import environment, settings


async def main() -> None:
    base, key, recording = plan.arguments()
    notes, stop = plan.Notes(), threading.Event()
    client = AsyncDeepgramClient(api_key=key, environment=environment(base))
    async with client.agent.v1.connect() as connection:

        async def on_message(message: Any) -> None:
            notes.take(message if isinstance(message, bytes | dict) else message.dict())
            if getattr(message, "type", "") == "FunctionCallRequest":
                for call in (call for call in message.functions if call.client_side):
                    content = plan.switch(call.name, call.arguments)
                    await connection.send_function_call_response(
                        AgentV1SendFunctionCallResponse(id=call.id, name=call.name, content=content)
                    )

        async def expect(*kinds: str) -> None:
            await asyncio.to_thread(notes.expect, *kinds)

        async def speak() -> None:
            pieces = plan.microphone(recording, stop)
            while piece := await asyncio.to_thread(next, pieces, b""):
                await connection.send_media(piece)

        connection.on(EventType.MESSAGE, on_message)
        connection.on(EventType.ERROR, lambda error: notes.take({"type": "(error)", "text": repr(error)}))
        async with asyncio.TaskGroup() as group:
            listener = group.create_task(connection.start_listening())
            await connection.send_settings(settings())
            await expect(*plan.SPOKEN)
            group.create_task(speak())
            await expect(*plan.REPLY_TO_SPEECH)
            stop.set()
            await connection.send_keep_alive()
            await connection.send_update_prompt(AgentV1UpdatePrompt(prompt=plan.MORE_PROMPT))
            await expect(*plan.PROMPTED)
            await connection.send_inject_user_message(AgentV1InjectUserMessage(content=plan.TYPED))
            await expect(*plan.REPLY_TO_TEXT)
            await connection.send_inject_agent_message(AgentV1InjectAgentMessage(message=plan.GOODBYE, behavior="queue"))
            await expect(*plan.SPOKEN)
            listener.cancel()
    models = (await client.agent.v1.settings.think.models.list()).models
    notes.take({"type": "(models)", "known": sum(model is not None for model in models)})


if __name__ == "__main__":
    asyncio.run(main())
