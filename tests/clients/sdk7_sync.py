"""A conversation through the current SDK's synchronous client, with its own socket."""

import threading
from typing import Any

from deepgram import DeepgramClient
from deepgram.agent.v1.types import (
    AgentV1InjectAgentMessage,
    AgentV1InjectUserMessage,
    AgentV1SendFunctionCallResponse,
    AgentV1UpdatePrompt,
)
from deepgram.core.events import EventType

from tests.clients import plan
from tests.clients.settings7 import environment, settings


def main() -> None:
    base, key, recording = plan.arguments()
    notes, stop = plan.Notes(), threading.Event()
    client = DeepgramClient(api_key=key, environment=environment(base))
    with client.agent.v1.connect() as connection:

        def on_message(message: Any) -> None:
            notes.take(message if isinstance(message, bytes | dict) else message.dict())
            if getattr(message, "type", "") == "FunctionCallRequest":
                for call in (call for call in message.functions if call.client_side):
                    content = plan.switch(call.name, call.arguments)
                    connection.send_function_call_response(
                        AgentV1SendFunctionCallResponse(id=call.id, name=call.name, content=content)
                    )

        connection.on(EventType.MESSAGE, on_message)
        connection.on(EventType.ERROR, lambda error: notes.take({"type": "(error)", "text": repr(error)}))
        listener = threading.Thread(target=connection.start_listening)
        listener.start()
        connection.send_settings(settings())
        notes.expect(*plan.SPOKEN)

        def speak() -> None:
            for piece in plan.microphone(recording, stop):
                connection.send_media(piece)

        speaker = threading.Thread(target=speak)
        speaker.start()
        notes.expect(*plan.REPLY_TO_SPEECH)
        stop.set()
        speaker.join()
        connection.send_keep_alive()
        connection.send_update_prompt(AgentV1UpdatePrompt(prompt=plan.MORE_PROMPT))
        notes.expect(*plan.PROMPTED)
        connection.send_inject_user_message(AgentV1InjectUserMessage(content=plan.TYPED))
        notes.expect(*plan.REPLY_TO_TEXT)
        connection.send_inject_agent_message(AgentV1InjectAgentMessage(message=plan.GOODBYE, behavior="queue"))
        notes.expect(*plan.SPOKEN)
    listener.join(plan.WAIT_S)
    models = client.agent.v1.settings.think.models.list().models
    notes.take({"type": "(models)", "known": sum(model is not None for model in models)})


if __name__ == "__main__":
    main()
