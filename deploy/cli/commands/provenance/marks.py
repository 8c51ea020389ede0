"""`dreamtuner marks`: the house's keys, by which pictures are signed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.options import AsJson, no_url
from deploy.cli.terminal import print_result
from flows.settings import Settings
from flows.spec.problems import InputError, Problem

if TYPE_CHECKING:
    from deploy.marks.settings import MarkSettings

marks = typer.Typer(help="The house's keys, which sign the pictures that leave.", no_args_is_help=True)
PASSPHRASE = "DREAMTUNER_KEYS_PASSPHRASE"
Passphrase = Annotated[
    str,
    typer.Option(envvar=PASSPHRASE, prompt=True, hide_input=True, help="Encrypts the private keys in the backup."),
]
NewPassphrase = Annotated[
    str,
    typer.Option(
        envvar=PASSPHRASE, prompt=True, hide_input=True, confirmation_prompt=True, help="Encrypts the private keys."
    ),
]


@marks.command()
def show(as_json: AsJson = False) -> None:
    """Show who signs here, until when, and whose pictures are trusted. Makes nothing."""
    from deploy.marks.keys.certificates import expires, fingerprint
    from deploy.marks.keys.files import SIGNING, split_signing, trusted

    ours = _settings()
    said: dict[str, object] = {"marks": ours.on, "signer": ours.signer, "keys": str(ours.keys)}
    if (ours.keys / SIGNING).is_file():
        _, chain = split_signing((ours.keys / SIGNING).read_bytes())
        said |= {"house": fingerprint(chain)[:6], "authority": fingerprint(chain)}
        said |= {
            "signing_until": expires(chain).date().isoformat(),
            "until": expires(chain, authority=True).date().isoformat(),
        }
    said["trusted"] = [fingerprint(one) for one in trusted(ours.keys)]
    if as_json:
        print_result(said)
        return
    for name, value in said.items():
        text = ", ".join(value) if isinstance(value, list) else value
        typer.echo(f"{name.replace('_', ' '):<15}{'on' if text is True else 'off' if text is False else text}")
    if "house" not in said:
        typer.echo("there are no keys yet: the first picture that leaves makes them, or `dreamtuner marks new`")


@marks.command()
def new() -> None:
    """Make the house's authority and signing key now, instead of at the first picture that leaves."""
    from deploy.marks.keys.files import has_keys, make_keys

    ours = _settings()
    if has_keys(ours.keys) or not make_keys(ours.keys):
        raise _refused("keys", f"{ours.keys} holds keys; `dreamtuner marks rotate` makes a new signing key")
    typer.echo(f"{ours.keys}: the house's keys; back them up by `dreamtuner marks backup`")


@marks.command()
def rotate() -> None:
    """Make a new signing key under the same authority. What the old one signed stays valid until it expires."""
    from deploy.marks.keys import files

    ours = _settings()
    files.rotate(ours.keys)
    typer.echo(f"{ours.keys}: a new signing key; processes that run use the old one until they are restarted")


@marks.command()
def backup(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new file.", callback=no_url)], passphrase: NewPassphrase
) -> None:
    """Write the keys to one file, private ones encrypted. `dreamtuner backup` leaves them out."""
    from deploy.marks.keys.backup import back_up

    if out.exists():
        raise _refused("OUT", f"{out} exists; name another file, or remove it")
    whole = back_up(_settings().keys, out, passphrase)
    typer.echo(f"{out}: keep it and its passphrase apart, and both away from this machine")
    if not whole:
        typer.echo("the authority's key is not in it, because it is not in the folder: back it up where it is kept")


@marks.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="BACKUP", exists=True, dir_okay=False)],
    passphrase: Passphrase,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also if this machine has keys of another house, which is then replaced.")
    ] = False,
) -> None:
    """Make the keys of a backup those of this machine: after a loss, or on a further host of the same house."""
    from deploy.marks.keys import backup as backups

    ours = _settings()
    kept = backups.restore(ours.keys, file, passphrase, replace=replace)
    typer.echo(f"{ours.keys}: restored; restart what marks pictures")
    if kept is not None:
        typer.echo(f"the key of the authority before it is kept as {kept.name}")


@marks.command()
def trust(
    certificate: Annotated[Path, typer.Argument(metavar="PEM", exists=True, dir_okay=False)],
) -> None:
    """Trust the pictures of another house: its authority.pem. `inspect` then names its signer as trusted."""
    from deploy.marks.keys import files

    found = files.trust(_settings().keys, certificate.read_bytes())
    typer.echo(f"trusted: authority {found}")


def _settings() -> MarkSettings:
    from deploy.marks.settings import MarkSettings

    return MarkSettings.load(Settings.load().home)


def _refused(field: str, message: str) -> InputError:
    return InputError("marks", [Problem(path=(field,), message=message)])
