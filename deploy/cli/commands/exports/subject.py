"""`dreamtuner export-subject`: write a fine-tuned checkpoint in a format that other tools open."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.options import Subject, no_url
from flows.spec.problems import InputError, Problem


def export_subject(
    subject: Subject,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new or empty folder.", callback=no_url)],
    kind: Annotated[
        str, typer.Option("--format", help="textual-inversion, lora, lora-kohya or diffusers; all safetensors.")
    ] = "lora",
    finetune: Annotated[
        str | None, typer.Option(help="Which fine-tuning, by the first digits of its digest; default: the latest.")
    ] = None,
) -> None:
    """Write a subject's fine-tuned checkpoint in a format that other tools open.

    lora and lora-kohya include the embedding of [S*] next to the adapter; diffusers is a complete folder for
    from_pretrained, with the subject-encoder for this project.
    """
    from deploy.cli.export import readable
    from dreamtuner.finetune.formats import FORMATS, CheckpointExportError, export
    from flows.resources import Resources
    from storage.catalog import views

    resources = Resources.open()
    wanted = next((one for one in FORMATS if one == kind), None)
    if wanted is None:
        raise _refused("--format", f"{kind!r} is not one of {', '.join(FORMATS)}")
    with resources.catalog.read() as s:
        found = [one for one in views.trainings_of(s, subject) if one.digest.startswith(finetune or "")]
        known = subject in views.subject_names(s)
    if not known:
        raise _refused("SUBJECT", f"the catalog has no subject {subject!r}; dreamtuner subjects lists them")
    if not found:
        raise _refused("SUBJECT", f"{subject!r} has no finished fine-tuning; run: dreamtuner finetune {subject!r}")
    digest = found[0].digest
    try:
        written = export(resources.checkpoint(digest), resources.backbone(found[0].profile), wanted, out)
    except CheckpointExportError as error:
        raise InputError("export-subject", [Problem(path=(), message=str(error))]) from error
    readable(out)
    for one in written:
        typer.echo(str(one))


def _refused(field: str, message: str) -> InputError:
    return InputError("export-subject", [Problem(path=(field,), message=message)])
