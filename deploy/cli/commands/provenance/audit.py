"""`dreamtuner audit`: verify that nobody changed the audit, and show its head, to be kept elsewhere."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.exit import SOME_FAILED
from deploy.cli.options import AsJson
from deploy.cli.terminal import print_result
from flows.settings import Settings
from flows.spec.problems import InputError, Problem

if TYPE_CHECKING:
    from storage.catalog import Catalog
    from storage.catalog.views import AuditHead

audit = typer.Typer(help="Verify the audit, a chain of hashes over who did what.", no_args_is_help=True)


@audit.command()
def verify(
    head: Annotated[
        str | None, typer.Option(metavar="NUMBER:SHA256", help="A head that was kept: the audit must still contain it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compute every hash again. Exit code 1: the first entry that was changed is named.

    Without --head, entries that were cut off at the end, and a chain that was made anew from its beginning, go unseen.
    """
    from storage.catalog import views

    anchor = None if head is None else _parsed(head)
    with _catalog().read() as s:
        report = views.verify_audit(s, anchor)
    if as_json:
        print_result(asdict(report) | {"ok": not report.broken})
    elif report.broken:
        typer.echo(f"entry {report.broken}: {report.why}; the {report.entries} entries before it are as they were")
    else:
        gone = f", {report.redacted} without contents that were forgotten" if report.redacted else ""
        typer.echo(f"{report.entries} entries as they were written{gone}; head {_shown(report.head)}")
    if report.broken:
        raise typer.Exit(SOME_FAILED)


@audit.command()
def head(as_json: AsJson = False) -> None:
    """Show number and hash of the last entry. Kept where nobody here can change it, it proves the audit up to there."""
    from storage.catalog import views

    with _catalog().read() as s:
        found = views.audit_head(s)
    if as_json:
        print_result(asdict(found))
    else:
        typer.echo(_shown(found))


def _shown(found: AuditHead) -> str:
    return f"{found.number}:{found.sha256}"


def _parsed(text: str) -> AuditHead:
    from storage.catalog.views import AuditHead

    match = re.fullmatch(r"(\d+):([0-9a-f]{64})", text.strip())
    if match is None:
        message = f"{text!r} is not NUMBER:SHA256, as `dreamtuner audit head` prints it"
        raise InputError("audit", [Problem(path=("--head",), message=message)])
    return AuditHead(int(match[1]), match[2])


def _catalog() -> Catalog:
    from flows.resources import Resources
    from storage.catalog.records import NotInCatalogError

    settings = Settings.load()
    found = Resources.open(settings).catalog_if_any
    if found is None:
        raise NotInCatalogError(f"there is no catalog in {settings.home}; set DREAMTUNER_HOME to the folder of one")
    return found
