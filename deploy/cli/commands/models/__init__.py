"""`dreamtuner models ...`: add, fetch, list, check, remove and convert models."""

import typer

from deploy.cli.commands.models.add import add
from deploy.cli.commands.models.add_encoder import add_encoder
from deploy.cli.commands.models.check import check
from deploy.cli.commands.models.convert import convert
from deploy.cli.commands.models.fetch import fetch
from deploy.cli.commands.models.listing import listing
from deploy.cli.commands.models.remove import remove

models = typer.Typer(help="Add, fetch, list, check, remove and convert models.", no_args_is_help=True)
models.command("add")(add)
models.command("add-encoder")(add_encoder)
models.command("fetch")(fetch)
models.command("list")(listing)
models.command("check")(check)
models.command("remove")(remove)
models.command("convert")(convert)
