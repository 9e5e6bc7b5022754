"""What came of the expectations of a script: for the log, the exit status, and a file that a CI reads."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal
from xml.etree import ElementTree as ET

from agentd.engine.scripted.scenario import Scenario

Status = Literal["passed", "failed", "not_reached"]

MAX_CONNECTIONS: Final = 1000
"""Connections kept per scenario; later ones are judged and counted, and kept only if they fail."""


@dataclass(slots=True)
class Result:
    """One expectation.

    Attributes:
        step: position in the conversation, from 1.
        line: in the file, where there is one.
        expected: for a person.
        got: for a person; "" where nothing is to be told.
        after_s: seconds from the connection's start to the verdict.
    """

    step: int
    line: int | None
    expected: str
    status: Status = "not_reached"
    got: str = ""
    after_s: float | None = None

    def as_json(self) -> dict[str, Any]:
        """As the report writes it."""
        return {
            "step": self.step,
            "line": self.line,
            "expected": self.expected,
            "status": self.status,
            "got": self.got,
            "after_s": None if self.after_s is None else round(self.after_s, 3),
        }


@dataclass(slots=True)
class Played:
    """One connection that played a conversation.

    Attributes:
        ended: how it closed; "" while it lasts.
        over: whether the conversation was played to its end.
    """

    request_id: str
    results: list[Result]
    ended: str = ""
    over: bool = False

    @property
    def passed(self) -> bool:
        """Whether every expectation was met."""
        return all(result.status == "passed" for result in self.results)


@dataclass(slots=True)
class ScenarioReport:
    """What came of one scenario."""

    scenario: Scenario
    connections: int = 0
    played: list[Played] = field(default_factory=list)

    @property
    def status(self) -> Literal["passed", "failed", "not_played"]:
        """Not to have been played is a failure unless the scenario is optional or expects nothing."""
        if not self.played:
            return "not_played" if self.scenario.conversation else "passed"
        return "passed" if all(played.passed for played in self.played) else "failed"

    @property
    def finished(self) -> bool:
        """Whether as many connections as are to play it have done so."""
        wanted = self.scenario.connections if isinstance(self.scenario.connections, int) else 1
        return len(self.played) >= wanted and all(played.ended for played in self.played)

    @property
    def failed(self) -> bool:
        """Whether the run fails for it."""
        return self.status == "failed" or (self.status == "not_played" and not self.scenario.optional)


class Report:
    """The whole run.

    Attributes:
        scenarios: in the order of the script.
        on_done: called when a connection has closed and every conversation that must be was played.
    """

    def __init__(self, scenarios: Sequence[Scenario]) -> None:
        self.scenarios = {scenario.name: ScenarioReport(scenario) for scenario in scenarios}
        self.on_done: Callable[[], None] = lambda: None

    @property
    def failed(self) -> bool:
        """Whether an expectation was not met, or a conversation that must be never was."""
        return any(one.failed for one in self.scenarios.values())

    def add(self, name: str, played: Played) -> None:
        """A connection that plays a conversation has opened."""
        kept = self.scenarios[name].played
        if len(kept) >= MAX_CONNECTIONS:
            del kept[next((at for at, old in enumerate(kept) if old.passed and old.ended), 0)]
        kept.append(played)

    def withdraw(self, name: str, played: Played) -> None:
        """The connection turned out to belong to another scenario."""
        with suppress(ValueError):  # of many connections it may not be kept
            self.scenarios[name].played.remove(played)

    def note_end(self) -> None:
        """A connection has closed."""
        if all(one.finished for one in self.scenarios.values() if one.scenario.conversation and not one.scenario.optional):
            self.on_done()

    def lines(self) -> list[str]:
        """The verdicts for a terminal."""
        told: list[str] = []
        for name, one in self.scenarios.items():
            results = [result for played in one.played for result in played.results]
            if results or one.status == "not_played":
                met = sum(result.status == "passed" for result in results)
                told.append(f"{name}: {one.status.replace('_', ' ')}, {met} of {len(results)} expectations met")
            for played in one.played:
                for result in played.results:
                    if result.status != "passed":
                        place = f"step {result.step}" + (f" (line {result.line})" if result.line else "")
                        told.append(f"  {place}: expected {result.expected}: {result.got or 'not reached'}")
                if not played.passed and played.ended:
                    told.append(f"  the connection ended: {played.ended}")
        return told

    def as_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        scenarios = [
            {
                "name": name,
                "status": one.status,
                "connections": one.connections,
                "played": [
                    {
                        "request_id": played.request_id,
                        "passed": played.passed,
                        "ended": played.ended,
                        "expectations": [result.as_json() for result in played.results],
                    }
                    for played in one.played
                ],
            }
            for name, one in self.scenarios.items()
        ]
        return {"passed": not self.failed, "scenarios": scenarios}

    def as_junit(self) -> bytes:
        """The report as JUnit XML: a suite per scenario, a case per expectation of each connection."""
        top = ET.Element("testsuites", name="agentd script")
        for name, one in self.scenarios.items():
            suite = ET.SubElement(top, "testsuite", name=name)
            cases = [(number, result) for number, played in enumerate(one.played, 1) for result in played.results]
            failures = 0
            for number, result in cases:
                title = f"connection {number}, step {result.step}: {result.expected}"
                case = ET.SubElement(suite, "testcase", classname=name, name=title, time=f"{result.after_s or 0:.3f}")
                if result.status != "passed":
                    failures += 1
                    ET.SubElement(case, "failure", message=result.got or "not reached")
            if not cases and one.failed:
                failures += 1
                case = ET.SubElement(suite, "testcase", classname=name, name="is played")
                ET.SubElement(case, "failure", message="no connection played this scenario")
            suite.set("tests", str(len(suite)))
            suite.set("failures", str(failures))
        ET.indent(top)
        document: bytes = ET.tostring(top, encoding="utf-8", xml_declaration=True)
        return document

    def write(self, path: Path) -> None:
        """Write the report: JUnit XML where the name ends with .xml, JSON otherwise.

        Raises:
            OSError: the file cannot be written.
        """
        data = self.as_junit() if path.suffix == ".xml" else json.dumps(self.as_json(), indent=2, ensure_ascii=False).encode()
        path.write_bytes(data + b"\n")
