"""Whether functions are understood: their own examples, heard by the offline thinker."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from agentd.cli.functions.common import DirectoryOption, folder_bench, folder_settings, function_names, note
from agentd.cli.options import ConfigOption, JsonOption, StateDirOption

if TYPE_CHECKING:
    from agentd.config import Settings
    from agentd.functions.registry import FunctionSpec, Registry
    from agentd.testing.bench import Bench
    from agentd.testing.understanding import Tried

RUN_TIERS: Final = frozenset({"read", "low"})
"""What may be run for trying alone."""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("test")(try_examples)


def try_examples(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME|FILE",
            help="Function, or handler file; default: all.",
            show_default=False,
            autocompletion=function_names,
        ),
    ] = None,
    *,
    run: Annotated[bool, typer.Option("--run", help="Also call what was understood, of tier read and low.")] = False,
    directory: DirectoryOption = None,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    json: JsonOption = False,
) -> None:
    """Try whether the examples of functions are understood.

    The offline thinker hears each of the sentences in examples= with all functions at hand, as in a conversation without
    a model: each must become a call of its function, with arguments that fit. Nothing is called without --run, which uses
    an empty store and a session that only takes notes.
    Exit status 0: every example was understood, and what was called is ok.
    """
    import asyncio

    from agentd.cli.output import print_json, quiet_log

    settings = folder_settings(config, state_dir, directory)
    quiet_log()
    registry, wanted, tried = asyncio.run(_try(settings, what, run=run))
    problems = [str(problem) for problem in registry.problems]
    silent = [spec.name for spec in wanted if not spec.examples]
    if json:
        print_json({"items": tried, "without_examples": silent, "problems": problems})
    else:
        _print(tried, silent)
    for problem in problems:
        note(f"not loaded: {problem}")
    if problems or any(one.verdict != "ok" for one in tried):
        raise typer.Exit(1)


async def _try(settings: "Settings", what: str | None, *, run: bool) -> tuple["Registry", list["FunctionSpec"], list["Tried"]]:
    """What is loaded, the functions that were to be tried, and what came of their examples."""
    from agentd.testing.understanding import try_examples

    async with folder_bench(settings) as at:
        wanted = _wanted(at.registry, what)
        specs = list(at.registry.specs.values())
        tried = await try_examples(specs, wanted, at.check)
        return at.registry, wanted, [await _run(at, spec, one) if run else one for spec, one in tried]


def _wanted(registry: "Registry", what: str | None) -> list["FunctionSpec"]:
    """The functions of a name or of a file.

    Raises:
        FunctionNotFound: neither is loaded.
    """
    from agentd.errors import FunctionNotFound

    specs = list(registry.specs.values())
    if what is None:
        return specs
    file = Path(what)
    found = [spec for spec in specs if what == spec.name or file.stem == Path(spec.place).stem]
    if not found:
        raise FunctionNotFound(
            f"Neither a function nor a file {what!r} is loaded; functions are {', '.join(registry.specs) or 'none'}."
        )
    return [spec for spec in found if spec.name == what] or found


async def _run(at: "Bench", spec: "FunctionSpec", tried: "Tried") -> "Tried":
    """Call what was understood, where that is harmless."""
    from dataclasses import replace

    if tried.verdict != "ok" or spec.tier not in RUN_TIERS or spec.kind == "delegated":  # nobody is there to answer
        return tried
    session_id, _ = at.open_session()
    answers: list[str] = []
    for name, arguments in tried.calls:
        outcome, _ = await at.call(name, arguments, session_id=session_id)
        asked = outcome.result.get("say") if isinstance(outcome.result, dict) else None
        answers.append(asked if isinstance(asked, str) else outcome.content)
        if outcome.outcome != "ok":
            return replace(tried, verdict="failed", detail=f"{outcome.outcome}: {outcome.content}")
    return replace(tried, detail=" ".join(answers))


def _print(tried: Sequence["Tried"], silent: Sequence[str]) -> None:
    from agentd.cli.output import print_table

    if tried:
        print_table(
            ("RESULT", "FUNCTION", "EXAMPLE", "UNDERSTOOD AS"),
            [(one.verdict, one.function, one.example, _told(one)) for one in tried],
            folded=2,
        )
    good = sum(one.verdict == "ok" for one in tried)
    print(f"{good} of {len(tried)} examples are understood.")
    if silent:
        print(f"without examples: {', '.join(silent)}")


def _told(one: "Tried") -> str:
    calls = "; ".join(
        f"{name}({', '.join(f'{key}={_value(value)}' for key, value in given.items())})" for name, given in one.calls
    )
    return " → ".join(filter(None, [calls, one.detail]))


def _value(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
