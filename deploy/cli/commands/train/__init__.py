"""`dreamtuner train ...`: train a subject-encoder for a model, prepare images for it, or train the pocket model."""

import typer

from deploy.cli.commands.train.encoder import encoder
from deploy.cli.commands.train.pocket import pocket
from deploy.cli.commands.train.prepare import prepare

train = typer.Typer(
    help="Train a subject-encoder for a model, or the pocket model.",
    no_args_is_help=True,
)
train.command("prepare")(prepare)
train.command("encoder")(encoder)
train.command("pocket")(pocket)
