"""What the log tells whoever made a mistake in a handler that loads."""

import structlog
from structlog.testing import capture_logs

from tests.support.handlers import Bench

CLUMSY = '''
import os


@function(tier="read")
async def forget(ctx: CallContext) -> str:
    """Forget to wait."""
    ctx.say("Hello.")
    return "Said."


@function(tier="read")
def add(ctx: CallContext) -> int:
    """Add to what is no number yet."""
    return ctx.store.get("cups", 0) + 1


@function(tier="read")
def read_key() -> str:
    """Look for a key in the environment."""
    return os.environ["KEY_OF_THE_HOUSE"]


@function(tier="read")
def speak(ctx: CallContext) -> str:
    """Write to the log and to standard output."""
    ctx.log.info("logged")
    print("printed", flush=True)
    return "Spoken."
'''


async def told(bench: Bench, function: str) -> list[str]:
    bench.write("clumsy.py", CLUMSY)
    await bench.start()
    with capture_logs() as lines:
        await bench.call(function)
    return [f"{line['log_level']}: {line['message']}" for line in lines if line["event"] == "function_log"]


async def test_a_forgotten_await_is_told_with_its_line(bench: Bench) -> None:
    (line,) = await told(bench, "forget")
    assert line.startswith("warning: coroutine 'CallContext.say' was never awaited at clumsy.py:")
    assert "write await before it" in line


async def test_what_was_computed_with_something_not_awaited_is_told_with_the_remedy(bench: Bench) -> None:
    failed = [line for line in await told(bench, "add") if line.startswith("error")]
    assert failed
    assert "TypeError at clumsy.py:" in failed[0]
    assert failed[0].endswith("write await before it, or in a plain def ctx.wait(…) around it")


async def test_the_environment_is_not_there_and_the_log_says_what_is(bench: Bench) -> None:
    (line,) = await told(bench, "read_key")
    assert "KeyError at clumsy.py:" in line
    assert line.endswith("set it in the file's table and read ctx.config")


async def test_lines_of_a_call_do_not_carry_the_request_in_which_its_process_was_started(bench: Bench) -> None:
    bench.write("clumsy.py", CLUMSY)
    with structlog.contextvars.bound_contextvars(request_id="the first one"):
        await bench.start()
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        await bench.call("speak")
        await bench.close()
    of_call = [line for line in lines if line["event"] in {"function_log", "function_output"}]
    assert {line["event"] for line in of_call} == {"function_log", "function_output"}
    assert not [line for line in of_call if "request_id" in line]
