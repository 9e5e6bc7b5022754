"""What ``agentd doctor`` looks at: each finding says what is there and, where something is missing, what to do."""

import asyncio
import errno
import os
import platform
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal

from agentd.config import Settings
from agentd.functions.registry import Registry
from agentd.protocol import settings as documents
from agentd.protocol.origins import CONFIG_KEY

_LEAST_MEMORY_BYTES: Final = 700 * 2**20
"""Daemon 80 MB, engine 300 MB, a few worker processes of 25 MB, and room to breathe."""

_LEAST_GLIBC: Final = (2, 34)
"""The speech recognition wheel is built for manylinux_2_34: Debian 12, Ubuntu 22.04, RHEL 9."""

_ONLINE_S: Final = 10.0
_MODEL_S: Final = 60.0
"""A local model may have to be loaded."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        level: ``ok``; ``warn``: works, with less; ``fail``: must be repaired.
        remedy: what to do, empty where nothing is to be done.
    """

    level: Literal["ok", "warn", "fail"]
    subject: str
    detail: str
    remedy: str = ""


def examine(settings: Settings, *, online: bool = False) -> list[Finding]:
    """All findings, in the order a person would look.

    Args:
        settings: what the daemon would run with.
        online: also ask Deepgram whether it accepts the key, and each think endpoint for an answer; nothing else leaves the
            machine.
    """
    return [
        *_machine(),
        *_state_dir(settings.paths.state_dir),
        *_port(settings),
        *_models(settings),
        *_functions(settings),
        *_declared_functions(settings),
        *_upstream(settings, online=online),
        *_thinking(settings, online=online),
    ]


def _machine() -> Iterator[Finding]:
    yield Finding("ok", "python", platform.python_version())
    machine, system = platform.machine(), platform.system()
    if system == "Linux" and machine in {"x86_64", "aarch64"}:
        yield Finding("ok", "machine", f"{machine}, {os.cpu_count()} cores")
    else:
        yield Finding("warn", "machine", f"{system} on {machine}", "tested on Linux with x86_64 and aarch64 only")
    library, release = platform.libc_ver()
    if library == "glibc" and tuple(int(part) for part in release.split(".")[:2]) < _LEAST_GLIBC:
        yield Finding("warn", "glibc", release, "speech recognition needs glibc 2.34: Debian 12, Ubuntu 22.04, RHEL 9 or newer")
    free = _available_memory_bytes()
    if free is not None:
        shown = f"{free / 2**20:.0f} MB available"
        enough = free >= _LEAST_MEMORY_BYTES
        yield (
            Finding("ok", "memory", shown) if enough else Finding("warn", "memory", shown, "the engine needs about 700 MB in all")
        )


def _available_memory_bytes() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _state_dir(path: Path) -> Iterator[Finding]:
    if not path.exists():
        parent = next(parent for parent in path.absolute().parents if parent.exists())
        if os.access(parent, os.W_OK | os.X_OK):
            yield Finding("ok", "state folder", f"{path} will be made at the first start")
        else:
            yield Finding(
                "fail", "state folder", f"{path} cannot be made", f"make it, or set [paths] state_dir; {parent} is not writable"
            )
    elif not path.is_dir():
        yield Finding("fail", "state folder", f"{path} is not a folder", "set [paths] state_dir to a folder")
    elif not os.access(path, os.W_OK | os.X_OK):
        yield Finding("fail", "state folder", f"{path} is not writable", f"chown {os.geteuid()} {path}")
    elif path.stat().st_mode & 0o077:
        yield Finding("warn", "state folder", f"{path} is open to others", f"chmod 700 {path}")
    else:
        yield Finding("ok", "state folder", str(path))


def _port(settings: Settings) -> Iterator[Finding]:
    host, port = settings.server.host, settings.server.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            yield Finding("fail", "address", f"{host}:{port}: {error.strerror}", "correct [server] host and port")
        elif (settings.paths.state_dir / "agentd.url").exists():
            yield Finding("ok", "address", f"{host}:{port} is taken, by a running agentd as it seems")
        else:
            yield Finding(
                "fail", "address", f"{host}:{port} is taken by another program", "set [server] port, or AGENTD_SERVER__PORT"
            )
    else:
        yield Finding("ok", "address", f"{host}:{port} is free")


def _models(settings: Settings) -> Iterator[Finding]:
    from agentd.engine.models import inventory

    # With a Deepgram key and mode "auto" the engine only runs when a profile asks for it.
    needed = settings.engine.mode == "always" or (settings.engine.mode == "auto" and settings.deepgram.api_key is None)
    for model in inventory(whisper=settings.engine.recogniser != "moonshine"):
        if model.present:
            yield Finding("ok", f"model {model.name}", model.detail)
        else:
            yield Finding("fail" if needed and model.required else "warn", f"model {model.name}", model.detail, model.remedy)


def _functions(settings: Settings) -> Iterator[Finding]:
    from agentd.functions.service import check_directory

    directory = settings.paths.functions_dir
    if not directory.is_dir():
        yield Finding(
            "warn",
            "functions",
            f"there is no folder {directory}",
            "set [paths] functions_dir; agents have no functions without it",
        )
        return
    registry = check_directory(directory, settings.functions, settings.paths.state_dir / "credentials")
    yield Finding("ok", "functions", f"{len(registry.specs)} in {directory}")
    for off in registry.off:
        yield Finding("ok", "functions", f"{Path(off.place).name} is off: {off.reason}")
    for problem in registry.problems:
        yield Finding("warn", "functions", f"{problem}", "the file is skipped until it is repaired")
    yield from _named(settings, registry)


