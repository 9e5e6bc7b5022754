"""Conversations of a script over a real WebSocket: what is expected of the client, met and not met."""

from typing import Any

import pytest

from tests.support.agent_client import AgentClient, agent_client, settings
from tests.support.engine import silence, speech
from tests.support.scripted import KEY, ScriptedEngine, scripted_engine

Step = dict[str, Any]


def verdicts(engine: ScriptedEngine) -> list[str]:
    (scenario,) = engine.report.scenarios.values()
    return [result.status for played in scenario.played for result in played.results]


async def failed(client: AgentClient) -> str:
    """The description of the Error that says so."""
    error = await client.until("Error")
    assert error["code"] == "SCRIPT_EXPECTATION_FAILED"
    assert await client.closed() == 1011
    return str(error["description"])


async def answer(client: AgentClient, content: str) -> None:
    for call in (await client.until("FunctionCallRequest"))["functions"]:
        await client.send({"type": "FunctionCallResponse", "id": call["id"], "name": call["name"], "content": content})


async def test_a_whole_conversation_is_played_in_order() -> None:
    script = """
name: lamp
conversation:
  - expect: Settings
    fields: {agent: {think: {functions: {$contains: [{name: set_light}]}}}}
    within_s: 2
  - expect: speech
    hears: turn on the lamp
  - call: set_light
    id: fc_1
    arguments: {room: kitchen}
  - expect: FunctionCallResponse
    fields: {id: fc_1, content: {$json: {on: true}}}
  - say: "Done: {result}"
    audio_s: 0.2
  - expect: UpdatePrompt
  - say: "{prompt}"
  - expect: InjectAgentMessage
  - expect: close
    code: 1000
"""
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        functions = [{"name": "other"}, {"name": "set_light"}]
        think = {"provider": {"type": "open_ai", "model": "m"}, "prompt": "A", "functions": functions}
        await client.send(settings(greeting="Hello", think=think))
        await client.send({"type": "KeepAlive"})
        await client.until("AgentAudioDone")
        await client.send_audio(silence(0.1) + speech(0.5) + silence(0.4))
        await answer(client, '{"on": true}')
        await client.until(lambda item: isinstance(item, dict) and item.get("content") == 'Done: {"on": true}')
        await client.send({"type": "UpdatePrompt", "prompt": "B"})
        await client.until("PromptUpdated")
        await client.send({"type": "InjectAgentMessage", "message": "News"})
        await client.until(lambda item: item == {"type": "History", "role": "assistant", "content": "News"})
        assert client.texts("assistant") == ["Hello", 'Done: {"on": true}', "A\n\nB", "News"]
        assert client.texts("user") == ["turn on the lamp"]
        assert client.of_type("FunctionCallResponse")[0]["id"] == "fc_1"
    assert verdicts(engine) == ["passed"] * 6
    assert not engine.report.failed


@pytest.mark.parametrize(
    ("steps", "sent", "told"),
    [
        (
            [{"expect": "InjectUserMessage", "fields": {"content": "on"}}],
            {"type": "InjectUserMessage", "content": "off"},
            'got InjectUserMessage {"type": "InjectUserMessage", "content": "off"}; /content is "off", expected "on".',
        ),
        ([{"expect": "UpdatePrompt"}], {"type": "ForceEndTurn"}, 'got ForceEndTurn {"type": "ForceEndTurn"}'),
        ([{"expect": "UpdatePrompt", "within_s": 0.05}], None, "UpdatePrompt did not come within 0.05 s"),
        ([{"expect": "ForceEndTurn", "count": 2, "within_s": 0.05}], {"type": "ForceEndTurn"}, "ForceEndTurn did not come"),
        ([{"expect": "nothing", "for_s": 2}], {"type": "ForceEndTurn"}, "expected nothing for 2 s: got ForceEndTurn"),
        ([{"expect": "nothing", "for_s": 2, "of": ["KeepAlive"]}], {"type": "KeepAlive"}, "got KeepAlive"),
        ([{"expect": "audio", "within_s": 0.05}], {"type": "KeepAlive"}, "0.00 s of audio came within 0.05 s"),
        ([{"expect": "close", "within_s": 0.05}], {"type": "KeepAlive"}, "the client did not close within 0.05 s"),
        ([{"expect": "close"}], {"type": "ForceEndTurn"}, "expected close within 5 s: got ForceEndTurn"),
        (
            [{"expect_all": [{"expect": "UpdatePrompt"}, {"expect": "ForceEndTurn"}], "within_s": 0.05}],
            {"type": "ForceEndTurn"},
            "expected UpdatePrompt and ForceEndTurn within 0.05 s: UpdatePrompt did not come",
        ),
    ],
)
async def test_what_is_not_as_expected_is_told_to_the_client(steps: list[Step], sent: Step | None, told: str) -> None:
    script = {"conversation": [*steps, {"expect": "KeepAlive"}]}
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        if sent is not None:
            await client.send(sent)
        assert told in await failed(client)
    assert verdicts(engine) == ["failed", "not_reached"]
    assert engine.report.failed


