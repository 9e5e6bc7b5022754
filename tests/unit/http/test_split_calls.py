"""Function calls of a client's conversation: the daemon runs the profile's, the client its own, none is lost or doubled."""

import asyncio
from typing import Any

import orjson
import pytest

from tests.support.agent_client import AUDIO
from tests.support.sessions import drop_all
from tests.unit.http.compatible_clients import NOTES, OURS, answer, asked_of, converse, says, session_id, write
from tests.unit.http.conftest import Api, ApiOf, eventually

LIGHT = {"name": "set_light", "arguments": {"room": "hall"}, "id": "ours"}
WEATHER_CALL = {"name": "get_weather", "arguments": {"city": "Oslo"}, "id": "theirs"}


def script(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Every turn of the user is answered with these steps."""
    return {"default": list(steps), "greeting_audio_s": 0.0} | more


def answers_upstream(api: Api, connection: int = 0) -> list[tuple[str, str]]:
    """Ids and contents of what the upstream was answered."""
    return [
        (message["id"], message["content"]) for message in api.world.peer.connections[connection].of_type("FunctionCallResponse")
    ]


async def test_a_call_of_ours_looks_like_a_servers_own(api_of: ApiOf) -> None:
    api = await api_of(handlers=OURS, script=script({"calls": [LIGHT]}, {"say": "{result}", "audio_s": 0.1}))
    async with converse(api) as client:
        await write(client, "light")
        await says(client, "The lamp in the hall is on, run 1.")
        await client.until("AgentAudioDone")
        kinds = client.kinds(without=NOTES)
        request, response = client.of_type("FunctionCallRequest")[0], client.of_type("FunctionCallResponse")[0]
        (history,) = [item["function_calls"] for item in client.of_type("History") if "function_calls" in item]
    assert kinds == [
        "Welcome", "SettingsApplied", "ConversationText", "FunctionCallRequest", "FunctionCallResponse", "ConversationText",
        AUDIO, "AgentAudioDone",
    ]  # fmt: skip
    (call,) = request["functions"]
    assert (call["id"], call["name"], call["client_side"]) == ("ours", "set_light", False)
    assert orjson.loads(call["arguments"]) == {"room": "hall"}
    assert response == {
        "type": "FunctionCallResponse", "id": "ours", "name": "set_light", "content": "The lamp in the hall is on, run 1.",
    }  # fmt: skip
    assert [(call["id"], call["client_side"], call["response"]) for call in history] == [
        ("ours", False, "The lamp in the hall is on, run 1.")
    ]
    assert answers_upstream(api) == [("ours", "The lamp in the hall is on, run 1.")]


async def test_a_request_for_both_is_split_and_each_answers_its_own(api_of: ApiOf) -> None:
    api = await api_of(handlers=OURS, script=script({"calls": [LIGHT, WEATHER_CALL]}, {"say": "Both.", "audio_s": 0.1}))
    async with converse(api) as client:
        await write(client, "light and weather")
        await client.until("FunctionCallResponse")
        assert asked_of(client) == [[("get_weather", True)], [("set_light", False)]]
        (theirs,) = client.of_type("FunctionCallRequest")[0]["functions"]
        await answer(client, theirs, "Rain.")
        await says(client, "Both.")
        assert sorted(answers_upstream(api)) == [("ours", "The lamp in the hall is on, run 1."), ("theirs", "Rain.")]
        assert sorted(response["id"] for response in client.of_type("FunctionCallResponse")) == ["ours", "theirs"]
        calls = (await api.call("GET", f"/v1/sessions/{session_id(api)}/calls")).json["items"]
    assert [(call["name"], call["outcome"], call["result"]) for call in calls] == [
        ("set_light", "ok", "The lamp in the hall is on, run 1."),
        ("get_weather", "ok", "Rain."),
    ]


async def test_an_upstream_that_does_not_echo_makes_no_difference_for_our_calls(api_of: ApiOf) -> None:
    quiet = script({"calls": [LIGHT]}, {"say": "Done.", "audio_s": 0.1}, mute=["FunctionCallResponse"])
    api = await api_of(handlers=OURS, script=quiet)
    async with converse(api) as client:
        await write(client, "light")
        await says(client, "Done.")
        assert [response["id"] for response in client.of_type("FunctionCallResponse")] == ["ours"]


async def test_a_client_that_answers_everything_does_not_answer_for_us(api_of: ApiOf) -> None:
    api = await api_of(handlers=OURS, script=script({"calls": [LIGHT]}, {"say": "{result}", "audio_s": 0.1}))
    async with converse(api) as client:
        await write(client, "light")
        request = await client.until("FunctionCallRequest")
        await answer(client, request["functions"][0], "I know no such function.")
        await says(client, "The lamp in the hall is on, run 1.")
        assert answers_upstream(api) == [("ours", "The lamp in the hall is on, run 1.")]
        assert client.of_type("Warning") == []


async def test_a_request_that_comes_twice_is_made_once(api_of: ApiOf) -> None:
    twice = script({"calls": [LIGHT, WEATHER_CALL]}, {"say": "Both.", "audio_s": 0.1}, duplicate=["FunctionCallRequest"])
    api = await api_of(handlers=OURS, script=twice)
    async with converse(api) as client:
        await write(client, "light and weather")
        await client.until("FunctionCallResponse")
        await answer(client, {"id": "theirs", "name": "get_weather"}, "Rain.")
        await says(client, "Both.")
        assert asked_of(client) == [[("get_weather", True)], [("set_light", False)]]
        assert sorted(answers_upstream(api)) == [("ours", "The lamp in the hall is on, run 1."), ("theirs", "Rain.")]


async def test_a_silent_client_is_answered_for_and_told_and_its_late_answer_is_dropped(api_of: ApiOf) -> None:
    api = await api_of(
        handlers=OURS, script=script({"calls": [WEATHER_CALL]}, {"say": "{result}", "audio_s": 0.1}), client_function_s=0.2
    )
    async with converse(api) as client:
        await write(client, "weather")
        warning = await client.until("Warning")
        assert warning["code"] == "FUNCTION_CALL_TIMEOUT"
        await client.until("AgentAudioDone")
        await answer(client, {"id": "theirs", "name": "get_weather"}, "Rain.")
        await write(client, "again")
        await client.until("FunctionCallRequest", after=client.items.index(warning))
        await answer(client, {"id": "theirs", "name": "get_weather"}, "Sun.")
        await says(client, "Sun.")
    given = answers_upstream(api)
    assert [content for _, content in given] == [
        "The function get_weather did not answer in time; whether it had an effect is unknown.",
        "Sun.",
    ]


@pytest.mark.parametrize("named", [True, False])
async def test_an_answer_to_no_call_is_dropped_with_a_warning(api: Api, named: bool) -> None:
    async with converse(api) as client:
        response = {"type": "FunctionCallResponse", "name": "get_weather", "content": "?"} | ({"id": "nobody"} if named else {})
        await client.send(response)
        assert (await client.until("Warning"))["code"] == "UNMATCHED_FUNCTION_RESPONSE"
        assert answers_upstream(api) == []


async def test_an_answer_without_an_id_is_for_the_open_call_of_its_name(api_of: ApiOf) -> None:
    api = await api_of(handlers=OURS, script=script({"calls": [WEATHER_CALL]}, {"say": "{result}", "audio_s": 0.1}))
    async with converse(api) as client:
        await write(client, "weather")
        await client.until("FunctionCallRequest")
        await client.send({"type": "FunctionCallResponse", "name": "get_weather", "content": "Fog."})
        await says(client, "Fog.")


async def test_a_cancellation_is_split_too(api_of: ApiOf) -> None:
    slow = {"name": "slow", "id": "ours"}
    api = await api_of(
        handlers=OURS,
        script=script({"calls": [slow, WEATHER_CALL], "wait": False}, {"wait_s": 0.05}, {"cancel": True}, {"say": "Never mind."}),
    )
    async with converse(api) as client:
        await write(client, "both")
        await says(client, "Never mind.")
        (cancelled,) = client.of_type("FunctionCallCancelled")
        assert cancelled["functions"] == [{"id": "theirs", "name": "get_weather"}]
        await answer(client, {"id": "theirs", "name": "get_weather"}, "Too late.")
        session = api.world.manager.get(session_id(api))
        await eventually(lambda: all(call["outcome"] == "cancelled" for call in session.calls(words=True)))
        assert client.of_type("FunctionCallResponse") == []
    assert answers_upstream(api) == []


async def test_calls_that_are_withdrawn_in_the_same_breath_are_settled_all_the_same(api_of: ApiOf) -> None:
    steps: list[dict[str, Any]] = [{"calls": [LIGHT, WEATHER_CALL], "wait": False}, {"cancel": True}, {"say": "Never mind."}]
    api = await api_of(handlers=OURS, script=script(*steps))
    async with converse(api) as client:
        await write(client, "both")
        await says(client, "Never mind.")
        session = api.world.manager.get(session_id(api))
        await eventually(lambda: all(call["outcome"] == "cancelled" for call in session.calls(words=True)))
        assert len(session.calls(words=True)) == 2
        await answer(client, {"id": "theirs", "name": "get_weather"}, "Too late.")
    assert answers_upstream(api) == []


async def test_an_id_that_is_used_again_after_a_cancellation_is_a_new_call(api_of: ApiOf) -> None:
    """Some models count their calls anew in every round."""
    first = {"calls": [WEATHER_CALL], "wait": False}
    again = {"calls": [WEATHER_CALL | {"arguments": {"city": "Rome"}}]}
    api = await api_of(handlers=OURS, script=script(first, {"cancel": True}, again, {"say": "{result}", "audio_s": 0.1}))
    async with converse(api) as client:
        await write(client, "weather")
        await client.until("FunctionCallCancelled")
        await client.until("FunctionCallRequest", after=client.items.index(client.of_type("FunctionCallCancelled")[0]))
        await answer(client, {"id": "theirs", "name": "get_weather"}, "Sun.")
        await says(client, "Sun.")
    assert answers_upstream(api) == [("theirs", "Sun.")]


async def test_a_cancellation_of_ours_alone_is_not_seen(api_of: ApiOf) -> None:
    api = await api_of(
        handlers=OURS,
        script=script({"calls": [{"name": "slow"}], "wait": False}, {"wait_s": 0.05}, {"cancel": True}, {"say": "Never mind."}),
    )
    async with converse(api) as client:
        await write(client, "slow")
        await says(client, "Never mind.")
        assert client.of_type("FunctionCallCancelled") == []


async def test_a_call_whose_connection_broke_is_cancelled_at_the_client_and_not_made_again(api_of: ApiOf) -> None:
    lost = {"event": "user", "match": "weather", "times": 1, "steps": [{"calls": [WEATHER_CALL]}]}
    again = {"event": "user", "match": "weather", "steps": [{"calls": [WEATHER_CALL]}, {"say": "{result}", "audio_s": 0.1}]}
    api = await api_of(handlers=OURS, script={"on": [lost, again], "greeting_audio_s": 0.0})
    async with converse(api) as client:
        await write(client, "weather")
        await client.until("FunctionCallRequest")
        drop_all(api.world.peer)
        cancelled = await client.until("FunctionCallCancelled")
        assert cancelled["functions"] == [{"id": "theirs", "name": "get_weather"}]
        await answer(client, {"id": "theirs", "name": "get_weather"}, "Stale.")
        await says(client, "interrupted; outcome unknown")
        assert asked_of(client) == [[("get_weather", True)]], "what may have been done is not done again"
    assert answers_upstream(api, 1) == [("theirs", "interrupted; outcome unknown")]


async def test_an_answer_that_came_while_the_line_was_down_is_used_once_it_is_up(api_of: ApiOf) -> None:
    lost = {"event": "user", "match": "weather", "times": 1, "steps": [{"calls": [WEATHER_CALL], "wait": False}, {"drop": True}]}
    again = {"event": "user", "match": "weather", "steps": [{"calls": [WEATHER_CALL]}, {"say": "{result}", "audio_s": 0.1}]}
    api = await api_of(handlers=OURS, script={"on": [lost, again], "greeting_audio_s": 0.0})
    async with converse(api) as client:
        await write(client, "weather")
        await client.until("FunctionCallRequest")
        await answer(client, {"id": "theirs", "name": "get_weather"}, "Snow.")
        await says(client, "Snow.")
        assert asked_of(client) == [[("get_weather", True)]]
        assert client.of_type("FunctionCallCancelled") == []
    assert answers_upstream(api, 1) == [("theirs", "Snow.")]


async def test_two_clients_and_our_functions_at_once_do_not_mix(api_of: ApiOf) -> None:
    steps = [{"calls": [{"name": "set_light", "arguments": {"room": "{text}"}}, {"name": "get_weather"}]}]
    api = await api_of(handlers=OURS, script={"default": [*steps, {"say": "{text}: {result}", "audio_s": 0.1}]})

    async def one(room: str) -> list[str]:
        async with converse(api) as client:
            await write(client, room)
            request = await client.until("FunctionCallRequest")
            await client.until("FunctionCallResponse")
            await answer(client, request["functions"][0], f"Weather of {room}.")
            await client.until("AgentAudioDone")
            return [response["content"] for response in client.of_type("FunctionCallResponse")] + client.texts("assistant")

    for room, told in zip(("attic", "cellar"), await asyncio.gather(one("attic"), one("cellar")), strict=True):
        assert f"The lamp in the {room} is on" in told[0]
        assert told[1:] == [f"Weather of {room}.", f"{room}: Weather of {room}."]
