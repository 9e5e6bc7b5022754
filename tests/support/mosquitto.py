"""The MQTT broker mosquitto, in a process of its own, and a device that speaks to it."""

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import pytest

PROGRAM = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
needs_mosquitto = pytest.mark.skipif(PROGRAM is None, reason="no mosquitto here (apt-get install mosquitto)")


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker listens, and what it asks for."""

    port: int
    user: str | None = None
    password: str | None = None
    authority: Path | None = None

    def client(self) -> aiomqtt.Client:
        """A client that it accepts; one that uses it is connected."""
        tls = ssl.create_default_context(cafile=self.authority) if self.authority else None
        return aiomqtt.Client("localhost", self.port, username=self.user, password=self.password, tls_context=tls, timeout=5)


@asynccontextmanager
async def mosquitto(
    folder: Path, *, user: str | None = None, password: str = "", authority: Path | None = None
) -> AsyncIterator[Broker]:
    """A running broker.

    Args:
        folder: for its files; with ``authority`` it holds ``server.pem`` and ``server.key``.
        user: asked for with ``password``; None: anybody may come.
        authority: certificate of the authority that signed the server's; None: no TLS.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lines = [f"listener {port} 127.0.0.1", f"allow_anonymous {'true' if user is None else 'false'}", "user root"]
    if user is not None:
        await asyncio.to_thread(_write_password, folder / "passwords", user, password)
        lines.append(f"password_file {folder / 'passwords'}")
    if authority is not None:
        lines += [f"certfile {folder / 'server.pem'}", f"keyfile {folder / 'server.key'}"]
    configuration = folder / "mosquitto.conf"
    configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        PROGRAM or "mosquitto", "-c", str(configuration), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    broker = Broker(port, user, password or None, authority)
    try:
        await _listens(broker)
        yield broker
    finally:
        process.terminate()
        await process.wait()


def _write_password(path: Path, user: str, password: str) -> None:
    path.write_text(f"{user}:{password}\n", encoding="utf-8")
    subprocess.run(["mosquitto_passwd", "-U", str(path)], check=True, capture_output=True, timeout=10)


async def _listens(broker: Broker) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                async with broker.client():
                    return
            except aiomqtt.MqttError:
                await asyncio.sleep(0.02)
