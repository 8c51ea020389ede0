"""`dreamtuner doctor`: check the installation."""

from typing import Annotated

import typer

from deploy.cli.exit import SOME_FAILED
from deploy.cli.options import AsJson
from deploy.cli.terminal import print_result
from flows.settings import Settings


def doctor(
    licences: Annotated[
        bool, typer.Option("--licences", help="Only list the licence of every installed library.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check the installation: what is installed, which profiles can run, what is missing and how to get it."""
    if licences:
        from deploy.cli import licences as listing

        found = listing.licences()
        print_result(listing.as_json(found) if as_json else listing.as_table(found))
        return
    from deploy.cli.doctor import as_json as to_json
    from deploy.cli.doctor import as_table, examine

    findings = examine(Settings.load())
    print_result(to_json(findings) if as_json else as_table(findings))
    if any(one.state == "missing" for one in findings):
        raise typer.Exit(SOME_FAILED)
