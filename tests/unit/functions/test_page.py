"""docs/functions.md names what there is, with the defaults that it has. That its blocks work is shown in tests/e2e."""

import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest

from agentd.config import LimitSettings
from agentd.functions import CallContext, function
from agentd.functions.declare import TIERS
from agentd.functions.options import Options
from agentd.testing import Called, Conversation, FunctionTester

PAGE = (Path(__file__).parents[3] / "docs/functions.md").read_text(encoding="utf-8")
KIB = 1024


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def public(type_: type) -> set[str]:
    """Names of what a type offers."""
    return {name for name in vars(type_) if not name.startswith("_")}


def missing(names: set[str], text: str) -> set[str]:
    """Those that are not told of in the text; its examples do not count."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    code = " ".join(re.findall(r"`([^`]+)`", prose))
    return {name for name in names if not re.search(rf"\b{name}\b", code)}


def test_every_option_of_a_function_is_told() -> None:
    keywords = set(inspect.signature(function).parameters) - {"handler"}
    assert missing(keywords - {"tier", "examples"}, section("Options")) == set()
    assert {field.name for field in fields(Options)} < keywords
    for tier in TIERS:
        assert f"| `{tier}` |" in section("Tier: what a call can do")


def test_everything_that_a_context_offers_is_told() -> None:
    made = set(inspect.signature(CallContext).parameters) - {"ask", "loop", "cancelled"} | {"log", "store"}
    assert missing(public(CallContext) | made, section("`ctx`: more than an answer")) == set()


def test_everything_that_the_fixtures_offer_is_told() -> None:
    tests = section("Tests")
    assert missing({field.name for field in fields(Called)} - {"duration_s"}, tests) == set()
    assert missing(public(FunctionTester) - {"specs"}, tests) == set()
    assert missing(public(Conversation) - {"stop"}, tests) == set()


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("function_calls_per_session", "| 4, 16 |"),
        ("function_calls", "| 4, 16 |"),
        ("function_calls_per_turn", "| 20; 3 |"),
        ("function_repeats", "| 20; 3 |"),
        ("function_calls_per_minute", "| 10 |"),
        ("high_calls_per_hour", "| 3 |"),
        ("mcp_tools", "| 64; 1 MiB |"),
        ("function_answer_bytes", "| 64; 1 MiB |"),
        ("function_args_bytes", "| 16 KiB each |"),
        ("function_result_bytes", "| 16 KiB each |"),
        ("function_memory_bytes", "| 512 MiB |"),
        ("function_processes", "| 32 |"),
        ("function_log_bytes", "| 8 KiB |"),
        ("function_log_lines", "| 100, 2000 |"),
        ("function_log_line_chars", "| 100, 2000 |"),
        ("mcp_schema_bytes", "| 16 KiB; 1000 characters |"),
        ("mcp_description_chars", "| 16 KiB; 1000 characters |"),
        ("function_connect_s", "| 5 s |"),
        ("plans_per_session", "| 64, 2048 |"),
        ("plans", "| 64, 2048 |"),
    ],
)
def test_limits_are_what_the_page_says(key: str, told: str) -> None:
    (line,) = (line for line in section("Limits").splitlines() if f"`{key}`" in line)
    assert told in line
    value = getattr(LimitSettings(), key)
    shown = {f"{value:g}", f"{value / KIB:g} KiB", f"{value / KIB**2:g} MiB"}
    assert any(text in told for text in shown)
