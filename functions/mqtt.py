"""Messages to devices that speak MQTT, and questions to them: only on the topics that the configuration names.

    [functions.mqtt]
    broker = "mqtt.home.arpa"
    port = 8883                                   # 1883 without tls
    tls = true                                    # ca = "/etc/ssl/own-ca.pem" for a certificate of your own
    user = "agentd"
    password = { credential = "mqtt" }
    wait_s = 5                                    # for the broker, and for an answer

    [functions.mqtt.topics."garage fan"]          # as one says it
    topic = "garage/fan/set"
    messages = ["on", "off"]                      # left out: any text
    tier = "low"                                  # acts harmlessly; "high": a person confirms it; left out: "medium"

    [functions.mqtt.questions."garage temperature"]  # for what only looks
    topic = "garage/temperature/get"              # an empty message goes out here,
    answer = "garage/temperature"                 # and the next message here is the answer

Nothing is ever published as retained, and a retained message answers nothing: it may be from yesterday.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

from pydantic import Field

from agentd.functions import CallContext, FunctionError, function

REQUIRES = ("broker",)

TOLD_CHARS = 1000
"""Of an answer."""

DEVICES: list[str] = []
HARMLESS: list[str] = []
GUARDED: list[str] = []
QUESTIONS: list[str] = []
MESSAGES: list[str] = []
HARMLESS_MESSAGES: list[str] = []
GUARDED_MESSAGES: list[str] = []
KNOWN = {"low": (HARMLESS, HARMLESS_MESSAGES), "medium": (DEVICES, MESSAGES), "high": (GUARDED, GUARDED_MESSAGES)}

Message = Annotated[str, Field(description="What to send", examples=MESSAGES, max_length=1000)]
HarmlessMessage = Annotated[str, Field(description="What to send", examples=HARMLESS_MESSAGES, max_length=1000)]
GuardedMessage = Annotated[str, Field(description="What to send", examples=GUARDED_MESSAGES, max_length=1000)]


async def prepare(config: Mapping[str, Any]) -> None:
    """Let the names of the devices be known to models and to the offline thinker."""
    for name, device in config.get("topics", {}).items():
        names, messages = KNOWN[tier_of(device)]
        names.append(name)
        messages += [message for message in device.get("messages", ()) if message not in messages]
    QUESTIONS.extend(config.get("questions", {}))


@function(tier="medium")
async def send_to_device(
    ctx: CallContext,
    device: Annotated[str, Field(description="Name of the device", examples=DEVICES)],
    message: Message,
) -> str:
    """Send a message to a device, such as on or off."""
    return await send(ctx, device, message, "medium")


@function(tier="low")
async def signal_device(
    ctx: CallContext,
    device: Annotated[str, Field(description="Name of the device", examples=HARMLESS)],
    message: HarmlessMessage,
) -> str:
    """Send a message to a harmless device, such as on or off."""
    return await send(ctx, device, message, "low")


@function(tier="high")
async def command_device(
    ctx: CallContext,
    device: Annotated[str, Field(description="Name of the device", examples=GUARDED)],
    message: GuardedMessage,
) -> str:
    """Send a message to a guarded device, such as a gate or a siren."""
    return await send(ctx, device, message, "high")


@function(tier="read", untrusted_output=True, filler="One moment.")
async def ask_device(
    ctx: CallContext, device: Annotated[str, Field(description="Name of what is asked", examples=QUESTIONS)]
) -> str:
    """Ask a device or a sensor, and tell what it answers."""
    name, question = named(ctx.config.get("questions", {}), device)
    async with connected(ctx.config) as client:
        await client.subscribe(question["answer"], qos=1)
        await client.publish(question["topic"], question.get("message", ""), qos=1, retain=False)
        try:
            async with asyncio.timeout(ctx.config.get("wait_s", 5)):
                async for message in client.messages:
                    if not message.retain:
                        return f"{name}: {bytes(message.payload).decode('utf-8', 'replace')[:TOLD_CHARS]}"
        except TimeoutError:
            pass
    raise FunctionError(f"{name} does not answer.")


async def send(ctx: CallContext, device: str, message: str, tier: str) -> str:
    """Publish ``message`` to a device of this tier."""
    topics = {name: topic for name, topic in ctx.config.get("topics", {}).items() if tier_of(topic) == tier}
    name, topic = named(topics, device)
    allowed = topic.get("messages")
    known = {text.casefold(): text for text in allowed or ()}
    if allowed is not None and message.casefold() not in known:
        raise FunctionError(f"{name} takes {' or '.join(allowed)}, not {message}.")
    async with connected(ctx.config) as client:
        await client.publish(topic["topic"], known.get(message.casefold(), message), qos=1, retain=False)
    return f"{name[:1].upper()}{name[1:]}: {message}."


def tier_of(topic: Mapping[str, Any]) -> str:
    """Of a device; what is no tier is taken for the highest."""
    tier = str(topic.get("tier", "medium"))
    return tier if tier in KNOWN else "high"


def named(things: Mapping[str, Any], name: str) -> tuple[str, Mapping[str, Any]]:
    """What is called so in the configuration."""
    for other, thing in things.items():
        if other.casefold() == name.casefold().removeprefix("the "):
            return other, thing
    raise FunctionError(f"There is no {name}. There is: {', '.join(things) or 'nothing'}.")


@asynccontextmanager
async def connected(config: Mapping[str, Any]) -> AsyncIterator[Any]:
    """A connection to the broker, for one call."""
    try:
        import aiomqtt  # noqa: PLC0415 - only where a broker is configured
    except ImportError:
        raise FunctionError("The MQTT client is not installed: pip install 'agentd[mqtt]'.") from None
    tls = ssl.create_default_context(cafile=config.get("ca")) if config.get("tls") else None
    try:
        async with aiomqtt.Client(
            config["broker"],
            config.get("port", 8883 if tls else 1883),
            username=config.get("user"),
            password=config.get("password"),
            tls_context=tls,
            timeout=config.get("wait_s", 5),
        ) as client:
            yield client
    except aiomqtt.MqttError as error:
        raise FunctionError(f"The MQTT broker cannot be reached: {error}") from None
