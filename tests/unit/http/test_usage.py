import time
from pathlib import Path

import pytest

from tests.support.sessions import world
from tests.unit.http.conftest import HANDLERS, SCRIPT, Api, ApiOf


async def talk(api: Api, id_: str, **body: object) -> None:
    await api.call("PUT", f"/v1/sessions/{id_}", json=body)
    message = {"role": "user", "content": "turn on the lamp"}
    assert (await api.call("POST", f"/v1/sessions/{id_}/messages?wait=reply", json=message)).status == 200


async def test_usage_sums_over_runs_and_counts_live_ones(api: Api) -> None:
    before = (await api.call("GET", "/v1/usage")).json
    assert before["items"] == []
    assert before["total"]["connection_s"] == 0
    await talk(api, "one")
    await api.call("DELETE", "/v1/sessions/one")
    await talk(api, "two")
    first = (await api.call("GET", "/v1/usage?by=agent,day")).json
    (line,) = first["items"]
    assert (line["agent"], line["day"]) == ("test", time.strftime("%Y-%m-%d", time.gmtime()))
    assert (line["sessions"], line["turns"], line["function_calls"], line["renewals"]) == (2, 2, 2, 0)
    assert line["connection_s"] > 0
    assert line["audio_out_s"] == pytest.approx(0.6, abs=0.05)
    second = (await api.call("GET", "/v1/usage?by=upstream")).json
    assert second["items"][0]["upstream"] == "deepgram"
    assert second["total"]["connection_s"] > line["connection_s"]
    assert second["total"]["turns"] == 2


async def test_usage_outlives_restart_and_erasure_and_is_filtered_by_day(tmp_path: Path, api_of: ApiOf) -> None:
    async with world(tmp_path, SCRIPT, handlers=HANDLERS) as earlier:
        session = await earlier.session(id="kitchen")
        await session.inject_user("turn on the lamp", wait="reply")
    api = await api_of()
    used = (await api.call("GET", "/v1/usage")).json["items"]
    assert used[0]["turns"] == 1
    assert (await api.call("DELETE", "/v1/sessions/kitchen?purge=true")).status == 200
    assert (await api.call("GET", "/v1/usage")).json["items"] == used
    day = used[0]["day"]
    assert (await api.call("GET", f"/v1/usage?from={day}&to={day}")).json["items"] == used
    assert (await api.call("GET", "/v1/usage?to=2001-01-01")).json["items"] == []


@pytest.mark.parametrize("query", ["by=", "by=session", "by=day,day", "from=yesterday", "since=1"])
async def test_sums_that_are_none_are_refused(api: Api, query: str) -> None:
    (await api.call("GET", f"/v1/usage?{query}")).problem(422, "invalid-request")
