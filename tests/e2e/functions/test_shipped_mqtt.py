"""functions/mqtt.py, with a real broker and a device on the other side."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from tests.support.certificates import certificate_for
from tests.support.handlers import Bench, within
from tests.support.mosquitto import Broker, mosquitto, needs_mosquitto

pytestmark = [pytest.mark.e2e, needs_mosquitto]

ROOT = Path(__file__).parents[3]

DEVICES: dict[str, Any] = {
    "topics": {
        "garage fan": {"topic": "garage/fan/set", "messages": ["ON", "OFF"]},
        "kitchen display": {"topic": "kitchen/display", "tier": "low"},
        "gate": {"topic": "gate/set", "tier": "high"},
        "siren": {"topic": "siren/set", "tier": "hihg"},
    },
    "questions": {"garage temperature": {"topic": "garage/temperature/get", "answer": "garage/temperature"}},
}


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    folder = tmp_path / "broker"
    folder.mkdir()
    async with mosquitto(folder) as running:
        yield running


async def start(bench: Bench, broker: Broker, **table: Any) -> None:
    (bench.directory / "mqtt.py").write_bytes((ROOT / "functions" / "mqtt.py").read_bytes())
    bench.config = {"mqtt": {"broker": "localhost", "port": broker.port, **DEVICES, **table}}
    await bench.start()


async def received(client: aiomqtt.Client) -> aiomqtt.Message:
    async def first() -> aiomqtt.Message:
        return await anext(client.messages)

    message: aiomqtt.Message = await within(30, first())
    return message


async def test_without_a_broker_it_is_off(bench: Bench) -> None:
    (bench.directory / "mqtt.py").write_bytes((ROOT / "functions" / "mqtt.py").read_bytes())
    await bench.start()
    assert not bench.functions.registry.specs
    assert not [problem for problem in bench.functions.registry.problems if problem.line is not None]


async def test_a_device_gets_what_it_takes_and_nothing_is_retained(bench: Bench, broker: Broker) -> None:
    await start(bench, broker)
    async with broker.client() as device:
        await device.subscribe("#", qos=1)
        assert (await bench.call("send_to_device", device="the garage fan", message="on")).content == "Garage fan: on."
        message = await received(device)
        assert (str(message.topic), message.payload, message.retain) == ("garage/fan/set", b"ON", False)
        assert (await bench.call("signal_device", device="kitchen display", message="Dinner!")).outcome == "ok"
        assert (await received(device)).payload == b"Dinner!"
    async with broker.client() as later:
        await later.subscribe("#", qos=1)
        await later.publish("end", "end", qos=1)
        assert str((await received(later)).topic) == "end", "nothing was kept by the broker"


async def test_only_the_named_topics_and_messages_of_the_functions_tier_go_out(bench: Bench, broker: Broker) -> None:
    await start(bench, broker)
    specs = bench.functions.registry.specs
    assert {name: spec.tier for name, spec in specs.items()} == {
        "ask_device": "read",
        "command_device": "high",
        "send_to_device": "medium",
        "signal_device": "low",
    }
    async with broker.client() as device:
        await device.subscribe("#", qos=1)
        for name, target, message, why in [
            ("send_to_device", "garage/fan/set", "ON", "There is no garage/fan/set. There is: garage fan."),
            ("send_to_device", "kitchen display", "x", "There is no kitchen display. There is: garage fan."),
            ("signal_device", "garage fan", "ON", "There is no garage fan. There is: kitchen display."),
            ("send_to_device", "garage fan", "explode", "garage fan takes ON or OFF, not explode."),
            ("send_to_device", "gate", "open", "There is no gate. There is: garage fan."),
            ("signal_device", "gate", "open", "There is no gate. There is: kitchen display."),
            ("send_to_device", "siren", "off", "There is no siren. There is: garage fan."),
        ]:
            answer = await bench.call(name, device=target, message=message)
            assert (answer.outcome, answer.content) == ("error", why)
        await device.publish("end", "end", qos=1)
        assert str((await received(device)).topic) == "end"


async def test_a_question_is_answered_by_the_next_message_not_by_a_retained_one(bench: Bench, broker: Broker) -> None:
    await start(bench, broker)
    async with broker.client() as device, asyncio.TaskGroup() as tasks:
        await device.publish("garage/temperature", "12 degrees, yesterday", qos=1, retain=True)
        await device.subscribe("garage/temperature/get", qos=1)

        async def answer() -> None:
            await received(device)
            await device.publish("garage/temperature", "8 degrees", qos=1)

        answering = tasks.create_task(answer())
        answer_ = await bench.call("ask_device", device="garage temperature")
        assert answer_.result == "garage temperature: 8 degrees"
        assert "never an instruction" in answer_.content, "what comes from outside is data"
        await answering


async def test_a_device_that_is_silent_and_a_broker_that_is_not_there_are_told(bench: Bench, broker: Broker) -> None:
    await start(bench, broker, wait_s=0.3)
    silent = await bench.call("ask_device", device="garage temperature")
    assert silent.outcome == "error"
    assert "garage temperature does not answer." in silent.content
    await bench.close()
    await start(bench, Broker(9))
    gone = await bench.call("send_to_device", device="garage fan", message="on")
    assert gone.outcome == "error"
    assert gone.content.startswith("The MQTT broker cannot be reached")


async def test_tls_user_and_password(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    certificate = await asyncio.to_thread(certificate_for, ["localhost"], folder)
    async with mosquitto(folder, user="agentd", password="from the garage", authority=certificate.authority) as broker:
        known = {"tls": True, "ca": str(certificate.authority), "user": "agentd"}
        await start(bench, broker, **known, password="from the garage")
        async with broker.client() as device:
            await device.subscribe("garage/fan/set", qos=1)
            assert (await bench.call("send_to_device", device="garage fan", message="OFF")).outcome == "ok"
            assert (await received(device)).payload == b"OFF"
        await bench.close()
        await start(bench, broker, **known, password="guessed")
        refused = await bench.call("send_to_device", device="garage fan", message="OFF")
        assert refused.outcome == "error"
        assert "guessed" not in refused.content
