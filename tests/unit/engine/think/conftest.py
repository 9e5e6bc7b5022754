"""The declarations the matcher is tried with, and a way to talk to it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from agentd.engine.providers import AgentText, Call, CallMade, ChatMessage, Say, ThinkEvent, ThinkRequest, UserText
from agentd.engine.think.matcher.thinker import OfflineMatcher
from agentd.functions.workers.generation import spec_of
from agentd.functions.workers.loader import load

FUNCTIONS = Path(__file__).parents[4] / "functions"
TODAY = date(2026, 11, 24)
"""A Tuesday."""

Declaration = dict[str, Any]


@dataclass
class Talk:
    """One conversation with the offline matcher; calls are answered by what ``results`` says, or "Done."."""

    functions: list[Declaration]
    results: dict[str, str] = field(default_factory=dict)
    messages: list[ChatMessage] = field(default_factory=list)
    session: dict[str, Any] = field(default_factory=dict)

    def think(self) -> list[ThinkEvent]:
        async def collect() -> list[ThinkEvent]:
            request = ThinkRequest("", tuple(self.messages), tuple(self.functions), {}, session=self.session)
            return [event async for event in OfflineMatcher(lambda: TODAY).think(request)]

        events = asyncio.run(collect())
        self.messages += [AgentText(event.text) for event in events if isinstance(event, Say)]
        return events

    def hear(self, text: str) -> list[ThinkEvent]:
        """What the matcher makes of a sentence: calls as they are asked for, not made."""
        self.messages.append(UserText(text))
        return self.think()

    def calls(self, text: str) -> "list[Made]":
        return [(event.name, dict(event.arguments)) for event in self.hear(text) if isinstance(event, Call)]

    def says(self, text: str) -> str:
        """What is said to a sentence, calls made and answered."""
        events = self.hear(text)
        for number, call in enumerate(event for event in events if isinstance(event, Call)):
            result = self.results.get(call.name, "Done.")
            self.messages.append(CallMade(f"fc_{number}", call.name, call.arguments, result))
        if any(isinstance(event, Call) for event in events):
            events = self.think()
        assert not any(isinstance(event, Call) for event in events)
        return " ".join(event.text for event in events if isinstance(event, Say))


MakeTalk = Callable[..., Talk]
Made = tuple[str, dict[str, Any]]


@pytest.fixture
def talk() -> MakeTalk:
    return Talk


TABLES: dict[str, dict[str, Any]] = {
    "handover": {"agents": {"billing": "bills", "support": "devices that do not work"}},
    "mqtt": {
        "broker": "localhost",
        "topics": {
            "garage fan": {"topic": "garage/fan/set", "messages": ["on", "off"]},
            "doorbell chime": {"topic": "door/chime", "messages": ["ring"], "tier": "low"},
        },
        "questions": {"garage temperature": {"topic": "garage/temperature/get", "answer": "garage/temperature"}},
    },
    "weather": {"latitude": 48.21, "longitude": 16.37, "place": "Vienna"},
    "web_lookup": {"url": "http://127.0.0.1/{query}"},
}
"""What the configuration has to hold for a file to be on."""


def _load(folder: Path = FUNCTIONS) -> list[Declaration]:
    declarations: list[Declaration] = []
    for path in sorted(folder.glob("[a-z]*.py")):
        loaded = load(path, path.read_bytes(), TABLES.get(path.stem, {}))
        assert not loaded.faults
        declarations += [spec_of(path, handler.describe()).declaration() for handler in loaded.handlers.values()]
    return declarations


@pytest.fixture(scope="session")
def shipped() -> list[Declaration]:
    """What functions/*.py declares to a model, as the daemon sends it."""
    return _load()


@pytest.fixture(scope="session")
def order_line() -> list[Declaration]:
    """The order line that ships as an example."""
    return _load(FUNCTIONS / "examples" / "order_line")


def declare(name: str, description: str, required: tuple[str, ...] = (), /, **properties: dict[str, Any]) -> Declaration:
    """A function object as a client writes it into Settings."""
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"name": name, "description": description, "parameters": parameters}


TEXT: dict[str, Any] = {"type": "string"}


@pytest.fixture(scope="session")
def library() -> list[Declaration]:
    """Handlers the matcher was not made with: a library's loans."""
    weeks = {"type": "integer", "description": "Length of the loan in weeks", "minimum": 1, "maximum": 8, "default": 3}
    return [
        declare(
            "lend_book",
            "Lend a book to a member of the library.",
            ("title", "member"),
            title={**TEXT, "description": "Title of the book"},
            member={**TEXT, "description": "Who borrows it"},
            weeks=weeks,
        ),
        declare("return_book", "Take back a book that was lent.", ("title",), title=TEXT),
        declare("renew_loan", "Extend the loan of a book by some weeks.", ("title",), title=TEXT, weeks=weeks),
        declare(
            "list_loans",
            "List the books a member has borrowed.",
            (),
            member=TEXT,
            overdue={"type": "boolean", "description": "Only overdue loans"},
        ),
        declare(
            "reserve_room",
            "Reserve a study room.",
            ("room", "date", "start"),
            room={**TEXT, "enum": ["blue room", "green room", "attic"]},
            date={**TEXT, "format": "date"},
            start={**TEXT, "format": "time"},
            duration={"type": "integer", "description": "minutes"},
        ),
    ]


@pytest.fixture(scope="session")
def clinic() -> list[Declaration]:
    """The medical assistant of the example systems: one field per function."""
    return [
        declare("set_patient_name", "Set the patient name", ("name",), name=TEXT),
        declare("set_mrn", "Set the medical record number", ("mrn",), mrn=TEXT),
        declare("set_date", "Set the appointment date", ("date",), date={**TEXT, "description": "YYYY-MM-DD"}),
        declare("set_time", "Set the appointment time", ("time",), time={**TEXT, "description": "HH:MM"}),
        declare("set_provider", "Set the provider", ("provider",), provider=TEXT),
        declare("set_reason", "Set the reason for the visit", ("reason",), reason=TEXT),
        declare("schedule_appointment", "Schedule the appointment"),
        declare("clear_appointment", "Clear the appointment form"),
        declare("cancel_appointment", "Cancel an appointment", ("number",), number={"type": "integer", "minimum": 1}),
    ]


@pytest.fixture(scope="session")
def service_desk() -> list[Declaration]:
    """The function calling demo of the example systems."""
    customer = {**TEXT, "description": "Customer's ID. Format: CUSTXXXX"}
    return [
        declare(
            "agent_filler",
            "Use this to provide natural filler before looking up information.",
            ("message_type",),
            message_type={**TEXT, "enum": ["lookup", "general"]},
        ),
        declare(
            "find_customer",
            "Look up a customer's account information.",
            (),
            customer_id=customer,
            phone={**TEXT, "description": "Phone number with country code"},
            email=TEXT,
        ),
        declare("get_orders", "Retrieve order history for a customer.", ("customer_id",), customer_id=customer),
        declare(
            "create_appointment",
            "Schedule a new appointment for a customer.",
            ("customer_id", "date", "service"),
            customer_id=customer,
            date={**TEXT, "description": "Appointment date and time in ISO format"},
            service={**TEXT, "enum": ["Consultation", "Follow-up", "Review", "Planning"]},
        ),
        declare(
            "check_availability",
            "Check available appointment slots within a date range.",
            ("start_date",),
            start_date={**TEXT, "description": "Start date in ISO format"},
            end_date={**TEXT, "description": "End date in ISO format"},
        ),
        declare(
            "end_call",
            "End the conversation and close the connection.",
            ("farewell_type",),
            farewell_type={**TEXT, "enum": ["thanks", "general", "help"]},
        ),
    ]


@pytest.fixture(scope="session")
def household() -> list[Declaration]:
    """All sorts of parameters: open text, flags, lists, ranges with named ends, durations in parts."""
    percent = {"type": "integer", "minimum": 0, "maximum": 100}
    return [
        declare("get_weather", "Get the current weather in a location.", ("location",), location=TEXT),
        declare(
            "send_message",
            "Send a text message to a contact.",
            ("to", "text"),
            to={**TEXT, "description": "Recipient"},
            text={**TEXT, "description": "What to say"},
        ),
        declare(
            "set_reminder",
            "Remind the user of something at a time.",
            ("text", "time"),
            text=TEXT,
            time={**TEXT, "format": "time"},
        ),
        declare("add_to_shopping_list", "Add an item to the shopping list.", ("item",), item=TEXT, quantity={"type": "integer"}),
        declare("play_music", "Play music by an artist or a genre.", ("query",), query=TEXT),
        declare("set_volume", "Set the volume of the speaker.", ("percent",), percent=percent),
        declare(
            "lock_door",
            "Lock or unlock a door.",
            ("door", "locked"),
            door={**TEXT, "enum": ["front door", "back door", "garage"]},
            locked={"type": "boolean"},
        ),
        declare("set_alarm", "Set an alarm.", ("time",), time={**TEXT, "description": "HH:MM"}),
        declare(
            "set_shutter",
            "Open or close a shutter.",
            ("shutter", "position"),
            shutter={**TEXT, "enum": ["left", "right"]},
            position={**percent, "description": "Position in percent; 0 is closed, 100 is open"},
        ),
        declare(
            "start_countdown",
            "Start a countdown",
            (),
            hours={"type": "integer"},
            minutes={"type": "integer"},
            seconds={"type": "integer"},
        ),
        declare(
            "order_pizza",
            "Order a pizza.",
            ("size",),
            size={**TEXT, "enum": ["small", "medium", "large"]},
            toppings={"type": "array", "items": {**TEXT, "enum": ["cheese", "ham", "mushrooms", "olives"]}},
        ),
        declare("search_web", "Search the web.", ("query",), query=TEXT),
    ]


@pytest.fixture(scope="session")
def robot() -> list[Declaration]:
    """A thing that drives about."""
    return [
        declare(
            "move",
            "Drive forward or backward by a distance.",
            ("direction",),
            direction={**TEXT, "enum": ["forward", "backward"]},
            meters={"type": "number", "description": "Distance in meters"},
        )
        | {"examples": ["Go forward ten meters."]},
        declare(
            "rotate",
            "Turn on the spot.",
            ("side", "angle"),
            side={**TEXT, "enum": ["left", "right"]},
            angle={"type": "integer", "description": "Angle in degrees", "minimum": 1, "maximum": 360},
        )
        | {"examples": ["Turn left ninety degrees."]},
        declare("stop_moving", "Stop at once.") | {"examples": ["Stop."]},
    ]


@pytest.fixture(scope="session")
def bank() -> list[Declaration]:
    """A small bank."""
    account = {**TEXT, "enum": ["checking account", "savings account"]}
    return [
        declare("get_balance", "Tell the balance of an account.", ("account",), account=account),
        declare(
            "transfer_money",
            "Transfer money between accounts.",
            ("amount", "from_account", "to_account"),
            amount={"type": "number", "description": "Amount in euros", "minimum": 1},
            from_account=account,
            to_account=account,
        ),
        declare("block_card", "Block a card.", ("card",), card={**TEXT, "enum": ["debit card", "credit card"]}),
    ]


@pytest.fixture(scope="session")
def cards() -> list[Declaration]:
    """A card table."""
    rank = {**TEXT, "enum": "two three four five six seven eight nine ten jack queen king ace".split()}
    suit = {**TEXT, "enum": ["clubs", "diamonds", "hearts", "spades"]}
    return [
        declare("play_card", "Play a card.", ("rank", "suit"), rank=rank, suit=suit),
        declare("deal_cards", "Deal cards to everyone.", ("count",), count={"type": "integer", "minimum": 1, "maximum": 10}),
    ]
