"""A call is on record before it runs: a crash in the middle leaves its trace."""

from pathlib import Path

from tests.unit.http.conftest import SCRIPT, ApiOf

HANDLER = """
import sqlite3
from agentd.functions import function


@function(tier="low")
async def set_light(room: str) -> str:
    '''Switch a light on.'''
    store = sqlite3.connect("file:{path}?mode=ro", uri=True)
    calls = store.execute("SELECT data FROM calls").fetchall()
    events = store.execute("SELECT COUNT(*) FROM events WHERE type = 'FunctionCallStarted'").fetchone()[0]
    store.close()
    return f"{{len(calls)}} call, {{events}} event, {{'outcome' in calls[0][0]}}"
"""


async def test_a_call_is_committed_before_its_handler_runs(tmp_path: Path, api_of: ApiOf) -> None:
    api = await api_of(script=SCRIPT, handlers={"home.py": HANDLER.format(path=tmp_path / "state" / "store.db")})
    session = await api.session()
    turn = await session.inject_user("turn on the lamp", wait="reply")
    assert turn.calls[0].result == "1 call, 1 event, True"
