"""A company's service line: who the customer is, their orders and appointments, and booking a new one.

The data is made up and lies in ``_customers.json``; what is booked is kept by the daemon. Put your own system where
``records`` reads.
"""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from agentd.functions import AskUser, CallContext, FunctionError, function

LOOKING = ("Let me look that up for you.", "Still looking, one moment please.")
OPENS, CLOSES, DAYS_AHEAD = 9, 17, 7

Service = Literal["consultation", "follow-up", "review", "planning"]
CustomerId = Annotated[str, Field(description="Customer number: CUST and four digits", examples=["CUST0001"])]


@function(tier="read", filler=LOOKING, examples=["Look up customer CUST0001.", "Find the customer."])
async def find_customer(
    ctx: CallContext,
    customer_id: CustomerId | None = None,
    phone: Annotated[str | None, Field(description="Telephone number with country code, such as +15550100")] = None,
    email: Annotated[str | None, Field(description="E-mail address")] = None,
) -> dict[str, Any]:
    """Find a customer by customer number, telephone number or e-mail address."""
    if not (customer_id or phone or email or ctx.caller):
        raise AskUser("What is your customer number?", argument="customer_id")
    found = customer(customer_id, phone or (None if customer_id or email else ctx.caller), email)
    return {**found, "say": f"I have found you, {found['name']}. How can I help?"}


@function(tier="read", filler=LOOKING, examples=["What are the orders of customer CUST0001?"])
async def get_orders(customer_id: CustomerId) -> dict[str, Any]:
    """Tell the orders of a customer, the latest first."""
    of = customer(customer_id)["customer_id"]
    orders = sorted((order for order in records("orders") if order["customer_id"] == of), key=lambda order: order["date"])[::-1]
    told = "; ".join(f"{order['items']}, {order['total']:g} dollars, {order['status']}" for order in orders)
    return {"orders": orders, "say": f"You have {count(orders, 'order')}: {told}." if orders else "There are no orders."}


@function(tier="read", filler=LOOKING, examples=["Which appointments does CUST0001 have?"])
async def get_appointments(ctx: CallContext, customer_id: CustomerId) -> dict[str, Any]:
    """Tell the appointments of a customer."""
    of = customer(customer_id)["customer_id"]
    mine = [appointment for appointment in await booked(ctx) if appointment["customer_id"] == of]
    told = "; ".join(f"a {appointment['service']} on {spoken(appointment['date'])}" for appointment in mine)
    return {"appointments": mine, "say": f"You have {count(mine, 'appointment')}: {told}." if mine else "There are none."}


@function(tier="read", filler=LOOKING, examples=["Which times are free tomorrow?"])
async def check_availability(
    ctx: CallContext,
    start: Annotated[datetime, Field(description="From when, in ISO 8601, such as 2026-12-01T09:00")],
    end: Annotated[datetime | None, Field(description="Until when; left out: a week after start")] = None,
) -> dict[str, Any]:
    """Tell which hours are free for an appointment, Monday to Friday from nine to five."""
    taken = {appointment["date"] for appointment in await booked(ctx)}
    free = [slot for slot in slots(start, end or start + timedelta(days=DAYS_AHEAD)) if slot not in taken]
    told = ", ".join(map(spoken, free[:3]))
    return {"free": free[:40], "say": f"The first free times are {told}." if free else "There is nothing free then."}


@function(tier="medium", on_duplicate="answer", examples=["Book a consultation for CUST0001 tomorrow at ten."])
async def create_appointment(
    ctx: CallContext,
    customer_id: CustomerId,
    date: Annotated[datetime, Field(description="Full hour in ISO 8601, such as 2026-12-01T10:00")],
    service: Annotated[Service, Field(description="Kind of appointment")],
) -> dict[str, Any]:
    """Book an appointment for a customer."""
    of = customer(customer_id)["customer_id"]
    slot = date.replace(tzinfo=None).isoformat(timespec="minutes")
    if slot not in slots(date, date + timedelta(hours=1)):
        raise FunctionError(
            "Appointments begin on the full hour, Monday to Friday from nine to five. Please choose another time."
        )
    if any(appointment["date"] == slot for appointment in await booked(ctx)):
        raise FunctionError("That time is taken. Please choose another, or ask which times are free.")
    made = {
        "appointment_id": f"APT{await ctx.store.change('appointments', lambda number: number + 1, 9000)}",
        "customer_id": of,
        "date": slot,
        "service": service,
        "status": "scheduled",
    }
    if not await ctx.store.add(f"appointment/{slot}", made):
        raise FunctionError("That time has just been taken. Please choose another.")
    return {**made, "say": f"Your {service} is booked for {spoken(slot)}."}


@function(tier="low", examples=["Goodbye.", "End the call."])
async def end_call(
    ctx: CallContext,
    farewell: Annotated[Literal["thanks", "general", "help"], Field(description="What the call ends with")] = "general",
) -> dict[str, str]:
    """End the call with a farewell, once the caller wants nothing more. Say nothing after it."""
    words = {
        "thanks": "Thank you for calling. Have a great day!",
        "general": "Goodbye, and have a great day!",
        "help": "I am glad I could help. Have a great day!",
    }
    await ctx.say(words[farewell])
    await ctx.end_session(after_speech=True)
    return {"status": "closing"}


def records(kind: str) -> list[dict[str, Any]]:
    """The sample data of one kind: customers, orders or appointments."""
    data: dict[str, list[dict[str, Any]]] = json.loads(Path(__file__).with_name("_customers.json").read_text(encoding="utf-8"))
    return data[kind]


def customer(customer_id: str | None, phone: str | None = None, email: str | None = None) -> dict[str, Any]:
    """The customer who is meant; spoken numbers come with spaces or without their sign, and letters in any case."""
    wanted = {"customer_id": plain(customer_id).removeprefix("cust"), "phone": plain(phone), "email": plain(email)}
    for record in records("customers"):
        if any(value and plain(record[key]).removeprefix("cust") == value for key, value in wanted.items()):
            return record
    raise FunctionError("There is no such customer. Please say the number again, digit by digit.")


async def booked(ctx: CallContext) -> list[dict[str, Any]]:
    """All appointments: those of the sample data, and those made since."""
    made = await ctx.store.items("appointment/")
    return sorted([*records("appointments"), *made.values()], key=lambda appointment: str(appointment["date"]))


def slots(start: datetime, end: datetime) -> list[str]:
    """The hours at which an appointment may begin, as ISO 8601 without a zone."""
    hour = start.replace(tzinfo=None, minute=0, second=0, microsecond=0)
    hour += timedelta(hours=1) if hour < start.replace(tzinfo=None) else timedelta()
    found: list[str] = []
    while hour < end.replace(tzinfo=None) and len(found) < 1000:
        if hour.weekday() < 5 and OPENS <= hour.hour < CLOSES:
            found.append(hour.isoformat(timespec="minutes"))
        hour += timedelta(hours=1)
    return found


def spoken(moment: str) -> str:
    """A moment as one says it: Tuesday, December 1 at 10 AM."""
    at = datetime.fromisoformat(moment)
    return f"{at:%A}, {at:%B} {at.day} at {at.hour % 12 or 12} {'AM' if at.hour < 12 else 'PM'}"


def count(things: list[Any], name: str) -> str:
    """So many things: 1 order, 2 orders."""
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def plain(text: str | None) -> str:
    """Without spaces, signs and capitals."""
    return "".join(sign for sign in (text or "").casefold() if sign not in " -+().")
