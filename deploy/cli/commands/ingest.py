"""`dreamtuner ingest`: add a subject to the catalog."""

from typing import Annotated

import typer
from rich.text import Text

from deploy.cli.options import AsJson
from deploy.cli.terminal import plain_terminal, print_result
from flows.spec.problems import InputError


def ingest(
    image: Annotated[str, typer.Argument(help="The reference: a PNG, JPEG or WebP by path, https:// or s3:// URL.")],
    name: Annotated[str, typer.Option(help="The subject's name, unique in the catalog.")],
    class_word: Annotated[str, typer.Option(help="A noun that the model knows: bear, rabbit, robot, ...")],
    style: Annotated[str, typer.Option(help="natural, anime, or a style of an installed plugin.")] = "natural",
    mask: Annotated[
        str | None,
        typer.Option(help="Its foreground mask, white on black, same size as the image; auto: segment it again."),
    ] = None,
    caption: Annotated[str | None, typer.Option(help="A detailed caption of the reference.")] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="If the name is taken: replace that subject's reference, class word and style."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add a subject to the catalog: check its reference image, segment the foreground, store both.

    Values given here take effect at once: a mask replaces the current one, a caption that of the same reference.
    """
    from pydantic import ValidationError

    from flows.ingestion.known import demand_subjects
    from flows.ingestion.store_subject import prepare_and_store
    from flows.resources import Resources
    from flows.spec.problems import problems_of
    from flows.spec.subject import SubjectSpec

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
    stored = prepare_and_store(subject, resources, given="ingest")
    facts = {"subject": name, "reference": stored.facts.reference_sha256, "mask": stored.facts.mask_sha256}
    if as_json:
        print_result(
            {**facts, "confidence": stored.confidence, "doubtful": stored.doubtful, "warnings": stored.warnings}
        )
    else:
        doubt = " (doubtful: check it, or give --mask)" if stored.doubtful else ""
        out = plain_terminal().out
        out.print(Text(f"{name} is in the catalog; mask confidence {stored.confidence:.2f}").append(doubt, "yellow"))
        for warning in stored.warnings:
            out.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)
