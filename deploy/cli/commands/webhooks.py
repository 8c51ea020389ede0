"""`dreamtuner webhooks`: look at webhooks and their deliveries, send one again, switch a webhook on."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.options import AsJson
from deploy.cli.terminal import print_result

if TYPE_CHECKING:
    from storage.catalog import Catalog
    from storage.catalog.views import DeliveryView, WebhookView

webhooks = typer.Typer(
    help="Look at webhooks and their deliveries. They are registered through /api/v1.", no_args_is_help=True
)
Id = Annotated[str, typer.Argument(metavar="WEBHOOK", help="The id of a webhook, as `webhooks list` shows it.")]


@webhooks.command("list")
def show(as_json: AsJson = False) -> None:
    """List the webhooks: address, events, and why one is switched off."""
    from storage.catalog import views

    with _catalog().read() as s:
        found = views.webhooks(s)
    if as_json:
        print_result({"webhooks": [asdict(one) | {"created_at": one.created_at.isoformat()} for one in found]})
        return
    for one in found:
        typer.echo(_line(one))
    if not found:
        typer.echo("no webhooks; a program with the right webhooks registers one by POST /api/v1/webhooks")


@webhooks.command()
def deliveries(
    webhook: Id,
    limit: Annotated[int, typer.Option(min=1, max=300, help="How many of the newest.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the newest deliveries of a webhook."""
    from storage.catalog import views

    with _catalog().read() as s:
        views.webhook(s, webhook)
        found = views.deliveries_page(s, webhook, after=None, limit=limit).rows
    if as_json:
        print_result({"deliveries": [_json(one) for one in found]})
        return
    for one in found:
        why = f": {one.error}" if one.error else ""
        typer.echo(f"{one.id:>6}  {one.kind:<12}  {one.run_id}  {one.state}, {one.attempts} attempts{why}")
    if not found:
        typer.echo("none yet")


@webhooks.command()
def send(webhook: Id, delivery: Annotated[int, typer.Argument(help="The number of a delivery.")]) -> None:
    """Send a delivery again, with the same webhook-id. A dashboard that runs sends it."""
    from storage.catalog import writes

    with _catalog().write() as s:
        writes.send_again(s, webhook, delivery, actor=getpass.getuser())
    typer.echo(f"delivery {delivery} is due again; a dashboard that runs sends it")


@webhooks.command()
def on(webhook: Id) -> None:
    """Switch a webhook on again; what waited for it is then sent."""
    from storage.catalog import views, writes

    catalog = _catalog()
    with catalog.write() as s:
        writes.change_webhook(s, webhook, actor=getpass.getuser(), active=True)
    with catalog.read() as s:
        typer.echo(_line(views.webhook(s, webhook)))


def _line(one: WebhookView) -> str:
    state = "on" if one.active else f"off: {one.reason}"
    return f"{one.id}  {one.url}  {', '.join(one.events)}  {state}"


def _json(one: DeliveryView) -> dict[str, object]:
    times = ("next_at", "delivered_at", "created_at")
    at = {name: getattr(one, name) for name in times}
    return asdict(one) | {name: None if found is None else found.isoformat() for name, found in at.items()}


def _catalog() -> Catalog:
    from flows.resources import Resources
    from flows.settings import Settings
    from storage.catalog.records import NotInCatalogError

    settings = Settings.load()
    found = Resources.open(settings).catalog_if_any
    if found is None:
        raise NotInCatalogError(f"there is no catalog in {settings.home}; set DREAMTUNER_HOME to the folder of one")
    return found
