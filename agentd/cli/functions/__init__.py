"""Commands on functions: make one, see what there is, try whether it loads and is understood, call it."""

import typer

from agentd.cli.functions import calling, listing, scaffold, trying

_functions = typer.Typer(
    help="Make, list, check, call and test functions. Start with: agentd functions new NAME", no_args_is_help=True
)
scaffold.add_to(_functions)
listing.add_to(_functions)
calling.add_to(_functions)
trying.add_to(_functions)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(_functions, name="functions")
