"""`dreamtuner ingest`: one subject into the catalog."""

from typing import Annotated

import typer

from deploy.arguments import AsJson
from deploy.terminal import plain_terminal, print_result
from flows.problems import InputError
from flows.settings import Settings


def ingest(
    image: Annotated[str, typer.Argument(help="The reference: a PNG, JPEG or WebP by path, https:// or s3:// URL.")],
    name: Annotated[str, typer.Option(help="What the subject is called; an existing name gets a new reference.")],
    class_word: Annotated[str, typer.Option(help="What it is, in a word the model knows: bear, rabbit, robot, ...")],
    style: Annotated[str, typer.Option(help="natural or anime")] = "natural",
    mask: Annotated[str | None, typer.Option(help="Its foreground mask, white on black, of the same size.")] = None,
    caption: Annotated[str | None, typer.Option(help="What the reference shows, in detail.")] = None,
    as_json: AsJson = False,
) -> None:
    """Take one subject into the catalog: check its reference, find its foreground, keep both."""
    from pydantic import ValidationError

    from flows.keep import take_in
    from flows.problems import problems_of
    from flows.spec import SubjectSpec

    given = {"name": name, "class_word": class_word, "style": style, "mask": mask, "caption": caption}
    try:
        subject = SubjectSpec.model_validate({**given, "reference": image})
    except ValidationError as error:
        raise InputError("ingest", problems_of(error, SubjectSpec)) from error
    kept = take_in(subject, Settings.load())
    facts = {"subject": name, "reference": kept.facts.reference_sha256, "mask": kept.facts.mask_sha256}
    if as_json:
        print_result({**facts, "confidence": kept.confidence, "doubtful": kept.doubtful})
    else:
        doubt = " [yellow](doubtful: look at it, or give --mask)[/yellow]" if kept.doubtful else ""
        plain_terminal().out.print(f"{name} is in the catalog; its mask has confidence {kept.confidence:.2f}{doubt}")