def _named(settings: Settings, registry: Registry) -> Iterator[Finding]:
    """Functions that profiles name and nobody offers; what MCP servers offer is known to the daemon alone."""
    if settings.functions.get("mcp"):
        return
    elsewhere = {name for kind in ("http", "delegated") for name in settings.functions.get(kind, {})}
    for agent, profile in settings.agents.items():
        own = {function.get("name") for function in documents.functions(profile.settings)}
        for key, names in (("functions", profile.functions or ()), ("allow_high", profile.allow_high)):
            for name in names:
                if name not in registry.specs and name not in elsewhere and name not in own:
                    near = get_close_matches(name, registry.specs, n=1)
                    remedy = f"is {near[0]} meant?" if near else "`agentd functions list` shows what there is"
                    yield Finding("warn", "agents", f"{key} of {agent} names {name}, which is not loaded", remedy)


def _declared_functions(settings: Settings) -> Iterator[Finding]:
    from agentd.functions.workers.faults import declared_faults, tables_without_file

    for note in tables_without_file(settings.functions, settings.paths.functions_dir):
        yield Finding("warn", "functions", note, "rename the table, or take it out")
    for fault in declared_faults(settings.functions, settings.security.allowed_endpoints):
        yield Finding("warn", "functions", f"{fault}", "the function is left out until it is repaired")


def _upstream(settings: Settings, *, online: bool) -> Iterator[Finding]:
    if settings.deepgram.api_key is None:
        level: Literal["ok", "fail"] = "fail" if settings.engine.mode == "never" else "ok"
        remedy = 'set DEEPGRAM_API_KEY, or let [engine] mode be "auto"' if level == "fail" else ""
        yield Finding(level, "upstream", "no Deepgram key: conversations run on the embedded engine", remedy)
    elif not online:
        yield Finding("ok", "upstream", "a Deepgram key is set; --online asks Deepgram whether it is taken")
    else:
        yield asyncio.run(_ask_deepgram(settings))


async def _ask_deepgram(settings: Settings) -> Finding:
    import aiohttp

    assert settings.deepgram.api_key is not None, "asked only with a key"  # noqa: S101 - narrows the type
    url = f"{settings.deepgram.rest_url}/v1/projects"
    headers = {"Authorization": f"Token {settings.deepgram.api_key.get_secret_value()}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_ONLINE_S)) as http,
            http.get(url, headers=headers, proxy=settings.deepgram.proxy, allow_redirects=False) as response,
        ):
            status = response.status
    except (aiohttp.ClientError, TimeoutError) as error:
        return Finding(
            "fail", "upstream", f"{url} cannot be reached: {type(error).__name__}", "check network, [deepgram] rest_url and proxy"
        )
    if status == 200:
        return Finding("ok", "upstream", f"{url} accepts the key")
    if status in {401, 403}:
        return Finding("fail", "upstream", f"{url} refuses the key ({status})", "check DEEPGRAM_API_KEY")
    return Finding("warn", "upstream", f"{url} answered {status}", "try again later")


def _thinking(settings: Settings, *, online: bool) -> Iterator[Finding]:
    """The think endpoints of the agents: whether they may be called, and, when asked, whether they answer and call."""
    seen: list[dict[str, Any]] = []
    for name, profile in settings.agents.items():
        for fault in documents.endpoint_faults(dict(profile.settings), settings.security.allowed_endpoints):
            detail = f"settings{fault.pointer}: {fault.detail}"
            yield Finding("warn", f"agent {name}", detail, f"list it in {CONFIG_KEY}, or the embedded engine refuses it")
        for block in documents.think_blocks(dict(profile.settings)):
            asked = {"provider": block.get("provider"), "endpoint": block.get("endpoint")}
            if not asked["endpoint"] or asked in seen:
                continue
            seen.append(asked)
            if not online:
                yield Finding("ok", f"agent {name}", "thinks on an endpoint of its own; --online asks it for an answer")
            elif not documents.endpoint_faults({"agent": {"think": block}}, settings.security.allowed_endpoints):
                yield asyncio.run(_ask_model(name, block))


async def _ask_model(agent: str, block: dict[str, Any]) -> Finding:
    """One question that a function answers."""
    from agentd.engine.providers import Call, ThinkEvent, ThinkFailed, ThinkRequest, UserText
    from agentd.engine.think.openai import OpenAIThinker

    thinker = OpenAIThinker(block["endpoint"])
    request = ThinkRequest(
        prompt="You are being tested. Call get_time.",
        messages=(UserText("What time is it?"),),
        functions=({"name": "get_time", "description": "Tell the time."},),
        provider=block.get("provider") or {},
    )
    began = asyncio.get_running_loop().time()
    events: list[ThinkEvent] = []
    try:
        async with asyncio.timeout(_MODEL_S):
            events += [event async for event in thinker.think(request)]
    except (ThinkFailed, TimeoutError) as failure:
        told = str(failure) or f"no whole answer within {_MODEL_S:g} s"
        return Finding(
            "fail", f"agent {agent}", f"its think endpoint fails: {told}", "check agent.think.endpoint and provider.model"
        )
    finally:
        await thinker.aclose()
    took = f"its think endpoint answered in {asyncio.get_running_loop().time() - began:.1f} s"
    if any(isinstance(event, Call) for event in events):
        return Finding("ok", f"agent {agent}", f"{took} and calls functions")
    return Finding("warn", f"agent {agent}", f"{took}, in words alone", "the model may not call functions; try another")
