"""Agents: from a profile, a start request and the functions at hand to the Settings document a session runs with."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from agentd.config import AgentProfile, Settings
from agentd.errors import AgentNotFound, FieldError, InvalidRequest, InvalidSettings, Unavailable
from agentd.functions.gate.policy import AgentPolicy
from agentd.functions.registry import FunctionSpec, Registry
from agentd.protocol import settings as documents
from agentd.sessions.merging import Merge
from agentd.sessions.spec import StartSpec

PASSTHROUGH: Final = "passthrough"
"""The profile of compatible clients that name none: limits, no functions of ours."""

PROVIDERS: Final[dict[str, Any]] = {
    "agent": {
        "listen": {"provider": {"type": "deepgram", "model": "nova-3"}},
        "think": {"provider": {"type": "open_ai", "model": "gpt-4o-mini", "temperature": 0.7}},
        "speak": {"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}},
    }
}
"""What a profile that names no providers gets; the embedded engine maps them to its own models."""

DEFAULT_PROMPT: Final = (
    "You are a helpful voice assistant. Answer in one or two short spoken sentences, without markup. "
    "Use the functions at hand to act and to look things up; never say that something is done before its function said so."
)

GONE: Final = AgentPolicy(functions=frozenset())
"""What an agent may call that was taken from the configuration, in a conversation that is live or by a plan it has made."""

UpstreamName = Literal["deepgram", "engine"]


class Profiles:
    """The agents of one configuration."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._agents = dict(settings.agents)
        self._agents.setdefault(settings.default_agent, AgentProfile())
        through = self._agents.get(PASSTHROUGH, AgentProfile())
        self._agents[PASSTHROUGH] = through.model_copy(update={"functions": through.functions or ()})
        self._policies = {name: AgentPolicy.of(profile) for name, profile in self._agents.items()}

    @property
    def names(self) -> list[str]:
        """Every agent, the default one first."""
        default = self._settings.default_agent
        return [default, *sorted(name for name in self._agents if name != default)]

    def get(self, name: str | None) -> tuple[str, AgentProfile]:
        """The profile of that name, or the default one.

        Raises:
            AgentNotFound: no such agent; the detail lists those there are.
        """
        wanted = name or self._settings.default_agent
        if wanted not in self._agents:
            known = ", ".join(self.names)
            raise AgentNotFound(f"There is no agent {wanted!r}. Known agents: {known}. Add [agents.{wanted}] to config.toml.")
        return wanted, self._agents[wanted]

    def upstream(self, profile: AgentProfile) -> UpstreamName:
        """Which upstream a session of this profile uses.

        Raises:
            Unavailable: Deepgram is asked for and there is no key, or the engine is and it is switched off.
        """
        has_key = self._settings.deepgram.api_key is not None
        mode = self._settings.engine.mode
        if profile.upstream == "deepgram" or (profile.upstream == "auto" and (mode == "never" or (has_key and mode == "auto"))):
            if not has_key:
                raise Unavailable(
                    "No Deepgram API key: set DEEPGRAM_API_KEY or [deepgram] api_key, or let engine.mode be 'auto'."
                )
            return "deepgram"
        if mode == "never":
            raise Unavailable("This agent uses the embedded engine, which engine.mode = 'never' switches off.")
        return "engine"

    def policy(self, name: str | None) -> AgentPolicy:
        """What that agent may call; without a name nothing of tier high, and nothing at all as an agent that is gone."""
        return self._policies.get(name, GONE) if name is not None else AgentPolicy()

    def functions(self, profile: AgentProfile, registry: Registry, narrowed: tuple[str, ...] | None) -> list[FunctionSpec]:
        """The functions a session may call: the profile's list, else all; of tier high only what ``allow_high`` names too.

        ``narrowed`` only takes away.

        Raises:
            InvalidRequest: ``narrowed`` names a function the profile does not offer, or one that is not loaded.
        """
        named = registry.specs if profile.functions is None else profile.functions
        policy = AgentPolicy.of(profile)
        offered = [registry.specs[name] for name in named if name in registry.specs and policy.offers(registry.specs[name])]
        if narrowed is None:
            return offered
        by_name = {spec.name: spec for spec in offered}
        elsewhere = {function["name"] for function in _elsewhere(profile)}
        faults = [
            FieldError(f"/functions/{i}", f"{name!r} is not among this agent's functions: {', '.join(by_name) or 'none'}")
            for i, name in enumerate(narrowed)
            if name not in by_name and name not in elsewhere
        ]
        if faults:
            raise InvalidRequest("A session's functions may only narrow its agent's list.", errors=faults)
        return [by_name[name] for name in narrowed if name in by_name]

    def document(self, profile: AgentProfile, spec: StartSpec, functions: list[FunctionSpec]) -> dict[str, Any]:
        """The Settings document: profile ← settings ← short forms.

        Raises:
            InvalidSettings: a fault in the result, with JSON pointers.
        """
        self._check_endpoints(spec.settings)
        if spec.prompt is not None and len(spec.prompt) > self._settings.limits.prompt_chars:
            raise too_long("prompt", spec.prompt, self._settings.limits.prompt_chars, "/prompt")
        document = documents.resolve(
            _fragment(profile, PROVIDERS),
            dict(spec.settings),
            prompt=spec.prompt,
            greeting=spec.greeting,
            functions=_declared(profile, functions, spec.functions),
        )
        document = documents.with_default_prompt(document, profile.prompt or DEFAULT_PROMPT)
        faults = documents.validate(document) or documents.encoding_faults(document)
        if faults:
            raise InvalidSettings(
                f"The settings have {len(faults)} fault{'s' if len(faults) > 1 else ''}; see errors.",
                errors=[FieldError("/settings" + fault.pointer, fault.detail) for fault in faults],
            )
        return document

    def merge(self, name: str, profile: AgentProfile, functions: list[FunctionSpec]) -> Merge:
        """The profile for clients of the compatible endpoint: ``passthrough`` adds nothing they did not ask for."""
        through = name == PASSTHROUGH
        fragment = _fragment(profile, {} if through else PROVIDERS)
        return Merge(
            base=documents.map_think(fragment, _without_functions, create=False),
            declared=tuple(_declared(profile, functions, None)),
            handled=frozenset(function.name for function in functions),
            prompt=profile.prompt or (None if through else DEFAULT_PROMPT),
            allowed_endpoints=self._settings.security.allowed_endpoints,
        )

    def fragment(self, profile: AgentProfile) -> dict[str, Any]:
        """What the profile itself says, as a Settings fragment: its own short forms included, no defaults."""
        return _fragment(profile, {})

    def check_block(self, kind: str, block: Mapping[str, Any]) -> None:
        """Refuse an update that names an endpoint or function endpoint which is not allowed."""
        self._check_endpoints({"agent": {kind: block}})

    def _check_endpoints(self, settings: Mapping[str, Any]) -> None:
        """URLs the daemon's upstream will call come from config (docs/architecture.md, decision 8)."""
        faults = [
            FieldError("/settings" + fault.pointer, fault.detail)
            for fault in documents.endpoint_faults(dict(settings), self._settings.security.allowed_endpoints)
        ]
        faults += [
            FieldError("/settings" + pointer, "functions with an endpoint come from config only; use a handler in functions/")
            for pointer, _ in documents.function_endpoints(dict(settings))
        ]
        if faults:
            raise InvalidSettings("The settings name addresses that are not allowed.", errors=faults)

    def view(self, name: str, registry: Registry) -> dict[str, Any]:
        """The profile as it resolves, secrets masked (``GET /v1/agents/{name}``)."""
        name, profile = self.get(name)
        functions = self.functions(profile, registry, None)
        named = [wanted for wanted in profile.functions or () if wanted in registry.specs]
        offered = {spec.name for spec in functions}
        missing = [wanted for wanted in profile.functions or () if wanted not in registry.specs]
        try:
            upstream: str | None = self.upstream(profile)
        except Unavailable:
            upstream = None
        return {
            "name": name,
            "default": name == self._settings.default_agent,
            "upstream": upstream,
            "functions": [spec.name for spec in functions],
            "missing_functions": missing,
            "withheld_functions": [wanted for wanted in named if wanted not in offered],
            "settings": documents.masked(self.document(profile, StartSpec(), functions)),
        }


