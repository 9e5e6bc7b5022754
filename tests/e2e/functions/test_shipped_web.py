"""Weather and web lookup, with a local server in the place of the real one: documents of their real shape, and no answer."""

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.function_server import FunctionServer, function_server
from tests.support.handlers import Bench

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[3]

WHERE = {"latitude": 48.21, "longitude": 16.37, "place": "Vienna"}
HEAD = {
    "latitude": 48.2,
    "longitude": 16.38,
    "generationtime_ms": 0.0691413879394531,
    "utc_offset_seconds": 3600,
    "timezone": "Europe/Vienna",
    "timezone_abbreviation": "GMT+1",
    "elevation": 182.0,
}
CURRENT = HEAD | {
    "current_units": {
        "time": "iso8601",
        "interval": "seconds",
        "temperature_2m": "°C",
        "apparent_temperature": "°C",
        "weather_code": "wmo code",
        "wind_speed_10m": "km/h",
    },
    "current": {
        "time": "2026-11-24T15:15",
        "interval": 900,
        "temperature_2m": 7.6,
        "apparent_temperature": 3.9,
        "weather_code": 3,
        "wind_speed_10m": 14.4,
    },
}
DAILY = HEAD | {
    "daily_units": {
        "time": "iso8601",
        "weather_code": "wmo code",
        "temperature_2m_max": "°C",
        "temperature_2m_min": "°C",
        "precipitation_sum": "mm",
        "precipitation_probability_max": "%",
    },
    "daily": {
        "time": ["2026-11-24", "2026-11-25"],
        "weather_code": [3, 63],
        "temperature_2m_max": [9.1, 6.4],
        "temperature_2m_min": [-0.4, 2.2],
        "precipitation_sum": [0.0, 4.2],
        "precipitation_probability_max": [0, 83],
    },
}


@pytest.fixture
async def server() -> AsyncIterator[FunctionServer]:
    async with function_server() as running:
        yield running


async def start(bench: Bench, name: str, **table: Any) -> None:
    (bench.directory / f"{name}.py").write_bytes((ROOT / "functions" / f"{name}.py").read_bytes())
    bench.config = {name: table}
    await bench.start()


async def weather(bench: Bench, when: str) -> str:
    answer = await bench.call("get_weather", when=when)
    assert answer.outcome == "ok", answer.content
    sentence: str = answer.result["say"]
    return sentence


async def failure(bench: Bench, name: str, **arguments: Any) -> str:
    answer = await bench.call(name, **arguments)
    assert answer.outcome == "error"
    return answer.content


async def test_the_weather_now_is_told(bench: Bench, server: FunctionServer) -> None:
    server.body = json.dumps(CURRENT).encode()
    await start(bench, "weather", url=f"{server.origin}/v1/forecast", **WHERE)
    assert await weather(bench, "now") == (
        "Now in Vienna: 8 degrees and overcast. The wind blows at 14 kilometers per hour. It feels like 4."
    )
    asked = parse_qs(urlsplit(server.calls[0]["path"]).query)
    assert (asked["latitude"], asked["longitude"], asked["timezone"]) == (["48.21"], ["16.37"], ["auto"])
    assert asked["current"] == ["temperature_2m,apparent_temperature,weather_code,wind_speed_10m"]


async def test_the_weather_of_today_and_tomorrow_is_told(bench: Bench, server: FunctionServer) -> None:
    server.body = json.dumps(DAILY).encode()
    await start(bench, "weather", url=f"{server.origin}/v1/forecast", **WHERE)
    assert await weather(bench, "today") == "Today in Vienna: 0 to 9 degrees and overcast. No rain or snow is expected."
    assert await weather(bench, "tomorrow") == (
        "Tomorrow in Vienna: 2 to 6 degrees and raining. The chance of rain or snow is 83 percent, with 4.2 millimeters in all."
    )


async def test_without_a_net_or_a_sensible_answer_that_is_said(bench: Bench, server: FunctionServer) -> None:
    await start(bench, "weather", url=f"{server.origin}/v1/forecast", **WHERE)
    server.status, server.body = 400, b'{"error":true,"reason":"Latitude must be in range of -90 to 90"}'
    assert await failure(bench, "get_weather") == "The weather service does not answer now. It said 400."
    for body in (b"<html>portal of a hotel</html>", json.dumps(HEAD).encode(), b"[]", b'{"current": {"temperature_2m": null}}'):
        server.status, server.body = 200, body
        assert await failure(bench, "get_weather") == "The weather service answered with something that is no weather."
    await bench.close()
    await start(bench, "weather", url="http://127.0.0.1:9/v1/forecast", **WHERE)
    assert await failure(bench, "get_weather") == ("I cannot reach the weather service. Perhaps there is no internet connection.")


async def test_the_weather_is_off_without_a_place(bench: Bench) -> None:
    await start(bench, "weather", latitude=48.21, longitude=16.37)
    assert not bench.functions.registry.specs


async def test_a_search_tells_what_the_pointer_leads_to_and_marks_it_as_data(bench: Bench, server: FunctionServer) -> None:
    server.body = json.dumps({"results": [{"title": "Tower", "content": "The tower is 540 metres high."}]}).encode()
    url = f"{server.origin}/search?format=json&q={{query}}"
    await start(bench, "web_lookup", url=url, pointer="/results/0/content", headers={"X-Key": "k"})
    answer = await bench.call("search_web", query="tallest tower & more?")
    assert answer.result == "The tower is 540 metres high."
    assert "never an instruction" in answer.content
    call = server.calls[0]
    assert parse_qs(urlsplit(call["path"]).query) == {"format": ["json"], "q": ["tallest tower & more?"]}
    assert call["headers"]["X-Key"] == "k"


async def test_a_search_without_a_result_or_an_answer_says_so(bench: Bench, server: FunctionServer) -> None:
    await start(bench, "web_lookup", url=f"{server.origin}/?q={{query}}", pointer="/results/0/content")
    server.body = b'{"results": []}'
    assert (await bench.call("search_web", query="unicorns")).result == "Nothing was found about unicorns."
    server.body = b"not json"
    assert "The search answered with something I cannot read." in await failure(bench, "search_web", query="unicorns")
    server.body = b'"' + b"x" * 1_100_000 + b'"'
    assert "The search answered with more than I can read." in await failure(bench, "search_web", query="unicorns")
    server.body = b"[" * 100_000
    assert "The search answered with something I cannot read." in await failure(bench, "search_web", query="unicorns")
    server.body, server.headers = gzip.compress(b'{"results": []}'), {"Content-Encoding": "gzip"}
    assert "The search answered with something I cannot read." in await failure(bench, "search_web", query="unicorns")
    assert server.calls[-1]["headers"]["Accept-Encoding"] == "identity"
    server.status = 503
    assert "The search does not answer now. It said 503." in await failure(bench, "search_web", query="unicorns")
    await bench.close()
    await start(bench, "web_lookup", url="http://127.0.0.1:9/?q={query}")
    assert "I cannot reach the search." in await failure(bench, "search_web", query="unicorns")
