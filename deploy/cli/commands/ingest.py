"""`dreamtuner ingest`: one subject into the catalog."""

from typing import Annotated

import typer
from rich.text import Text

from deploy.cli.options import AsJson
from deploy.cli.terminal import plain_terminal, print_result
from flows.spec.problems import InputError


def ingest(
    image: Annotated[str, typer.Argument(help="The reference: a PNG, JPEG or WebP by path, https:// or s3:// URL.")],
    name: Annotated[str, typer.Option(help="What the subject is called; a name is one subject of the catalog.")],
    class_word: Annotated[str, typer.Option(help="What it is, in a word the model knows: bear, rabbit, robot, ...")],
    style: Annotated[str, typer.Option(help="natural, anime, or a style that another package adds")] = "natural",
    mask: Annotated[
        str | None,
        typer.Option(help="Its foreground mask, white on black, of the same size; auto: find it anew."),
    ] = None,
    caption: Annotated[str | None, typer.Option(help="What the reference shows, in detail.")] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Where the name is another subject's: replace its reference, class word and style."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add a subject to the catalog: check its reference image, find its foreground, store both.

    What is said here counts at once: a mask replaces the one in use, a caption that of the same reference.
    """
    from pydantic import ValidationError

    from flows.ingestion.known import demand_subjects
    from flows.ingestion.store_subject import prepare_and_store
    from flows.resources import Resources
    from flows.spec.model import SubjectSpec
    from flows.spec.problems import problems_of

    given = {
        "name": name,
        "class_word": class_word,
        "style": style,
        "mask": mask,
        "caption": caption,
        "replace": replace,
    }
    try:
        subject = SubjectSpec.model_validate({**given, "reference": image, "replace": replace})
    except ValidationError as error:
        raise InputError("ingest", problems_of(error, SubjectSpec)) from error
    resources = Resources.open()
    demand_subjects([subject], resources, "ingest", replace="--replace")
    kept = prepare_and_store(subject, resources, given="ingest")
    facts = {"subject": name, "reference": kept.facts.reference_sha256, "mask": kept.facts.mask_sha256}
    if as_json:
        print_result({**facts, "confidence": kept.confidence, "doubtful": kept.doubtful, "warnings": kept.warnings})
    else:
        doubt = " (doubtful: look at it, or give --mask)" if kept.doubtful else ""
        out = plain_terminal().out
        out.print(
            Text(f"{name} is in the catalog; its mask has confidence {kept.confidence:.2f}").append(doubt, "yellow")
        )
        for warning in kept.warnings:
            out.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)
