"""The example agents, talked to in writing, as a user's own tests do it: the offline thinker understands, the handlers run."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from agentd.testing import Conversation, FunctionTester
from tests.support.command_line import agentd
from tests.support.daemon import daemon_process
from tests.support.model_server import Answer, delta, model_server

pytestmark = [pytest.mark.e2e, pytest.mark.models]

EXAMPLES = Path(__file__).parents[3] / "functions/examples"
FOLDERS = sorted(path.parent.name for path in EXAMPLES.glob("*/agentd.toml"))


def config(name: str) -> dict[str, Any]:
    return tomllib.loads((EXAMPLES / name / "agentd.toml").read_text(encoding="utf-8"))


@pytest.fixture
def agentd_functions_dir(example: str) -> Path:
    return EXAMPLES / example


@pytest.fixture
def agentd_settings(example: str) -> dict[str, Any]:
    return {key: value for key, value in config(example).items() if key != "paths"}


def of(example: str) -> pytest.MarkDecorator:
    """The test is about this example."""
    return pytest.mark.parametrize("example", [example])


@pytest.mark.parametrize("folder", FOLDERS)
async def test_an_example_finds_its_functions_from_where_its_readme_starts_it(folder: str, tmp_path: Path) -> None:
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    (started,) = re.findall(rf"`agentd serve (--config \S+/{folder}/agentd.toml)`", readme)
    ran = await agentd("functions", "check", *started.split(), "--json", cwd=EXAMPLES.parents[1], HOME=str(tmp_path))
    assert ran.status == 0, ran
    offered = {item["name"] for item in json.loads(ran.out)["items"]}
    named = {name for agent in config(folder)["agents"].values() for name in agent.get("functions", ())}
    assert offered
    assert named <= offered


@pytest.mark.parametrize("folder", ["customer_service", "medical", "order_line"])
async def test_what_an_example_says_that_people_say_is_understood(folder: str, tmp_path: Path) -> None:
    ran = await agentd("functions", "test", "--config", EXAMPLES / folder / "agentd.toml", cwd=tmp_path)
    assert ran.status == 0, ran.out


@of("customer_service")
def test_a_service_line_finds_customers_books_and_says_goodbye(conversation: Conversation) -> None:
    conversation.start(agent="retail", metadata={"caller": "+1 555 0101"})
    assert "Alice Moreau" in conversation.say("Look up customer CUST0001.").said
    orders = conversation.say("What are the orders of customer CUST0001?").said
    assert "one bookshelf, 240 dollars, on its way; two desk lamps" in orders
    assert "Bob Tanaka" in conversation.say("Find the customer.").said, "by the number that calls"
    assert "Carla Neri" in conversation.say("Find the customer with the phone number 1 555 0102.").said
    assert "The first free times are" in conversation.say("Which times are free tomorrow?").said
    booked = conversation.say("Book a consultation for CUST0001 on 7 December 2026 at ten.")
    assert "booked for Monday, December 7 at 10 AM" in booked.said
    again = conversation.say("Book a review for CUST0002 on 7 December 2026 at ten.")
    assert again.outcomes == ["error"]
    assert "That time is taken" in again.settled[0].result
    bye = conversation.say("Goodbye.")
    assert (bye.calls, bye.outcome) == ([("end_call", {})], "completed")
    assert conversation.wait_for("SessionEnded")["end_reason"] == "agent_ended"


@of("medical")
def test_the_modes_of_the_medical_assistant_change_by_a_phrase(conversation: Conversation) -> None:
    conversation.start(agent="scheduling")
    conversation.say("Set the patient name to Maria Lopez.")
    conversation.say("Change the date to December third.")
    assert "Still missing: time" in conversation.say("Schedule the appointment.").settled[0].result
    conversation.say("Set the time to ten thirty.")
    assert "Appointment 1 for Maria Lopez is scheduled" in conversation.say("Schedule the appointment.").said

    assert conversation.say("Start drug dispatch.").outcomes == ["ok"]
    conversation.say("Set the patient name to Maria Lopez.")
    conversation.say("Set the medication to amoxicillin.")
    conversation.say("Set the dosage to 500 milligrams.")
    conversation.say("Set the frequency to three times a day.")
    assert "Everything is filled in" in conversation.say("Change the pharmacy to Main Street.").said

    assert conversation.say("Go to scheduling.").outcomes == ["ok"]
    assert "Maria Lopez" in conversation.say("Which appointments are there?").said


@of("medical")
@pytest.mark.parametrize("agreed", [True, False])
def test_a_prescription_is_sent_when_a_second_person_agrees_and_not_otherwise(
    conversation: Conversation, *, agreed: bool
) -> None:
    conversation.confirm = agreed
    conversation.start(agent="dispatch")
    for field in (
        "patient name to Maria Lopez",
        "medication to amoxicillin",
        "dosage to 500 milligrams",
        "pharmacy to Main Street",
    ):
        conversation.say(f"Set the {field}.")
    conversation.say("Set the frequency to three times a day.")
    sent = conversation.say("Dispatch the prescription.")
    assert sent.outcomes == (["ok"] if agreed else ["denied"])
    assert conversation.confirmations == [("dispatch_prescription", {})]
    pending = conversation.say("Which prescriptions are pending?").said
    assert ("amoxicillin for Maria Lopez, pending" in pending) is agreed


@of("medical")
def test_a_deleted_note_gives_its_number_to_no_other(functions: FunctionTester) -> None:
    for patient in ("Ann", "Bob", "Cem"):
        functions.call("set_note_section", section="patient name", text=patient)
        functions.call("set_note_section", section="chief complaint", text="cough")
        functions.call("save_note")
        if patient == "Bob":
            functions.call("delete_note", number=1)
    assert functions.call("list_notes").content == "Notes: 3: Cem, cough; 2: Bob, cough."


@of("order_line")
def test_an_order_is_taken_read_back_and_placed(conversation: Conversation) -> None:
    conversation.start(agent="order_line", metadata={"caller": "+15550123"})
    conversation.say("I would like two large mushroom pizzas.")
    conversation.say("Add three lemonades.")
    assert "2 large mushroom pizzas, 3 small lemonades. That is 37 dollars" in conversation.say("What is on my order?").said
    conversation.say("Remove the lemonade.")
    assert "Under which name" in conversation.say("Place the order.").said
    assert "Your order number is 1, that is 28 dollars" in conversation.say("Anna").said


async def test_azure_thinks_with_the_key_in_its_own_header(tmp_path: Path) -> None:
    text = (EXAMPLES / "azure/agentd.toml").read_text(encoding="utf-8")
    async with model_server(Answer([delta(content="Noon in the cloud.")])) as (server, url):
        here = text.replace("https://your-resource.openai.azure.com", url.partition("/openai")[0])
        async with daemon_process(tmp_path, here) as daemon:
            assert (await daemon.call("POST", "/v1/sessions", json={"id": "azure"})).status == 201
            asked = {"role": "user", "content": "What time is it?"}
            turn = await daemon.call("POST", "/v1/sessions/azure/messages?wait=reply", json=asked)
            assert turn.json["said"] == "Noon in the cloud."
    (request,) = server.requests
    assert request["path"] == "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21"
    headers = {name.lower(): value for name, value in request["headers"].items()}
    assert headers["api-key"] == "your-key"
    assert not re.search("bearer", str(headers), re.IGNORECASE)
