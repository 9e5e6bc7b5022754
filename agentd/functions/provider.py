"""Where functions come from: each kind offers specifications and runs calls that the gate has let pass."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from agentd.config import LimitSettings
from agentd.functions.call import CallRequest
from agentd.functions.registry import FunctionSpec, LoadProblem, Registry, assemble
from agentd.functions.remote.delegations import Delegations
from agentd.functions.requests import Actions
from agentd.functions.workers.wire import Reply, WorkerEnd
from agentd.supervise import Nursery

Serve = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""Runs one request of a running call (say, store.set, …) as the session whose call it is; raises ``Refused``."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A call that has passed the gate.

    Attributes:
        arguments: as the caller gave them, or as ``Provider.check`` read them.
    """

    request: CallRequest
    spec: FunctionSpec
    arguments: dict[str, Any]


class Provider(Protocol):
    """Functions of one kind, as they were loaded at one time. A reload makes new providers; calls under way keep theirs."""

    @property
    def specs(self) -> Sequence[FunctionSpec]:
        """What can be called now."""

    @property
    def problems(self) -> Sequence[LoadProblem]:
        """What did not load, and why."""

    @property
    def busy(self) -> bool:
        """Whether something of it still runs."""

    async def check(self, spec: FunctionSpec, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments as they will be used, as JSON values, defaults included. Nothing else happens.

        Raises:
            InvalidArguments: they do not fit.
            WorkerGone: nobody could say.
        """

    async def run(self, call: Admitted, serve: Serve) -> Reply:
        """Run a call to its end; cancelling it stops what runs.

        Raises:
            TimeoutError: it did not end within ``spec.timeout_s``; it is seen to that it stops.
            WorkerGone: what ran it is gone.
        """

    def retire(self) -> None:
        """Take no more calls; what runs may end, and then nothing of the provider is left."""

    async def close(self) -> None:
        """Stop what runs; nothing is left afterwards."""


@dataclass(frozen=True, slots=True)
class Loading:
    """What providers are made of.

    Attributes:
        directory: where handler files lie.
        tables: ``[functions.*]`` of the configuration; each kind takes its own.
        allowed_endpoints: origins that the daemon may call.
        credentials: the folder where credentials lie that the configuration names; None: only those of the service manager.
        delegations: the calls that clients of the API are to answer; they outlive a reload.
        earlier: what was loaded before and is about to be retired; a kind may take over what it keeps running.
        actions: finds the live session of a name.
        changed: to be called when ``specs`` or ``problems`` have changed by themselves.
        nursery: owns what goes on in the background.
        worker_ended: told why a process that ran functions ended.
    """

    directory: Path
    tables: Mapping[str, Mapping[str, Any]]
    limits: LimitSettings
    nursery: Nursery
    actions: Actions
    changed: Callable[[], None] = lambda: None
    allowed_endpoints: Sequence[str] = ()
    credentials: Path | None = None
    delegations: Delegations = field(default_factory=Delegations)
    earlier: Sequence["Provider"] = ()
    worker_ended: Callable[[WorkerEnd], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be called at one time.

    Attributes:
        providers: who runs each function, by its name.
    """

    registry: Registry = field(default_factory=Registry)
    providers: Mapping[str, Provider] = field(default_factory=dict)

    @classmethod
    def of(cls, providers: Sequence[Provider]) -> "Offer":
        """What these provide together; a name that two claim belongs to neither."""
        registry = assemble(
            [spec for provider in providers for spec in provider.specs],
            [problem for provider in providers for problem in provider.problems],
        )
        by_name = {spec.name: provider for provider in reversed(providers) for spec in provider.specs}  # the first one counts
        return cls(registry, {name: by_name[name] for name in registry.specs})
