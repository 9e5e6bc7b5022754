"""What the scripted peer does in each step: speak, call and wait, stall, refuse, misbehave."""

import asyncio
import re
from collections.abc import Sequence
from typing import Any, Final, NoReturn
from uuid import uuid4

from agentd.engine import abilities
from agentd.engine.line import Hangup, Line
from agentd.engine.scripted import kinds
from agentd.engine.scripted.outlet import Outlet
from agentd.engine.scripted.scenario import Scenario
from agentd.engine.scripted.speech import Speech
from agentd.engine.scripted.steps import Step
from agentd.protocol import messages as wire
from agentd.protocol import settings as documents

_PLACEHOLDER: Final = re.compile(r"\{(text|result|prompt|voice|context)\}")


class Performer:
    """Plays steps on one connection.

    Args:
        line: to the client.
        scenario: says the mode, and what is left out or sent twice.
        number: of the connection among those of the scenario, for the jitter.

    Attributes:
        settings: the document in force, changed by updates; empty before Settings.
        text: what the user said last.
        result: the last function result.
        outlet: the way out for messages.
        speech: the voice.
    """

    def __init__(self, line: Line, scenario: Scenario, *, number: int = 0) -> None:
        self._line = line
        self._calls: dict[str, wire.FunctionCall] = {}
        self._awaited: dict[str, asyncio.Future[None]] = {}
        self.outlet = Outlet(line, mute=scenario.mute, duplicate=scenario.duplicate)
        self.speech = Speech(line, self.outlet, full=scenario.mode == "full", seed=scenario.seed + number)
        self.settings: dict[str, Any] = {}
        self.text = ""
        self.result = ""

    # -- steps ------------------------------------------------------------------------------------------------------

    async def play(self, steps: Sequence[Step]) -> bool:
        """Do the steps of a rule one after the other; True when the last one waited for a function's result."""
        waited, said = False, []
        for step in steps:
            if isinstance(step, kinds.Say):
                said.append(await self.say(step))
                waited = False
            else:
                self.speech.done()
                waited = await self.do(step, wait=True)
        self.finish(said)
        return waited

    async def do(self, step: Step, *, wait: bool) -> bool:
        """Do one step that is no speech.

        Args:
            wait: whether function calls wait for their answers, unless they say otherwise themselves.

        Returns:
            Whether it waited for a function's result.
        """
        match step:
            case kinds.Call() | kinds.Calls():
                return await self._call(step, wait=wait and step.wait is not False)
            case kinds.Wait():
                await asyncio.sleep(step.wait_s)
            case kinds.Stall():
                await self._stall()
            case kinds.SendError(hang=True):
                self.outlet.send_raw({"type": "Error", "code": step.error, "description": self.fill(step.description)})
                await self._stall()
            case _:
                self._act(step)
        return False

    def _act(self, step: Step) -> None:
        """The steps that take no time."""
        match step:
            case kinds.Drop():
                raise Hangup(None, "the script drops the connection")
            case kinds.Close():
                raise Hangup(step.close, step.reason)
            case kinds.SendError():
                raise Hangup.failed(step.error, self.fill(step.description))
            case kinds.Raw():
                self.outlet.send_raw(self._filled(step.raw))
            case kinds.Text():
                self._line.send_unchecked(step.text)
            case kinds.Binary():
                self._line.send_audio(step.data)
            case kinds.Mute():
                self.outlet.mute(step.mute)
            case kinds.Duplicate():
                self.outlet.duplicate(step.duplicate)
            case kinds.Cancel():
                self.cancel_calls()
            case _:
                self.outlet.send(self._message(step))

    def _message(self, step: Step) -> wire.Message:
        """What the steps send that are a message by another name."""
        match step:
            case kinds.SendWarning():
                return wire.Warn(code=step.warning, description=self.fill(step.description))
            case kinds.Refuse():
                return wire.InjectionRefused(message=self.fill(step.refuse))
            case kinds.Interrupt():
                return wire.UserStartedSpeaking()
            case kinds.Remember():
                return wire.History(role=step.role, content=self.fill(step.history))
            case kinds.Think():
                return wire.AgentThinking(content=self.fill(step.thinking))
            case _:
                raise AssertionError(f"{type(step).__name__} is not done here")

    async def _stall(self) -> NoReturn:
        await asyncio.Event().wait()  # until the connection's end cancels it
        raise AssertionError("nobody sets it")

    # -- speech -----------------------------------------------------------------------------------------------------

    async def say(self, step: kinds.Say) -> str:
        """Speak; the text, which ``finish`` is to be given."""
        text = None if step.say is None else self.fill(step.say)
        await self.speech.say(step, text, self.settings)
        return text or ""

    def finish(self, said: Sequence[str]) -> None:
        """End what was said: AgentAudioDone and History, where due."""
        self.speech.done()
        text = " ".join(part for part in said if part)
        if text:
            self.history("assistant", text)

    def cut(self) -> None:
        """The user speaks: calls are withdrawn, unsent audio is gone."""
        self.cancel_calls()
        self.speech.cut(self.settings)

    # -- function calls ---------------------------------------------------------------------------------------------

    async def _call(self, step: kinds.Call | kinds.Calls, *, wait: bool) -> bool:
        calls = [self._function_call(spec) for spec in step.calls]
        self._calls |= {call.id: call for call in calls}
        self.outlet.send(wire.FunctionCallRequest(functions=calls))
        answers: list[asyncio.Future[None]] = []
        for call, spec in zip(calls, step.calls, strict=True):
            if not spec.client_side:
                response = wire.FunctionCallResponse(id=call.id, name=call.name, content=self.fill(spec.result))
                self.outlet.send(response)
                self._settle(response)
            elif wait:
                answers.append(self._awaited.setdefault(call.id, asyncio.get_running_loop().create_future()))
        if answers:
            try:
                await asyncio.wait(answers, timeout=step.within_s)
            finally:
                for call in calls:
                    self._awaited.pop(call.id, None)
        return wait and all(answer.done() for answer in answers)

    def _function_call(self, spec: kinds.FunctionCallSpec) -> wire.FunctionCall:
        arguments = spec.arguments if isinstance(spec.arguments, str) else self._filled(spec.arguments)
        return wire.FunctionCall.model_validate(
            {"id": spec.id or f"fc_{uuid4()}", "name": spec.name, "arguments": arguments, "client_side": spec.client_side}
        )

    def take_answer(self, response: wire.FunctionCallResponse) -> bool:
        """Echo the client's answer, as the real server does; True when it answers a call that nothing waits for."""
        call_id = response.id or next((call.id for call in self._calls.values() if call.name == response.name), None)
        matched = self._line.answer(response) == "matched"
        self.outlet.send(response)
        if not matched or call_id is None:
            return False
        self._settle(response.model_copy(update={"id": call_id}))
        awaited = self._awaited.get(call_id)
        if awaited is None:
            return True
        if not awaited.done():
            awaited.set_result(None)
        return False

    def cancel_calls(self) -> None:
        """Withdraw the open calls and tell the client."""
        cancelled = self._line.withdraw_calls()
        if cancelled is not None:
            self.outlet.send(cancelled)
        self._calls.clear()

    def _settle(self, response: wire.FunctionCallResponse) -> None:
        self.result = response.content
        call = self._calls.pop(response.id or "", None)
        if call is not None and documents.history_enabled(self.settings):
            done = wire.HistoryCall(
                id=call.id, name=call.name, client_side=call.client_side, arguments=call.arguments, response=response.content
            )
            self.outlet.send(wire.History(function_calls=[done]))

    # -- small things -----------------------------------------------------------------------------------------------

    def history(self, role: wire.Role, text: str) -> None:
        """Tell what was said, if the client wants to know."""
        if documents.history_enabled(self.settings):
            self.outlet.send(wire.History(role=role, content=text))

    def fill(self, template: str) -> str:
        """The text of a step with its placeholders filled in."""
        known = {
            "text": self.text,
            "result": self.result,
            "prompt": documents.prompt(self.settings) or "",
            "voice": abilities.voice(self.settings) or "",
            "context": " | ".join(_context_texts(self.settings)),
        }
        return _PLACEHOLDER.sub(lambda found: known[found[1]], template)

    def _filled(self, value: Any) -> Any:
        """A JSON value with the placeholders in its texts filled in."""
        if isinstance(value, dict):
            return {key: self._filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._filled(item) for item in value]
        return self.fill(value) if isinstance(value, str) else value


def _context_texts(settings: dict[str, Any]) -> list[str]:
    """What ``agent.context.messages`` tells: words as they are, calls as ``name(arguments) -> response``."""
    texts: list[str] = []
    for item in abilities.context(settings):
        if "content" in item:
            texts.append(str(item["content"]))
        texts += [f"{call['name']}({call['arguments']}) -> {call['response']}" for call in item.get("function_calls") or []]
    return texts
