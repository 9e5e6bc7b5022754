"""The functions of some settings with what they stand on, for tests that do without the rest of the daemon."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from agentd.config import Settings
from agentd.functions.audit import Audit
from agentd.functions.gate.policy import AgentPolicy, PolicyOf
from agentd.functions.requests import Actions
from agentd.functions.service import Functions
from agentd.metrics import Metrics
from agentd.store import Store


@dataclass(frozen=True, slots=True)
class Wired:
    """Functions, loaded, on a store and an audit of their own."""

    functions: Functions
    store: Store
    audit: Audit


@asynccontextmanager
async def wired(
    settings: Settings,
    *,
    actions: Actions,
    policy_of: PolicyOf = lambda _: AgentPolicy(),
    metrics: Metrics | None = None,
    credentials: Path | None = None,
) -> AsyncIterator[Wired]:
    """Load the functions of ``settings`` as the daemon does, until the block is left.

    Args:
        settings: ``paths.functions_dir`` says which, ``paths.state_dir`` where values are kept; ``functions``, ``limits``,
            ``store`` and ``security`` count too.
        actions: finds the live session of a name.
        policy_of: the rules of an agent.
        metrics: count what happens.
        credentials: the folder of credentials; by default where the state is.
    """
    state_dir = settings.paths.state_dir
    store = Store(state_dir, settings.store)
    audit = Audit(state_dir, store, settings.store)
    await store.start()
    try:
        await audit.start()
        try:
            functions = Functions(
                directory=settings.paths.functions_dir,
                store=store,
                audit=audit,
                older_values=state_dir / "functions",
                limits=settings.limits,
                config=settings.functions,
                actions=actions,
                allowed_endpoints=settings.security.allowed_endpoints,
                credentials=credentials or state_dir / "credentials",
                policy_of=policy_of,
                metrics=metrics,
            )
            try:
                await functions.start()
                yield Wired(functions, store, audit)
            finally:
                await functions.close()
        finally:
            await audit.close()
    finally:
        await store.stop()
