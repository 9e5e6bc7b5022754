"""What a handler does wrong ends its own call, and nothing else."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agentd.functions.workers.generation import Generation
from agentd.functions.workers.headcount import group_sizes
from tests.support.handlers import Bench, children, eventually, is_alive, within

pytestmark = pytest.mark.e2e

HOSTILE = """
import ctypes, signal, socket, subprocess, threading

@function(tier="read")
async def fine() -> str:
    "Work."
    return "fine"

@function(tier="read", timeout_s=0.3)
async def sleeps() -> str:
    "Too slow, but well-behaved."
    await asyncio.sleep(60)

@function(tier="read", timeout_s=0.3)
async def swallows() -> str:
    "Ignores cancellation."
    while True:
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            pass

@function(tier="read", timeout_s=0.3)
def blocks() -> str:
    "A plain function that blocks."
    time.sleep(60)

@function(tier="read", timeout_s=20)
def says_and_blocks(ctx: CallContext) -> str:
    "A plain function that has begun, and blocks."
    ctx.wait(ctx.say("Here."))
    time.sleep(60)

@function(tier="read", timeout_s=0.3)
async def blocks_the_loop() -> str:
    "Blocks where it should await."
    time.sleep(60)

@function(tier="read", timeout_s=0.3)
def spins() -> str:
    "Burns the processor."
    while True:
        pass

@function(tier="read")
def exits() -> str:
    "Ends the process."
    os._exit(7)

@function(tier="read")
def segfaults() -> str:
    "Reads where nothing is."
    ctypes.string_at(0)

@function(tier="read")
def overflows() -> str:
    "Recurses in a thread until its stack is used up: from Python 3.12 on the stack of the main one is guarded."
    sys.setrecursionlimit(10 ** 8)
    class Deep:
        def __getattr__(self, name: str) -> Any:
            return getattr(self, name)
    threading.stack_size(64 * 1024)
    thread = threading.Thread(target=lambda: Deep().deeper)
    thread.start()
    thread.join()
    return "survived"

@function(tier="read")
def recurses() -> str:
    "Recurses until Python stops it."
    return recurses()

