"""The scripted peer: which scenario a connection plays, and how it is received."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import structlog
from aiohttp import web

from agentd.engine.admission import Refusal
from agentd.engine.line import Dialogue, Hangup, Line
from agentd.engine.reception import Reception
from agentd.engine.scripted.conversation import results_of
from agentd.engine.scripted.dialogue import ScriptedDialogue
from agentd.engine.scripted.report import Played, Report
from agentd.engine.scripted.rules import Rules
from agentd.engine.scripted.scenario import Scenario, Script, Select
from agentd.protocol.messages import Welcome
from agentd.protocol.refusals import ERR_CODES

SCENARIO_PARAMETER: Final = "scenario"
"""Parameter of the URL that names the scenario to be played."""

SCRIPTED: Final = "SCRIPTED"
"""``err_code`` of refusals whose status Deepgram has no word for."""

_log = structlog.get_logger("agentd.engine")


class ScriptedPeer:
    """One script served to any number of connections, with the uses of its rules counted over all of them.

    Attributes:
        report: what came of the expectations so far.
    """

    def __init__(self, script: Script) -> None:
        self._stages = [_Stage(scenario, alone=len(script.scenarios) == 1) for scenario in script.scenarios]
        self.report = Report(script.scenarios)

    async def receive(self, request: web.Request) -> Reception:
        """Receive a connection as its scenario says.

        Raises:
            Refusal: the scenario refuses it, or no scenario is left for it.
        """
        stage = self._choose(request)
        await self._shake_hands(stage, request)
        return _Connection(self, stage).reception()

    def by_tag(self, settings: dict[str, Any]) -> "_Stage | None":
        """The scenario that a tag of Settings chooses."""
        tags = settings.get("tags") or []
        for stage in self._stages:
            wanted = stage.scenario.select.tag if stage.scenario.select is not None else None
            if wanted is not None and wanted in tags and stage.left:
                return stage
        return None

    def _choose(self, request: web.Request) -> "_Stage":
        name = request.query.get(SCENARIO_PARAMETER)
        if name is not None:
            stage = next((stage for stage in self._stages if stage.scenario.name == name), None)
            if stage is None:
                known = ", ".join(stage.scenario.name for stage in self._stages)
                raise Refusal(404, "NOT_FOUND", _header(f"The script has no such scenario; it has: {known}"))
            return stage
        for stage in self._stages:
            if stage.left and _selects(stage.scenario.select, request):
                return stage
        played = ", ".join(f"{stage.scenario.name} ({stage.connections})" for stage in self._stages)
        raise Refusal(503, SCRIPTED, _header(f"No scenario of the script is left for this connection; played: {played}"))

    async def _shake_hands(self, stage: "_Stage", request: web.Request) -> None:
        shake = stage.scenario.handshake
        refused = (shake.status is not None or shake.drop) and (shake.times is None or stage.refused < shake.times)
        if refused:
            stage.refused += 1
        if not refused or shake.times is None:  # refusals that are counted come before the connection that is not refused
            stage.connections += 1
            self.report.scenarios[stage.scenario.name].connections += 1
        if shake.delay_s:
            await asyncio.sleep(shake.delay_s)
        if not refused:
            return
        if shake.drop and request.transport is not None:
            request.transport.abort()
        status = shake.status or 503
        headers = dict(shake.headers)
        if shake.retry_after_s is not None:
            headers["Retry-After"] = str(shake.retry_after_s)
        raise Refusal(status, shake.code or ERR_CODES.get(status, SCRIPTED), shake.reason, headers)


class _Stage:
    """A scenario with what is left of it."""

    def __init__(self, scenario: Scenario, *, alone: bool) -> None:
        self.scenario = scenario
        self.rules = Rules(scenario)
        self.connections = 0
        self.refused = 0
        self._most = None if scenario.unlimited or (alone and scenario.connections is None) else scenario.connections or 1

    @property
    def left(self) -> bool:
        """Whether another connection may play it."""
        return self._most is None or self.connections < int(self._most)


class _Connection:
    """One connection, from the handshake to its end."""

    def __init__(self, peer: ScriptedPeer, stage: _Stage) -> None:
        self._peer = peer
        self._stage = stage
        self._dialogue: ScriptedDialogue | None = None
        self._played: Played | None = None

    def reception(self) -> Reception:
        return Reception(
            self._settle,
            welcome=self._welcome,
            closed=self._closed,
            answers_pings=self._stage.scenario.answer_pings,
        )

    async def _welcome(self, line: Line, welcome: Welcome) -> None:
        self._dialogue = self._enter(line)
        await self._dialogue.welcome(welcome)

    def _enter(self, line: Line) -> ScriptedDialogue:
        scenario = self._stage.scenario
        if scenario.conversation:
            self._played = Played(line.request_id, results_of(scenario))
            self._peer.report.add(scenario.name, self._played)
        _log.info("script_scenario", request_id=line.request_id, scenario=scenario.name)
        return ScriptedDialogue(line, scenario, self._stage.rules, number=self._stage.connections, played=self._played)

    def _settle(self, line: Line, settings: dict[str, Any]) -> Dialogue:
        """Settings have come; a tag in them may choose another scenario."""
        chosen = self._peer.by_tag(settings)
        dialogue = self._dialogue
        if dialogue is None:
            raise AssertionError("Welcome comes first")
        if chosen is not None and chosen is not self._stage:
            dialogue.leave()
            self._change(chosen)
            dialogue = self._dialogue = self._enter(line)
            dialogue.begin()
        dialogue.take_settings(settings)
        return dialogue

    def _change(self, chosen: _Stage) -> None:
        report = self._peer.report
        if self._played is not None:
            report.withdraw(self._stage.scenario.name, self._played)
            self._played = None
        for stage, more in ((self._stage, -1), (chosen, 1)):
            stage.connections += more
            report.scenarios[stage.scenario.name].connections += more
        self._stage = chosen

    def _closed(self, hangup: Hangup) -> None:
        if self._dialogue is not None and self._played is not None:
            self._dialogue.closed(hangup)
            code = 1006 if hangup.code is None else int(hangup.code)
            self._played.ended = f"{code} {hangup.reason}".strip()
        self._peer.report.note_end()


def _selects(select: Select | None, request: web.Request) -> bool:
    if select is None:
        return True
    if select.tag is not None:
        return False  # Settings will tell
    return _holds(request.query, select.query) and _holds(request.headers, select.headers)


def _holds(there: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(there.get(name) == value for name, value in wanted.items())


def _header(text: str) -> str:
    """Fit for a header: names of scenarios may be anything."""
    return text.encode("ascii", "replace").decode().replace("\n", " ").replace("\r", " ")[:1000]
