"""`dreamtuner ingest`: add a subject to the catalog."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from deploy.cli.options import AsJson
from deploy.cli.terminal import plain_terminal, print_result
from flows.spec.problems import InputError, Problem

if TYPE_CHECKING:
    from flows.resources import Resources
    from flows.spec.subject import SubjectSpec


def ingest(
    image: Annotated[str, typer.Argument(help="The reference: a PNG, JPEG or WebP by path, https:// or s3:// URL.")],
    name: Annotated[str, typer.Option(help="The subject's name, unique in the catalog.")],
    class_word: Annotated[str, typer.Option(help="A noun that the model knows: bear, rabbit, robot, ...")],
    style: Annotated[str, typer.Option(help="natural, anime, or a style of an installed plugin.")] = "natural",
    mask: Annotated[
        str | None,
        typer.Option(help="Its foreground mask, white on black, of its size; auto or auto:MASKER: segment it again."),
    ] = None,
    caption: Annotated[
        str | None, typer.Option(help="A detailed caption of the reference; auto or auto:CAPTIONER: have it written.")
    ] = None,
    pose: Annotated[
        str | None, typer.Option(help="The reference's own pose skeleton; auto or auto:ESTIMATOR: estimate it.")
    ] = None,
    depth: Annotated[
        str | None, typer.Option(help="The reference's own depth map; auto or auto:ESTIMATOR: estimate it.")
    ] = None,
    control: Annotated[
        list[str] | None, typer.Option(help="KIND=IMAGE, its control image of another kind, such as canny=auto.")
    ] = None,
    further: Annotated[
        list[str] | None, typer.Option(help="Another image of the subject, such as its back; as often as there are.")
    ] = None,
    further_weight: Annotated[
        float, typer.Option(help="How much each --further image counts; IMAGE has the weight 1.")
    ] = 1.0,
    profile: Annotated[
        str | None, typer.Option(help="The profile whose masker, captioner and estimators look at the reference.")
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="If the name is taken: replace that subject's reference, class word and style."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add a subject to the catalog: check its reference image, segment the foreground, store both.

    Values given here take effect at once: a mask, a caption or a control image replaces the current one of the same
    reference, for all specs that give none. `dreamtuner subjects NAME` lists what is stored, and whose it is.
    """
    from pydantic import ValidationError

    from deploy.cli.annotations import annotation_json, described, maker
    from flows.ingestion.known import demand_subjects
    from flows.ingestion.store_subject import prepare_and_store
    from flows.resources import Resources
    from flows.spec.problems import problems_of
    from flows.spec.subject import SubjectSpec

    given: dict[str, Any] = {"name": name, "class_word": class_word, "style": style, "replace": replace}
    own = {"mask": mask, "caption": caption, "pose": pose, "depth": depth, "controls": _controls(control or [])}
    if further:
        others = [{"image": one, "weight": further_weight} for one in further]
        given |= {"references": [{"image": image, **own}, *others]}
    else:
        given |= {"reference": image, **own}
    try:
        subject = SubjectSpec.model_validate(given)
    except ValidationError as error:
        raise InputError("ingest", problems_of(error, SubjectSpec)) from error
    resources = Resources.open()
    demand_subjects([subject], resources, "ingest", replace="--replace")
    _demand_eyes(subject, profile, resources)
    stored = prepare_and_store(subject, resources, given="ingest", profile=profile)
    facts: dict[str, Any] = {
        "subject": name,
        "reference": stored.facts.reference_sha256,
        "mask": stored.facts.mask_sha256,
    }
    if stored.further:
        facts["further"] = [
            {"reference": one.facts.reference_sha256, "mask": one.facts.mask_sha256, "confidence": one.confidence}
            for one in stored.further
        ]
    if as_json:
        facts |= {"confidence": stored.confidence, "doubtful": stored.doubtful, "warnings": stored.warnings}
        print_result({**facts, "annotations": [annotation_json(one) for one in stored.annotations]})
    else:
        doubt = " (doubtful: check it, or give --mask)" if stored.any_doubtful else ""
        out = plain_terminal().out
        sure = ", ".join(f"{one.confidence:.2f}" for one in (stored, *stored.further))
        known = f"{name} is in the catalog" + (f" with {1 + len(stored.further)} references" if stored.further else "")
        out.print(Text(f"{known}; mask confidence {sure}").append(doubt, "yellow"))
        for one in stored.annotations:
            out.print(Text(f"{one.kind}: {described(one)}, by {maker(one)}"), soft_wrap=True)
        for warning in stored.warnings:
            out.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)


def _controls(stated: list[str]) -> dict[str, str]:
    found = dict(one.split("=", 1) for one in stated if "=" in one)
    if len(found) != len(stated):
        message = "write KIND=IMAGE, each kind once, such as canny=edges.png or canny=auto"
        raise InputError("ingest", [Problem(path=("--control",), message=message)])
    return found


def _demand_eyes(subject: "SubjectSpec", profile: str | None, resources: "Resources") -> None:
    """Raise InputError if the profile, or a masker, captioner or estimator, is unknown or lacks its model."""
    from dreamtuner.plugins import PluginError
    from flows.ingestion.choice import ingestion_choice
    from flows.ingestion.eyes import demand_eyes_of

    try:
        chosen = None if profile is None else resources.profile(profile)
    except PluginError as error:
        raise InputError("ingest", [Problem(path=("--profile",), message=str(error))]) from error
    demand_eyes_of(subject, ingestion_choice(resources.settings, chosen), resources, "ingest")
