"""A medical assistant in three modes: scheduling, clinical notes, drug dispatch. Each mode is a profile of agentd.toml.

Forms are filled in by voice, one field after the other, and kept by the daemon until they are sent or cleared. To send
a prescription is dangerous, so a second person confirms it on another device.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from agentd.functions import CallContext, FunctionError, function


class Form:
    """One kind of form.

    Args:
        kind: what the filled form becomes: ``appointment``, ``note``, ``prescription``.
        required: fields without which it is not sent.
    """

    def __init__(self, kind: str, *, required: tuple[str, ...]) -> None:
        self.kind = kind
        self.required = required

    async def set(self, ctx: CallContext, field: str, value: str) -> str:
        """Fill in a field, and tell what is still missing."""
        form = await ctx.store.change(self._key(ctx), lambda form: form | {field: value}, {})
        missing = [name for name in self.required if name not in form]
        return f"The {field} is {value}. " + (f"Still missing: {', '.join(missing)}." if missing else "Everything is filled in.")

    async def send(self, ctx: CallContext, **more: Any) -> dict[str, Any]:
        """Make a record of the open form, and begin a new one."""
        form = await self.open(ctx)
        missing = [name for name in self.required if name not in form]
        if missing:
            raise FunctionError(f"Still missing: {', '.join(missing)}.")
        number = 1 + max((record["number"] for record in await self.records(ctx)), default=0)
        record = {"number": number, **form, **more}
        while not await ctx.store.add(f"{self.kind}/{record['number']:06d}", record):  # somebody else has just sent one
            record["number"] += 1
        await ctx.store.delete(self._key(ctx))
        return record

    async def clear(self, ctx: CallContext) -> str:
        """Throw the open form away."""
        await ctx.store.delete(self._key(ctx))
        return f"The {self.kind} is cleared."

    async def open(self, ctx: CallContext) -> dict[str, Any]:
        """What is filled in so far."""
        form: dict[str, Any] = await ctx.store.get(self._key(ctx), {})
        return form

    async def records(self, ctx: CallContext) -> list[dict[str, Any]]:
        """Everything that was sent, the latest first."""
        return list((await ctx.store.items(f"{self.kind}/")).values())[::-1]

    async def change(self, ctx: CallContext, number: int, **changes: Any) -> None:
        """Change a record, or delete it when nothing is to change."""
        key = f"{self.kind}/{number:06d}"
        record = await ctx.store.get(key)
        if record is None:
            raise FunctionError(f"There is no {self.kind} {number}.")
        await (ctx.store.set(key, record | changes) if changes else ctx.store.delete(key))

    def _key(self, ctx: CallContext) -> str:
        return f"open/{self.kind}/{ctx.session_id}"


# --- scheduling

appointments = Form("appointment", required=("patient name", "date", "time"))

AppointmentField = Literal["patient name", "record number", "date", "time", "provider", "reason"]


@function(tier="low", examples=["Set the provider to Doctor Weber.", "Change the date to December third."])
async def set_appointment_field(
    ctx: CallContext,
    field: Annotated[AppointmentField, Field(description="Which field")],
    value: Annotated[str, Field(description="Its value", max_length=200)],
) -> str:
    """Set a field of the appointment.

    Days are kept as YYYY-MM-DD and times as HH:MM where the model says them so.
    """
    return await appointments.set(ctx, field, value)


@function(tier="medium", on_duplicate="answer", examples=["Schedule the appointment."])
async def schedule_appointment(ctx: CallContext) -> str:
    """Schedule the appointment that is filled in, once the user has confirmed it."""
    made = await appointments.send(ctx, status="scheduled")
    return f"Appointment {made['number']} for {made['patient name']} is scheduled on {made['date']} at {made['time']}."


@function(tier="low", examples=["Clear the appointment.", "Cancel scheduling."])
async def clear_appointment(ctx: CallContext) -> str:
    """Throw away what is filled in of the appointment."""
    return await appointments.clear(ctx)


@function(tier="read", examples=["Which appointments are there?"])
async def list_appointments(ctx: CallContext) -> str:
    """Tell the scheduled appointments."""
    told = [
        f"{made['number']}: {made['patient name']} on {made['date']} at {made['time']}"
        for made in await appointments.records(ctx)
    ]
    return f"Appointments: {'; '.join(told)}." if told else "There are no appointments."


@function(tier="medium", examples=["Cancel appointment two."])
async def cancel_appointment(ctx: CallContext, number: Annotated[int, Field(description="Its number", ge=1)]) -> str:
    """Cancel a scheduled appointment."""
    await appointments.change(ctx, number)
    return f"Appointment {number} is cancelled."


# --- clinical notes

notes = Form("note", required=("patient name", "chief complaint"))

Section = Literal[
    "patient name",
    "record number",
    "date of birth",
    "gender",
    "visit date",
    "visit time",
    "visit type",
    "provider",
    "chief complaint",
    "present illness",
    "review of systems",
    "physical exam",
    "assessment",
    "plan",
]


@function(tier="low", examples=["Set the chief complaint to dry cough.", "Change the assessment to acute bronchitis."])
async def set_note_section(
    ctx: CallContext,
    section: Annotated[Section, Field(description="Which section")],
    text: Annotated[str, Field(description="As dictated", max_length=4000)],
) -> str:
    """Set a section of the note."""
    return await notes.set(ctx, section, text)


@function(tier="medium", on_duplicate="answer", examples=["Save the note."])
async def save_note(ctx: CallContext) -> str:
    """Save the note that is filled in."""
    saved = await notes.send(ctx)
    return f"Note {saved['number']} for {saved['patient name']} is saved."


@function(tier="low", examples=["Clear the note."])
async def clear_note(ctx: CallContext) -> str:
    """Throw away what is filled in of the note."""
    return await notes.clear(ctx)


@function(tier="read", examples=["Which notes are there?"])
async def list_notes(ctx: CallContext) -> str:
    """Tell the saved notes."""
    told = [f"{note['number']}: {note['patient name']}, {note['chief complaint']}" for note in await notes.records(ctx)]
    return f"Notes: {'; '.join(told)}." if told else "There are no notes."


@function(tier="medium", examples=["Delete note two."])
async def delete_note(ctx: CallContext, number: Annotated[int, Field(description="Its number", ge=1)]) -> str:
    """Delete a saved note."""
    await notes.change(ctx, number)
    return f"Note {number} is deleted."


# --- drug dispatch

prescriptions = Form("prescription", required=("patient name", "medication", "dosage", "frequency", "pharmacy"))

PrescriptionField = Literal["patient name", "record number", "medication", "dosage", "frequency", "pharmacy"]


@function(tier="low", examples=["Set the dosage to 500 milligrams.", "Change the pharmacy to Main Street."])
async def set_prescription_field(
    ctx: CallContext,
    field: Annotated[PrescriptionField, Field(description="Which field")],
    value: Annotated[str, Field(description="Its value, as said", max_length=200)],
) -> str:
    """Set a field of the prescription."""
    return await prescriptions.set(ctx, field, value)


@function(tier="high", on_duplicate="answer", examples=["Dispatch the prescription."])
async def dispatch_prescription(ctx: CallContext) -> str:
    """Send the prescription that is filled in to the pharmacy."""
    sent = await prescriptions.send(ctx, status="pending")
    return f"Prescription {sent['number']}, {sent['medication']} for {sent['patient name']}, was sent to {sent['pharmacy']}."


@function(tier="low", examples=["Clear the prescription.", "Cancel drug dispatch."])
async def clear_prescription(ctx: CallContext) -> str:
    """Throw away what is filled in of the prescription."""
    return await prescriptions.clear(ctx)


@function(tier="read", examples=["Which prescriptions are pending?"])
async def list_prescriptions(ctx: CallContext) -> str:
    """Tell the prescriptions and their status."""
    told = [
        f"{sent['number']}: {sent['medication']} for {sent['patient name']}, {sent['status']}"
        for sent in await prescriptions.records(ctx)
    ]
    return f"Prescriptions: {'; '.join(told)}." if told else "There are no prescriptions."


@function(tier="medium", examples=["Mark prescription two as dispatched."])
async def mark_prescription(
    ctx: CallContext,
    number: Annotated[int, Field(description="Its number", ge=1)],
    status: Annotated[Literal["pending", "dispatched"], Field(description="What it is now")],
) -> str:
    """Mark a prescription as pending or dispatched."""
    await prescriptions.change(ctx, number, status=status)
    return f"Prescription {number} is {status}."


# --- changing the mode

PROFILES = {"scheduling": "scheduling", "clinical notes": "notes", "drug dispatch": "dispatch"}


@function(tier="low", examples=["Start drug dispatch.", "Go to scheduling.", "Switch to clinical notes.", "Clinical notes."])
async def switch_mode(
    ctx: CallContext,
    mode: Annotated[Literal["scheduling", "clinical notes", "drug dispatch"], Field(description="What to work on")],
) -> str:
    """Change what the assistant works on, when the user says so."""
    if PROFILES[mode] == ctx.agent:
        return f"We are in {mode} already."
    await ctx.hand_over(PROFILES[mode])
    return f"This is {mode} now."