async def test_a_secret_of_the_client_is_not_told() -> None:
    endpoint = {"url": "https://example.com/v1?key=hidden", "headers": {"authorization": "Bearer hidden"}}
    think = {"provider": {"type": "open_ai", "model": "m"}, "endpoint": endpoint}
    script = {"conversation": [{"expect": "Settings", "fields": {"agent": {"think": {"prompt": "x"}}}}]}
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings(think=think))
        told = await failed(client)
        assert "/agent/think/prompt is missing" in told
        assert "hidden" not in told
        assert "hidden" not in str(engine.report.as_json())


async def test_settings_that_do_not_come_in_time_are_told_too() -> None:
    script = {"conversation": [{"expect": "Settings", "within_s": 0.05}]}
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        assert "Settings did not come within 0.05 s" in await failed(client)
        assert verdicts(engine) == ["failed"]


async def test_calls_are_answered_in_any_order() -> None:
    script = {
        "conversation": [
            {"calls": [{"name": "a", "id": "1"}, {"name": "b", "id": "2", "arguments": "{half"}]},
            {"expect_all": [{"expect": "FunctionCallResponse", "fields": {"id": one}} for one in ("1", "2")]},
            {"say": "both"},
        ]
    }
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        request = await client.until("FunctionCallRequest")
        assert [call["arguments"] for call in request["functions"]] == ["{}", "{half"]
        for number in ("2", "1"):
            await client.send({"type": "FunctionCallResponse", "id": number, "name": "x", "content": "ok"})
        await client.until("AgentAudioDone")
        assert verdicts(engine) == ["passed"]


async def test_the_answer_can_be_left_to_the_steps() -> None:
    script = {
        "conversation": [
            {"expect": "Settings", "answer": False},
            {"warning": "SLOW_START", "description": "wait"},
            {"wait_s": 0.05},
            {"raw": {"type": "SettingsApplied"}},
            {"expect": "InjectUserMessage", "answer": False},
            {"say": "{text}!"},
        ]
    }
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings(greeting="not spoken"))
        await client.send({"type": "InjectUserMessage", "content": "hi"})
        await client.until("History")
        assert client.kinds() == ["Welcome", "Warning", "SettingsApplied", "ConversationText", "AgentAudioDone", "History"]
        assert client.texts("assistant") == ["!"]


async def test_the_rules_take_over_after_the_last_step() -> None:
    script = {
        "conversation": [{"expect": "InjectUserMessage"}, {"wait_s": 0.1}],
        "on": [{"match": "two", "steps": [{"say": "rule"}]}],
    }
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        for content in ("one", "two", "three"):
            await client.send({"type": "InjectUserMessage", "content": content})
        await client.until(lambda item: item == {"type": "History", "role": "assistant", "content": "I heard: three"})
        assert client.texts("user") == ["one", "two", "three"]
        assert client.texts("assistant") == ["rule", "I heard: three"]


