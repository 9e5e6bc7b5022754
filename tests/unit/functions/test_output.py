"""What a handler prints, on its way into the log."""

import os

from structlog.testing import capture_logs

from agentd.functions.workers.output import Output


async def test_what_was_printed_is_logged_when_its_call_ends_and_not_after_what_came_of_it() -> None:
    readable, writable = os.pipe()
    output = Output(readable, file="cat.py", limit_bytes=100)
    output.begin(function="feed_cat", call_id="c1")
    os.write(writable, b"Traceback\nKeyError: 'bowl'\n")
    with capture_logs() as lines:
        output.end()
    os.close(writable)
    output.close()
    assert [(line["text"], line["call_id"]) for line in lines] == [("Traceback\nKeyError: 'bowl'", "c1")]