def _fragment(profile: AgentProfile, providers: dict[str, Any]) -> dict[str, Any]:
    """The profile as a Settings fragment, its own short forms included."""
    fragment = documents.overlay(providers, profile.settings)
    if profile.prompt is not None:
        fragment = documents.with_prompt(fragment, profile.prompt)
    if profile.greeting is not None:
        fragment = documents.with_agent(fragment, greeting=profile.greeting or None)
    return fragment


def _without_functions(block: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in block.items() if key != "functions"}


def _declared(profile: AgentProfile, functions: list[FunctionSpec], narrowed: tuple[str, ...] | None) -> list[dict[str, Any]]:
    """What a think entry offers: our handlers, and the profile's functions that run elsewhere."""
    ours = {function.name for function in functions}
    elsewhere = [
        function
        for function in _elsewhere(profile)
        if function["name"] not in ours and (narrowed is None or function["name"] in narrowed)
    ]
    return [*(function.declaration() for function in functions), *elsewhere]


def _elsewhere(profile: AgentProfile) -> list[dict[str, Any]]:
    """The functions of a profile that run on a server of their own, which the upstream calls."""
    declared = documents.functions(dict(profile.settings))
    return [function for function in declared if function.get("endpoint") is not None and isinstance(function.get("name"), str)]


def too_long(what: str, text: str, limit: int, pointer: str) -> InvalidRequest:
    """The error for a text over its limit."""
    return InvalidRequest(
        f"The {what} has {len(text)} characters; at most {limit} are taken.",
        errors=[FieldError(pointer, f"at most {limit} characters")],
    )