@function(tier="read", timeout_s=20)
def out_of_processor_time() -> str:
    "Uses all the processor time that it may."
    import resource
    resource.setrlimit(resource.RLIMIT_CPU, (1, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    while True:
        pass

@function(tier="read")
def killed_like_by_the_kernel() -> str:
    "What the kernel does to it when memory runs out."
    os.kill(os.getpid(), signal.SIGKILL)

@function(tier="read")
def allocates() -> int:
    "Wants four gigabytes."
    return len(bytearray(4 << 30))

@function(tier="read")
def huge() -> str:
    "A result of 100 MB."
    return "x" * 100_000_000

@function(tier="read")
async def huge_error() -> str:
    "An error of 10 MB."
    raise FunctionError("x" * 10_000_000)

@function(tier="read")
def not_json() -> Any:
    "A result without JSON form."
    return threading.Lock()

@function(tier="read")
def not_finite() -> float:
    "A result that JSON does not know."
    return float("nan")

@function(tier="read")
def half_character() -> str:
    "A result that UTF-8 does not know."
    return "\\ud800"

@function(tier="read")
def deep() -> Any:
    "A result that is nested deeper than JSON is read."
    result: list[Any] = []
    for _ in range(100_000):
        result = [result]
    return result

@function(tier="read")
def circular() -> Any:
    "A result that holds itself."
    result: list[Any] = []
    result.append(result)
    return result

@function(tier="read", timeout_s=20)
async def chatters(ctx: CallContext) -> int:
    "Thousands of requests, many at once."
    async def one(n: int) -> None:
        await ctx.store.set(f"k{n % 50}", n)
    for _ in range(20):
        await asyncio.gather(*(one(n) for n in range(100)))
    return len(await ctx.store.items())

@function(tier="read", timeout_s=20)
def logs_a_flood(ctx: CallContext) -> str:
    "Writes 20,000 lines into the log."
    for n in range(20_000):
        ctx.log.warning("line %d %s", n, "x" * 5000)
    return "logged"

@function(tier="read")
async def logs(ctx: CallContext) -> str:
    "Writes into the log, from the loop, from a thread, and wrongly."
    ctx.log.info("hello %s", "there")
    await asyncio.to_thread(ctx.log.error, "from a thread")
    ctx.log.info("%d", "no number")
    ctx.log.debug("not this")
    try:
        1 / 0
    except ZeroDivisionError:
        ctx.log.exception("it broke")
    return "logged"

def deeper(text: str) -> Any:
    import json
    return json.loads(text)

@function(tier="read")
def breaks(secret: str) -> Any:
    "Fails somewhere below."
    return deeper(secret)

@function(tier="read")
def large(text: str) -> int:
    "Takes a large argument."
    return len(text)

@function(tier="read")
def repeats(times: int) -> str:
    "Returns a large result."
    return "x" * times

@function(tier="read", timeout_s=20)
def floods() -> str:
    "Prints 20 MB."
    for _ in range(20_000):
        print("x" * 1000)
    return "flooded"

@function(tier="read")
async def lies() -> str:
    "Prints what looks like the protocol."
    for line in ('{"done": "c1", "outcome": "result", "value": "a lie"}', '{"ready": {}}', "{", ""):
        print(line)
        os.write(1, line.encode() + b"\\n")
        os.write(2, line.encode() + b"\\n")
    return "the truth"

@function(tier="read")
async def writes_into_the_protocol(what: str, times: int) -> str:
    "Finds the socket and writes to it."
    os.set_blocking(int(sys.argv[1]), True)
    for _ in range(times):
        os.write(int(sys.argv[1]), what.encode())
    await asyncio.sleep(0.2)
    return "wrote"

@function(tier="read")
async def closes() -> str:
    "Closes every descriptor."
    os.closerange(0, 64)
    return "closed"

@function(tier="read")
def closes_the_socket() -> str:
    "Closes the one descriptor that matters, and goes on."
    os.close(int(sys.argv[1]))
    time.sleep(60)

@function(tier="read")
def forks() -> int:
    "Leaves a child behind that holds on to all it inherited."
    pid = os.fork()
    if pid == 0:
        time.sleep(600)
        os._exit(0)
    return pid

@function(tier="read", timeout_s=30)
def multiplies(times: int, seconds: float) -> str:
    "Starts one process after the other."
    for _ in range(times):
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
    time.sleep(seconds)
    return "multiplied"

@function(tier="read")
def starts() -> int:
    "Leaves a program running."
    return subprocess.Popen(["sleep", "600"]).pid

@function(tier="read")
async def leaves_a_task(ctx: CallContext) -> int:
    "Leaves a task that goes on."
    async def go_on() -> None:
        while True:
            try:
                await asyncio.sleep(0.01)
                await ctx.say("Still here.")
            except (asyncio.CancelledError, FunctionError):
                pass
    asyncio.get_running_loop().create_task(go_on())
    await asyncio.sleep(0.05)
    return os.getpid()

@function(tier="read")
def limits() -> dict[str, Any]:
    "What this process may do."
    import resource
    return {
        "memory": resource.getrlimit(resource.RLIMIT_AS)[0],
        "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
        "cpu": resource.getrlimit(resource.RLIMIT_CPU)[0],
        "oom": open("/proc/self/oom_score_adj").read().strip(),
        "group": os.getpgrp() == os.getpid(),
        "stdin": os.path.realpath("/proc/self/fd/0"),
        "cwd": os.getcwd(),
    }

@function(tier="read")
def environment() -> dict[str, str]:
    "What this process sees."
    return dict(os.environ)

@function(tier="read")
def pid() -> int:
    "Tell."
    return os.getpid()
"""


@pytest.fixture
async def hostile(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("DEEPGRAM_API_KEY", "canary-key")
    monkeypatch.setenv("AGENTD_SERVER__TOKEN", "canary-token")
    bench.write("hostile.py", HOSTILE)
    await bench.start()
    return bench


async def still_works(bench: Bench) -> None:
    """The next call is answered, promptly although a process may have to be started for it."""
    assert (await within(30, bench.call("fine"))).content == "fine"


@pytest.mark.parametrize("name", ["sleeps", "swallows", "blocks", "blocks_the_loop", "spins"])
async def test_a_handler_that_takes_too_long_is_answered_in_time_and_its_process_stops(hostile: Bench, name: str) -> None:
    (pid,) = hostile.workers()
    answer = await hostile.call(name)
    assert answer.outcome == "timeout"
    assert 0.3 <= answer.duration_s < 10
    assert "did not finish in time" in answer.content
    await still_works(hostile)
    if name == "sleeps":
        await eventually(lambda: len(hostile.functions._nursery) == 0, "the handler stood down")
        assert is_alive(pid)
    else:
        await eventually(lambda: not is_alive(pid), "the process was killed")
        await eventually(lambda: hostile.ended == ["timeout"], "it was counted")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("exits", "exit"),
        ("segfaults", "signal"),
        ("overflows", "signal"),
        ("out_of_processor_time", "cpu"),
        ("killed_like_by_the_kernel", "memory"),
        ("closes", "signal"),
        ("closes_the_socket", "protocol"),
    ],
)
async def test_a_handler_that_ends_its_process_fails_alone_and_the_reason_is_counted(hostile: Bench, name: str, why: str) -> None:
    answer = await within(30, hostile.call(name))
    assert answer.outcome == "error"
    assert "its process ended" in answer.content
    await still_works(hostile)
    await eventually(lambda: hostile.ended == [why], "it was counted")


async def test_neighbours_of_a_dying_call_are_not_harmed(hostile: Bench) -> None:
    names = ["exits", "fine", "segfaults", "fine"]
    outcomes = await asyncio.gather(*(hostile.call(name) for name in names))
    assert [answer.outcome for answer in outcomes] == ["error", "ok", "error", "ok"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("allocates", "internal error"),
        ("recurses", "internal error"),
        ("deep", "no JSON form"),
        ("circular", "no JSON form"),
        ("huge", "too large: 100000002 bytes, at most 16384"),
        ("not_json", "no JSON form"),
        ("not_finite", "not finite"),
        ("half_character", "no JSON form"),
    ],
)
async def test_a_result_nobody_can_use_becomes_an_error_for_the_model(hostile: Bench, name: str, words: str) -> None:
    answer = await within(30, hostile.call(name))
    assert answer.outcome == "error"
    assert words in answer.content
    assert "Traceback" not in answer.content
    await still_works(hostile)


async def test_a_worker_without_memory_for_a_call_is_replaced(hostile: Bench) -> None:
    (pid,) = hostile.workers()
    await hostile.call("allocates")
    await still_works(hostile)
    await eventually(lambda: not is_alive(pid), "the process was replaced")
    await eventually(lambda: hostile.ended == ["memory"], "it was counted")


async def test_the_text_of_an_error_is_cut_to_the_limit(hostile: Bench) -> None:
    answer = await hostile.call("huge_error")
    assert answer.outcome == "error"
    assert len(answer.content.encode()) == 16_384


async def test_a_flood_of_output_neither_fails_the_call_nor_holds_up_the_daemon(hostile: Bench) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    lags: list[float] = []

    async def measure() -> None:
        while not over.is_set():
            before = loop.time()
            await asyncio.sleep(0.005)
            lags.append(loop.time() - before - 0.005)

    async with asyncio.TaskGroup() as group:
        group.create_task(measure())
        answer = await within(60, hostile.call("floods"))
        over.set()
    assert answer.content == "flooded"
    assert sorted(lags)[len(lags) // 2] < 0.02


async def test_what_a_handler_logs_is_in_the_log_with_level_function_session_and_call(hostile: Bench) -> None:
    with capture_logs() as lines:
        await hostile.call("logs", call_id="c1")
    logged = [line for line in lines if line["event"] == "function_log"]
    assert {(line["function"], line["session_id"], line["call_id"]) for line in logged} == {("logs", "s", "c1")}
    first, second, third, last = [(line["log_level"], line["message"]) for line in logged]
    assert (first, second) == (("info", "hello there"), ("error", "from a thread"))
    assert "cannot be written" in third[1]
    assert last[1].startswith("it broke\nTraceback")
    assert "ZeroDivisionError" in last[1]


async def test_where_a_handler_broke_is_in_the_log_and_what_it_said_is_not(hostile: Bench) -> None:
    with capture_logs() as lines:
        assert (await hostile.call("breaks", secret="a word of the user")).outcome == "error"
    (logged,) = [line for line in lines if line["event"] == "function_log"]
    assert (logged["log_level"], logged["function"]) == ("error", "breaks")
    assert logged["message"].startswith("JSONDecodeError at hostile.py:")
    assert logged["message"].endswith(", in deeper")
    assert "a word" not in str([line for line in lines if line["event"] != "function_output"])


async def test_a_flood_of_log_lines_is_cut_and_counted(hostile: Bench) -> None:
    with capture_logs() as lines:
        assert (await within(60, hostile.call("logs_a_flood"))).content == "logged"
        await still_works(hostile)
    logged = [line for line in lines if line["event"] == "function_log"]
    assert len(logged) == 100
    assert max(len(line["message"]) for line in logged) == 2000
    assert [line["lines"] for line in lines if line["event"] == "function_log_dropped"] == [19_900]


async def test_how_many_lines_and_how_long_is_the_operators_to_say(bench: Bench) -> None:
    bench.limits = {"function_log_lines": 3, "function_log_line_chars": 5}
    bench.write(
        "talks.py",
        """
        @function(tier="read")
        async def talks(ctx: CallContext) -> str:
            "Talk."
            for n in range(5):
                ctx.log.info("line %d is long", n)
            return "said"
        """,
    )
    await bench.start()
    with capture_logs() as lines:
        assert (await bench.call("talks")).content == "said"
    assert [line["message"] for line in lines if line["event"] == "function_log"] == ["line "] * 3
    assert [line["lines"] for line in lines if line["event"] == "function_log_dropped"] == [2]


async def test_thousands_of_requests_are_served_and_harm_no_neighbour(hostile: Bench) -> None:
    async with asyncio.TaskGroup() as group:
        chatter = group.create_task(hostile.call("chatters"))
        await still_works(hostile)
    assert chatter.result().result == 50


async def test_an_argument_larger_than_a_line_is_refused_and_the_worker_stays(bench: Bench) -> None:
    bench.limits["function_args_bytes"] = 10_000_000
    bench.write("hostile.py", HOSTILE)
    await bench.start()
    workers = bench.workers()
    answer = await within(30, bench.call("large", text="x" * 2_200_000))
    assert answer.outcome == "invalid"
    assert "too large" in answer.content
    assert (await bench.call("large", text="x" * 1_000_000)).result == 1_000_000
    assert bench.workers() == workers


async def test_a_result_larger_than_a_line_is_an_error_and_the_worker_stays(bench: Bench) -> None:
    bench.limits["function_result_bytes"] = 10_000_000
    bench.write("hostile.py", HOSTILE)
    await bench.start()
    workers = bench.workers()
    answer = await within(30, bench.call("repeats", times=2_200_000))
    assert (answer.outcome, "too large" in answer.content) == ("error", True)
    assert len((await bench.call("repeats", times=1_000_000)).result) == 1_000_000
    assert bench.workers() == workers


async def test_printing_what_looks_like_the_protocol_changes_nothing(hostile: Bench) -> None:
    assert (await hostile.call("lies", call_id="c1")).content == "the truth"


@pytest.mark.parametrize(
    ("what", "times"),
    [
        ("rubbish\n", 1),
        ("[]\n", 1),
        ("{}\n", 1),
        ('{"done": "other", "outcome": "result", "value": 1}\n', 1),
        ("a line that does not end ", 100_000),
    ],
)
async def test_rubbish_in_the_protocol_ends_the_worker_and_not_the_daemon(hostile: Bench, what: str, times: int) -> None:
    answer = await within(30, hostile.call("writes_into_the_protocol", what=what, times=times))
    assert answer.outcome == "error"
    await still_works(hostile)
    await eventually(lambda: hostile.ended == ["protocol"], "it was counted")


@pytest.mark.parametrize("name", ["forks", "starts"])
async def test_what_a_handler_started_ends_with_its_worker(hostile: Bench, name: str) -> None:
    answer = await within(30, hostile.call(name))
    assert is_alive(answer.result)
    await within(30, hostile.functions.close())
    await eventually(lambda: not is_alive(answer.result), "its child is gone")


async def test_a_handler_that_starts_too_many_processes_ends_with_all_of_them(bench: Bench) -> None:
    bench.limits["function_processes"] = 20
    bench.write("hostile.py", HOSTILE)
    await bench.start()
    (pid,) = bench.workers()
    assert (await within(60, bench.call("multiplies", times=15, seconds=0.6))).outcome == "ok"
    assert group_sizes()[pid] == 16
    answer = await within(60, bench.call("multiplies", times=50, seconds=25))
    assert (answer.outcome, "its process ended" in answer.content) == ("error", True)
    await eventually(lambda: group_sizes()[pid] == 0, "nothing of it is left")
    await eventually(lambda: bench.ended == ["processes"], "it was counted")
    await still_works(bench)


async def test_a_file_that_starts_too_many_processes_is_not_loaded(bench: Bench) -> None:
    bench.limits["function_processes"] = 5
    bench.write("good.py", '@function(tier="read")\nasync def fine() -> str:\n    "Work."\n    return "fine"\n')
    bench.write(
        "multiplies.py", "import subprocess\nfor _ in range(20):\n    subprocess.Popen(['sleep', '600'])\ntime.sleep(60)\n"
    )
    await within(30, bench.start())
    (problem,) = bench.functions.registry.problems
    assert "ended by SIGKILL while loading" in problem.reason
    assert bench.ended == ["processes"]
    await still_works(bench)


async def test_a_task_left_running_ends_with_its_call(hostile: Bench) -> None:
    pid = (await hostile.call("leaves_a_task")).result
    await eventually(lambda: not is_alive(pid), "the worker with the deaf task was replaced")
    await eventually(lambda: hostile.ended == ["cancelled"], "it was counted")
    said = len(hostile.session.did)
    await still_works(hostile)
    assert len(hostile.session.did) == said


async def test_a_worker_is_confined(hostile: Bench) -> None:
    limits = (await hostile.call("limits")).result
    assert limits["cpu"] < 60
    del limits["cpu"]
    assert limits == {
        "memory": 536_870_912,
        "files": 64,
        "core": 0,
        "oom": "500",
        "group": True,
        "stdin": "/dev/null",
        "cwd": str(hostile.directory),
    }


async def test_no_secret_of_the_daemon_is_in_a_workers_environment(hostile: Bench) -> None:
    environment = (await hostile.call("environment")).result
    assert "canary" not in json.dumps(environment)
    assert environment["PATH"] == os.environ["PATH"]
    assert environment["MALLOC_ARENA_MAX"] == "2"
    allowed = {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "MALLOC_ARENA_MAX"}
    allowed |= {"SSL_CERT_FILE", "SSL_CERT_DIR", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"}
    assert {name for name in environment if not name.startswith("LC_")} <= allowed


def runs(bench: Bench) -> bool:
    """Whether a worker was given a call."""
    (handlers,) = (provider for provider in bench.functions._loaded.providers if isinstance(provider, Generation))
    return any(worker.calls for worker in handlers._fleet._workers)


async def test_a_cancelled_plain_handler_costs_its_process_and_the_next_call_works(hostile: Bench) -> None:
    (pid,) = hostile.workers()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(hostile.call("says_and_blocks"))
        await eventually(lambda: bool(hostile.session.did), "it runs")  # one that has not begun is not begun any more
        running.cancel()
    await eventually(lambda: not is_alive(pid), "the process was killed")
    await still_works(hostile)


async def test_closing_ends_calls_under_way_and_says_so(hostile: Bench) -> None:
    async with asyncio.TaskGroup() as group:
        running = group.create_task(hostile.call("blocks"))
        await eventually(lambda: runs(hostile), "it runs")
        await within(30, hostile.functions.close())
    assert running.result().outcome == "cancelled"


DAEMON = """
import asyncio, sys
from pathlib import Path
from agentd.config import LimitSettings, StoreSettings
from agentd.functions.audit import Audit
from agentd.functions.service import CallRequest, Functions
from agentd.store import Store

async def main():
    store = Store(Path(sys.argv[2]), StoreSettings())
    await store.start()
    audit = Audit(Path(sys.argv[2]), store, store.settings)
    await audit.start()
    functions = Functions(directory=Path(sys.argv[1]), store=store, audit=audit, older_values=Path(sys.argv[2]) / "functions",
                          limits=LimitSettings(), config={}, actions=lambda _: None)
    await functions.start()
    idle = (await functions.call(CallRequest("1", "pid", {}))).result
    async with asyncio.TaskGroup() as group:
        group.create_task(functions.call(CallRequest("2", "spins_long", {})))
        print(idle, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("busy", [False, True])
async def test_workers_die_when_the_daemon_is_killed(bench: Bench, tmp_path: Path, *, busy: bool) -> None:
    spins = "    while True: pass\n" if busy else "    return ''\n"
    bench.write(
        "hostile.py",
        f'@function(tier="read")\ndef pid() -> int:\n    "Tell."\n    return os.getpid()\n'
        f'@function(tier="read", timeout_s=60)\nasync def spins_long() -> str:\n    "Spin."\n{spins}',
    )
    daemon = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DAEMON, str(bench.directory), str(tmp_path / "state"), stdout=asyncio.subprocess.PIPE
    )
    assert daemon.stdout is not None
    while not (line := await within(60, daemon.stdout.readline())).strip().isdigit():
        assert line, "the daemon ended before it was ready"
    pid = int(line)
    assert is_alive(pid)
    workers = children(daemon.pid)
    assert pid in workers
    daemon.send_signal(signal.SIGKILL)
    await daemon.wait()
    for worker in workers:
        await eventually(lambda worker=worker: not is_alive(worker), "the worker is gone")  # type: ignore[misc] # bound at once
