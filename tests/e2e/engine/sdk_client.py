"""A plain deepgram-sdk client, run as a program: one text turn with a function call, printed as JSON lines.

A program of its own because the daemon's transport replaces the SDK's sockets for the whole process.
"""

import asyncio
import json
import sys

from deepgram import AsyncDeepgramClient
from deepgram.environment import DeepgramClientEnvironment

SETTINGS = {
    "type": "Settings",
    "audio": {
        "input": {"encoding": "linear16", "sample_rate": 16000},
        "output": {"encoding": "linear16", "sample_rate": 24000, "container": "none"},
    },
    "agent": {
        "listen": {"provider": {"type": "deepgram", "model": "nova-3"}},
        "think": {
            "provider": {"type": "open_ai", "model": "gpt-4o-mini", "temperature": 1.0},
            "prompt": "Be brief.",
            "functions": [{"name": "set_light", "description": "Switch the lamp.", "parameters": {"type": "object"}}],
        },
        "speak": {"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}},
        "greeting": "Hello.",
    },
}


async def main(base: str, key: str) -> None:
    """Greeting, "lamp", the call's answer, the reply."""
    http = "http" + base.removeprefix("ws")
    environment = DeepgramClientEnvironment(base=http, production=base, agent=base, agent_rest=http)
    client = AsyncDeepgramClient(api_key=key, environment=environment)
    models = await client.agent.v1.settings.think.models.list()
    print(json.dumps({"type": "models", "count": len(models.models)}), flush=True)
    audio = done = 0
    async with client.agent.v1.connect() as connection:
        await connection.send_raw(SETTINGS)
        while done < 2:
            message = await connection.recv()
            if isinstance(message, bytes):
                audio += len(message)
                continue
            kind = message.type
            print(json.dumps({"type": kind, "class": type(message).__name__}), flush=True)
            if kind == "FunctionCallRequest":
                call = message.functions[0]
                answer = {"type": "FunctionCallResponse", "id": call.id, "name": call.name, "content": "the lamp is on"}
                await connection.send_raw(answer)
            elif kind == "AgentAudioDone":
                done += 1
                if done == 1:
                    await connection.send_raw({"type": "InjectUserMessage", "content": "lamp"})
    print(json.dumps({"type": "audio", "bytes": audio}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
