"""A conversation through deepgram-sdk 4.8.1, which knows Deepgram's own address alone: the one line below moves it."""
# mypy: disable-error-code="attr-defined,import-not-found,import-untyped"
# It runs where that version is installed; the types at hand are another version's.

import json
import threading
from typing import Any

from deepgram import AgentKeepAlive, AgentWebSocketEvents, DeepgramClient, DeepgramClientOptions
from deepgram.clients.agent.v1.websocket.options import (
    Function,
    FunctionCallResponse,
    InjectAgentMessageOptions,
    InjectUserMessageOptions,
    SettingsOptions,
    UpdatePromptOptions,
)

from tests.clients import plan

UNKNOWN = "Unhandled"
"""What this version calls messages it does not know: History, LatencyReport and others."""


def settings() -> Any:
    options = SettingsOptions()
    options.audio.input.sample_rate = plan.RATE
    options.audio.output.sample_rate = plan.OUTPUT_RATE
    options.agent.listen.provider.type = "deepgram"
    options.agent.listen.provider.model = "nova-3"
    options.agent.think.provider.type = "open_ai"
    options.agent.think.provider.model = "gpt-4o-mini"
    options.agent.think.prompt = plan.PROMPT
    # This version's type wants a `url` and a `method` of every function; empty, the client runs it.
    options.agent.think.functions = [Function(url="", method="", **plan.FUNCTION)]
    options.agent.speak.provider.type = "deepgram"
    options.agent.speak.provider.model = "aura-2-thalia-en"
    options.agent.greeting = plan.GREETING
    return options


def main() -> None:
    base, key, recording = plan.arguments()
    notes, stop = plan.Notes(), threading.Event()
    client = DeepgramClient(key, DeepgramClientOptions(options={"keepalive": "true"}))
    connection = client.agent.websocket.v("1")
    connection._websocket_url = f"{base}/v1/agent/converse"

    def on_audio(_: Any, data: bytes, **__: Any) -> None:
        notes.take(data)

    def on_message(_: Any, *opened_or_closed: Any, **event: Any) -> None:
        (message,) = (*opened_or_closed, *event.values())
        notes.take(json.loads(message.raw) if message.type == UNKNOWN else message.to_dict())

    def on_call(_: Any, function_call_request: Any, **__: Any) -> None:
        notes.take(function_call_request.to_dict())
        for call in function_call_request.functions:
            if call.client_side:
                content = plan.switch(call.name, call.arguments)
                connection.send(str(FunctionCallResponse(id=call.id, name=call.name, content=content)))

    special: dict[Any, Any] = {AgentWebSocketEvents.AudioData: on_audio, AgentWebSocketEvents.FunctionCallRequest: on_call}
    for event in AgentWebSocketEvents.__members__.values():
        connection.on(event, special.get(event, on_message))
    assert connection.start(settings())
    notes.expect(*plan.SPOKEN)

    def speak() -> None:
        for piece in plan.microphone(recording, stop):
            connection.send(piece)

    speaker = threading.Thread(target=speak)
    speaker.start()
    notes.expect(*plan.REPLY_TO_SPEECH)
    stop.set()
    speaker.join()
    connection.send(str(AgentKeepAlive()))
    connection.send(str(UpdatePromptOptions(prompt=plan.MORE_PROMPT)))
    notes.expect(*plan.PROMPTED)
    connection.inject_user_message(InjectUserMessageOptions(content=plan.TYPED))
    notes.expect(*plan.REPLY_TO_TEXT)
    notes.play_out()  # its injections cannot queue
    connection.inject_agent_message(InjectAgentMessageOptions(message=plan.GOODBYE))
    notes.expect(*plan.SPOKEN)
    connection.finish()


if __name__ == "__main__":
    main()