async def test_the_users_speech_cuts_what_is_said_and_the_conversation_goes_on() -> None:
    script = {
        "conversation": [
            {"say": "A long story", "audio_s": 60, "realtime": True},
            {"expect": "speech", "hears": "stop"},
            {"say": "Stopped."},
        ]
    }
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        await client.until("AgentStartedSpeaking")
        await client.send_audio(speech(0.3) + silence(0.4))
        await client.until(lambda item: item == {"type": "History", "role": "assistant", "content": "Stopped."})
        kinds = client.kinds(without=("~", "LatencyReport"))
        assert kinds.index("UserStartedSpeaking") < kinds.index("AgentAudioDone")
        assert [item["content"] for item in client.of_type("History")] == ["stop", "Stopped."]
        assert verdicts(engine) == ["passed"]


async def test_audio_is_counted_and_silence_is_a_way_to_listen() -> None:
    script = {
        "conversation": [
            {"expect": "audio", "min_s": 0.5},
            {"expect": "nothing", "for_s": 0.05, "of": ["audio", "UpdatePrompt"]},
            {"say": "enough"},
            {"expect": "audio", "min_s": 0.2},
            {"say": "again"},
        ]
    }
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        await client.until("SettingsApplied")
        await client.send_audio(silence(0.3))
        await client.send_audio(silence(0.3))
        await client.until(lambda item: isinstance(item, dict) and item.get("content") == "enough")
        await client.send_audio(silence(0.2))
        await client.until(lambda item: isinstance(item, dict) and item.get("content") == "again")
        assert verdicts(engine) == ["passed"] * 3


async def test_a_client_that_leaves_or_breaks_the_protocol_has_not_met_the_rest() -> None:
    script = {"conversation": [{"expect": "Settings"}, {"expect": "InjectUserMessage"}]}
    for bad in (None, {"type": "Nonsense"}):
        async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
            await client.send(settings())
            await client.until("SettingsApplied")
            if bad is not None:
                await client.send(bad)
                assert (await client.until("Error"))["code"] == "UNPARSABLE_CLIENT_MESSAGE"
        assert verdicts(engine) == ["passed", "not_reached"]
        assert "not reached" in "\n".join(engine.report.lines())


async def test_the_wrong_close_code_is_told() -> None:
    script = {"conversation": [{"expect": "Settings"}, {"expect": "close", "code": 4000}]}
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        await client.until("SettingsApplied")
    assert verdicts(engine) == ["passed", "failed"]
    assert "the client closed with 1000" in "\n".join(engine.report.lines())


async def test_whoever_applies_the_settings_updates_are_acknowledged() -> None:
    script = {
        "conversation": [
            {"expect": "Settings", "answer": False},
            {"raw": {"type": "SettingsApplied"}},
            {"expect": "UpdateThink"},
            {"expect": "UpdateListen"},
            {"raw": {"type": 5}},
            {"say": "{prompt}"},
        ]
    }
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        think = {"provider": {"type": "open_ai", "model": "m"}, "prompt": "new"}
        await client.send({"type": "UpdateThink", "think": think})
        await client.send({"type": "UpdateListen", "listen": {"provider": {"type": "deepgram", "model": "nova-3"}}})
        await client.until("ListenUpdated")
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["new"]


async def test_audio_that_is_not_ignored_is_not_nothing() -> None:
    script = {"ignore": [], "conversation": [{"expect": "Settings"}, {"expect": "nothing", "for_s": 5}]}
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        await client.until("SettingsApplied")
        await client.send_audio(silence(0.1))
        assert "expected nothing for 5 s: got audio" in await failed(client)


async def test_speech_that_nothing_expects_is_the_rules_in_the_end() -> None:
    script = {"conversation": [{"expect": "InjectUserMessage"}], "on": [{"hears": "lamp", "steps": [{"say": "rule"}]}]}
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        await client.send_audio(speech(0.3))
        await client.send({"type": "ForceEndTurn"})
        assert "got ForceEndTurn" in await failed(client)
    script["conversation"] = [{"wait_s": 0.1}]
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        await client.send_audio(speech(0.3) + silence(0.4))
        await client.until("AgentAudioDone")
        assert client.texts("user") == ["lamp"]


async def test_a_client_that_sends_and_sends_is_cut_off() -> None:
    async with scripted_engine({"conversation": [{"wait_s": 30}]}) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        for _ in range(1001):
            await client.send({"type": "KeepAlive"})
        assert "More than 1000 messages" in await failed(client)
