"""What is refused at once, whoever asks how: no confirmation is even asked for."""

from typing import Any, Final

from tests.e2e.functions.hostile.scripts import control
from tests.support.house import House

REFUSED: Final[list[tuple[str, str, dict[str, Any], str, Any, str]]] = [
    # label, agent, start request, function, arguments, outcome
    ("an agent without a word about high", "plain", {}, "unlock", {}, "denied"),
    ("an agent that lists it and is not allowed it", "listed", {}, "unlock", {"door": "shed"}, "denied"),
    ("an agent that is allowed it and does not list it", "elsewhere", {}, "unlock", {}, "denied"),
    ("an agent that needs no confirmation for what it is not allowed", "careless", {}, "unlock", {}, "denied"),
    ("a device, by an agent without a word about high", "plain", {}, "open_garage", {}, "denied"),
    ("a tool of an MCP server, by an agent without a word about high", "plain", {}, "disarm", {}, "denied"),
    ("a client's function, by an agent without a word about high", "plain", {}, "ring", {}, "denied"),
    ("one in the background, by an agent without a word about high", "plain", {}, "sell", {}, "denied"),
    ("a session that was narrowed", "trusting", {"functions": ["lock"]}, "unlock", {}, "denied"),
    ("a session that was narrowed to nothing", "trusting", {"functions": []}, "unlock", {}, "denied"),
    ("the quiet hours", "night", {}, "unlock", {}, "denied"),
    ("the quiet hours, for a device", "night", {}, "open_garage", {}, "denied"),
    ("a caller from anywhere", "phone", {"metadata": {"caller": "+4366666"}}, "unlock", {}, "denied"),
    ("a caller without a number", "phone", {"metadata": {"caller": ""}}, "unlock", {}, "denied"),
    ("a caller whose number only begins alike", "phone", {"metadata": {"caller": "+43123456"}}, "unlock", {}, "denied"),
    ("a caller whose number only looks alike", "phone", {"metadata": {"caller": "+431234\uff15"}}, "unlock", {}, "denied"),
    ("a caller of an agent that lists no numbers", "trusting", {"metadata": {"caller": "+4312345"}}, "unlock", {}, "denied"),
    ("another door", "shed", {}, "unlock", {"door": "front"}, "denied"),
    ("another door by default", "shed", {}, "unlock", {}, "denied"),
    ("another door said last", "shed", {}, "unlock", '{"door": "shed", "door": "front"}', "denied"),
    ("both doors", "shed", {}, "unlock", {"door": ["shed", "front"]}, "invalid"),
    ("no door", "shed", {}, "unlock", {"door": None}, "invalid"),
    ("the name in capitals", "trusting", {}, "UNLOCK", {}, "unknown"),
    ("the name with a capital", "trusting", {}, "Unlock", {}, "unknown"),
    ("the name with a space", "trusting", {}, "unlock ", {}, "unknown"),
    ("the name with a line break", "trusting", {}, "unlock\n", {}, "unknown"),
    ("the name with a zero", "trusting", {}, "unlock\u0000", {}, "unknown"),
    ("the name in full width", "trusting", {}, "\uff55\uff4e\uff4c\uff4f\uff43\uff4b", {}, "unknown"),
    ("the name with a Cyrillic letter", "trusting", {}, "unl\u043eck", {}, "unknown"),
    ("the name with nothing in it that shows", "trusting", {}, "un\u200block", {}, "unknown"),
    ("the name with a dotted letter", "trusting", {}, "unlock\u0307", {}, "unknown"),
    ("the name with its file", "trusting", {}, "house.unlock", {}, "unknown"),
    ("the name with a path", "trusting", {}, "../house/unlock", {}, "unknown"),
    ("no name", "trusting", {}, "", {}, "unknown"),
    ("a name as long as a book", "trusting", {}, "unlock" * 2000, {}, "unknown"),
    ("a name of the machinery", "trusting", {}, "__import__", {"name": "os"}, "unknown"),
    ("a function that approves", "trusting", {}, "approve", {"approve": True}, "unknown"),
    ("arguments that are no JSON", "trusting", {}, "unlock", "{door: front}", "invalid"),
    ("arguments that end early", "trusting", {}, "unlock", '{"door": "front"', "invalid"),
    ("arguments that are a list", "trusting", {}, "unlock", '["front"]', "invalid"),
    ("arguments that are nothing", "trusting", {}, "unlock", "null", "invalid"),
    ("arguments in which nothing is a number", "trusting", {}, "buy", '{"item": "milk", "count": NaN}', "invalid"),
    ("arguments with an approval", "trusting", {}, "unlock", {"door": "front", "approve": True}, "invalid"),
    ("arguments with a nonce", "trusting", {}, "unlock", {"door": "front", "nonce": "x", "confirmed": True}, "invalid"),
    ("arguments for the machinery", "trusting", {}, "unlock", {"ctx": {}, "door": "front"}, "invalid"),
    ("a door that does not exist", "trusting", {}, "unlock", {"door": "back"}, "invalid"),
    ("a door in capitals", "trusting", {}, "unlock", {"door": "FRONT"}, "invalid"),
    ("a door that is a thing", "trusting", {}, "unlock", {"door": {"door": "front"}}, "invalid"),
    ("a number as text that is none", "trusting", {}, "buy", {"item": "milk", "count": "all"}, "invalid"),
    ("a number beyond its bounds", "trusting", {}, "buy", {"item": "milk", "count": 10_000}, "invalid"),
    ("arguments as large as a book", "trusting", {}, "buy", {"item": "x" * 20_000}, "invalid"),
    ("arguments as deep as a well", "trusting", {}, "buy", '{"item": ' + "[" * 5000 + "]" * 5000 + "}", "invalid"),
    ("arguments of 32 levels", "trusting", {}, "buy", '{"item": ' + "[" * 32 + "]" * 32 + "}", "invalid"),
    ("arguments of 252 levels", "trusting", {}, "buy", '{"item": ' + "[" * 252 + "]" * 252 + "}", "invalid"),
    ("arguments of 1000 levels", "trusting", {}, "buy", '{"item": ' + "[" * 1000 + "]" * 1000 + "}", "invalid"),
    ("half a character", "trusting", {}, "buy", '{"item": "\\ud800"}', "invalid"),
]


@control
async def who_is_trusted_does_it_at_once(home: House) -> None:
    model = await home.enter("trusting")
    for name in ("unlock", "open_garage"):
        await model.call(name)
    model = await home.enter("trusting")
    await model.call("disarm")


@control
async def a_session_that_was_narrowed_to_it_does_it(home: House) -> None:
    model = await home.enter("trusting", functions=["unlock"])
    await model.call("unlock")


@control
async def the_door_that_is_allowed_is_opened(home: House) -> None:
    model = await home.enter("shed")
    await model.call("unlock", {"door": "shed"})
