"""Writes ``config.toml``, the reference of all keys, from the sections and the text under each key.

``python -m agentd.config.reference`` (``make generate``) writes it; a test fails when the file is not what this makes.
Never imported by the daemon.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic.fields import FieldInfo

from agentd.config import sections
from agentd.config.sections import Section, Settings
from agentd.config.toml import toml_value

_WIDTH: Final = 130

_HEADER: Final = """\
# agentd: every key with its default. A key that is commented out has no value; what stands there is an example.
#
# agentd reads what --config FILE names, else ./config.toml, else /etc/agentd/config.toml. The environment wins over
# the file: AGENTD_<SECTION>__<KEY>, such as AGENTD_SERVER__PORT=9000. An unknown key is an error.
# `agentd check` shows what is in effect. Times end in _s (seconds) or _ms, sizes in _bytes.
"""

_PROFILES: Final = '''\
# Agents. Each [agents.<name>] is what a session starts with; a request may narrow or change it.
#   upstream    "auto" (Deepgram when there is a key, else the embedded engine), "deepgram" or "engine"
#   prompt      what the agent is told about itself
#   greeting    what it says first; left out: it waits for the user
#   goodbye     what it says to who is still there when the daemon stops and limits.drain_s is over; left out: nothing
#   hand_over   agents that a function may let the conversation go on with (ctx.hand_over); left out: none
#   functions   names from the handlers in functions_dir; left out: all that it may call
#   allow_high  functions of tier "high" that it may ask for; a person confirms each call on another device
#   unconfirmed_high  those of allow_high that need no confirmation until the conversation was told something from outside
#   high_callers      telephone numbers from which allow_high counts; from others nothing of tier "high" is called
#   quiet_hours       spans such as "22:00-07:00" (local time) in which nothing of the tiers "medium" and "high" is called
#   confirmation_text what it says while a call waits for its confirmation
#   settings    any part of the Voice Agent Settings message
[agents.home]
upstream = "auto"
prompt = """
You are the voice of a home. You switch lights, set the heating, move blinds, keep timers, reminders, lists and notes, and tell
the time, dates and the weather, with the functions at hand.
Answer in one short spoken sentence, without lists or markup. Say that something is done only after its function said so.
If a room or a value is missing, ask for it."""
greeting = "Hello, what can I do for you?"

# The only values that the agent may give for an argument of a function:
# [agents.home.argument_limits.set_heating]
# room = ["living room", "office"]

# [agents.home.settings.agent.listen.provider]
# type = "deepgram"
# model = "nova-3"

# [agents.home.settings.agent.think]
# provider = { type = "open_ai", model = "gpt-4o-mini" }
# endpoint = { url = "http://127.0.0.1:11434/v1/chat/completions" }  # its origin belongs into [security] allowed_endpoints

# [agents.home.settings.agent.speak.provider]
# type = "deepgram"
# model = "aura-2-thalia-en"

# Settings of your handlers: [functions.<file>] reaches functions/<file>.py as ctx.config. Here and in all tables below,
# { credential = "name" } stands for what systemd's LoadCredential=name or the file <state_dir>/credentials/name (0600) holds.
# enabled = false switches a file off; files that need their table are off without it (functions/README.md tells what each does).

# [functions.clock]
# time_zone = "Europe/Vienna"  # left out: the machine's

# [functions.reminders]
# time_zone = "Europe/Vienna"

# [functions.weather]
# latitude = 48.21
# longitude = 16.37
# place = "Vienna"  # as it is to be said
# url = "http://127.0.0.1:8080/v1/forecast"  # an Open-Meteo server of your own

# [functions.web_lookup]
# url = "http://127.0.0.1:8888/search?format=json&q={query}"
# pointer = "/results/0/content"  # JSON pointer to the text in the answer
# headers = { Authorization = { credential = "search" } }

# [functions.home_assistant]  # docs/home-assistant.md
# url = "http://homeassistant.local:8123"
# token = { credential = "home-assistant" }
# allow = ["exposed", "area:Garage", "lock.front_door"]  # left out: what it exposes to its own voice assistants

# [functions.mqtt]
# broker = "mqtt.home.arpa"
# tls = true
# user = "agentd"
# password = { credential = "mqtt" }
# [functions.mqtt.topics."garage fan"]  # as one says it; only these topics are ever published to
# topic = "garage/fan/set"
# messages = ["on", "off"]  # left out: any text
# tier = "low"  # left out: "medium"
# [functions.mqtt.questions."garage temperature"]
# topic = "garage/temperature/get"
# answer = "garage/temperature"

# [functions.handover.agents]  # the profile must allow it too: [agents.home] hand_over = ["billing"]
# billing = "bills and payments"

# [functions.farewell]
# farewell = "Goodbye, talk to you soon."

# A function that is one HTTP request. Its origin belongs into [security] allowed_endpoints. Left out, tier is "high".
# [functions.http.get_solar_power]
# description = "Get the power the solar panels deliver now, in watts."
# url = "http://192.168.1.20/api/{device}/power"
# parameters = { device = "string", unit = { enum = ["W", "kW"], default = "W" } }  # or a JSON Schema; "string?" may be missing
# headers = { Authorization = { credential = "solar", prefix = "Bearer " } }
# result = "/power/now"  # JSON pointer into the answer
# tier = "read"

# Tools of an MCP server as functions (pip install 'agentd[mcp]'). The daemon starts it, or reaches it over HTTP (url, headers).
# [functions.mcp.files]
# command = "mcp-server-filesystem"
# args = ["/srv/documents"]
# env = { TOKEN = { credential = "files" } }  # besides PATH, HOME, LANG …; pass_env = ["NAME"] hands on the daemon's own
# tools = { read_text_file = "read", write_file = { tier = "medium", filler = "One moment." } }  # or "all", or a list: tier high
# prefix = "files_"

# A function that a client of the API runs: it reads the event FunctionCallDelegated and answers POST …/calls/{call_id}.
# [functions.delegated.set_beamer]
# description = "Switch the beamer on or off."
# parameters = { on = "boolean" }
# tier = "low"
# timeout_s = 30
'''


def render() -> str:
    """The text of ``config.toml``."""
    comments = _comments()
    parts = [_HEADER, "\n".join(_key(comments["Settings"], "default_agent", Settings.model_fields["default_agent"], wide=True))]
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            parts.append("\n".join(_section(name, section, comments[section.__name__])))
    return "\n\n".join(part.strip("\n") for part in (*parts, _PROFILES)) + "\n"


def _section(name: str, section: type[Section], comments: dict[str, str]) -> Iterator[str]:
    """Comments beside the keys where all of them fit, else above."""
    yield f"# {section.__doc__}"
    yield f"[{name}]"
    rows = [(key, field, _assignment(key, field)) for key, field in section.model_fields.items()]
    margin = max((len(row[2]) for row in rows), default=0) + 2
    wide = any(margin + 2 + len(comments[key]) > _WIDTH or row.startswith("#") for key, _, row in rows)
    for key, field, row in rows:
        if wide:
            yield from _key(comments, key, field, wide=True)
        else:
            yield f"{row:{margin}}# {comments[key]}"


def _key(comments: dict[str, str], key: str, field: FieldInfo, *, wide: bool) -> Iterator[str]:
    if wide:
        yield f"# {comments[key]}"
    yield _assignment(key, field)


def _assignment(key: str, field: FieldInfo) -> str:
    if field.default is None or field.default_factory is not None:
        return f"# {key} = {toml_value((field.examples or [''])[0])}"
    return f"{key} = {toml_value(field.default)}"


def _comments() -> dict[str, dict[str, str]]:
    """The text under each key: what the sections' source says, as Python itself does not keep it."""
    tree = ast.parse(Path(sections.__file__).read_text(encoding="utf-8"))
    found: dict[str, dict[str, str]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = {
                key.target.id: text.value.value
                for key, text in zip(node.body, node.body[1:], strict=False)
                if isinstance(key, ast.AnnAssign)
                and isinstance(key.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
                and isinstance(text.value.value, str)
            }
    return found


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "config.toml"
    target.write_text(render(), encoding="utf-8")
