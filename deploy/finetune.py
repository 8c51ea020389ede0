"""`dreamtuner finetune` and `dreamtuner export-subject`: a model learns a subject, and others open what it learnt."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreamtuner.finetune.settings import FineTune
from flows.problems import InputError, Problem
from flows.settings import Settings

if TYPE_CHECKING:
    from flows.finetune import Finetuned

Subject = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="Its name in the catalog; `ingest` and `run` enter it.")
]
Profile = Annotated[str, typer.Option(help="The model that learns it.")]


def asked(given: dict[str, Any], more: list[str]) -> dict[str, Any]:
    """The settings that were given, `more` among them as key=value, a dot inside: lr.unet=1e-4. InputError."""
    settings = {name: value for name, value in given.items() if value is not None}
    for one in more:
        path, equals, text = one.partition("=")
        head, _, inner = path.partition(".")
        if not equals or head not in FineTune.model_fields:
            known = ", ".join(sorted(FineTune.model_fields))
            message = f"{one!r} is not KEY=VALUE with a key of: {known}"
            raise InputError("finetune", [Problem(path=("--set",), message=message)])
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        if inner:
            settings.setdefault(head, {})[inner] = value
        else:
            settings[head] = value
    return settings


def finetune_json(done: "Finetuned") -> dict[str, Any]:
    """The one line that ends `finetune --json`."""
    guard = None if done.guard is None else {"before": done.guard.before, "after": done.guard.after}
    facts = {"subject": done.subject, "finetune": done.digest, "checkpoint": done.checkpoint, "made": done.made}
    return {
        **facts,
        "steps": done.steps,
        "identities": list(done.identities),
        "guard": guard,
        "previews": None if done.previews is None else str(done.previews),
    }


def finetune_words(done: "Finetuned") -> list[str]:
    """The same for people, a line each."""
    how = f"learnt in {done.steps} steps" if done.made else f"known already, from {done.steps} steps"
    lines = [f"{done.subject}: {how}; checkpoint {done.checkpoint[:12]}"]
    if done.identities:
        row = ", ".join(f"{one:.3f}" for one in done.identities)
        lines.append(f"like the reference (masked CLIP-I) at each preview: {row}")
    if done.guard is not None:
        before, after, lost = 100 * done.guard.before, 100 * done.guard.after, done.guard.points_lost
        warning = "" if lost <= 2 else "  (more than 2 points: it learnt too much; give fewer steps or lower rates)"
        lines.append(f"prompts without [S*] followed: {before:.1f} % before, {after:.1f} % after{warning}")
    if done.previews is not None:
        lines.append(f"previews: {done.previews}")
    return lines


def export_subject(
    subject: Subject,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A folder, new or empty.")],
    kind: Annotated[
        str, typer.Option("--format", help="textual-inversion, lora, lora-kohya or diffusers; all safetensors.")
    ] = "lora",
    finetune: Annotated[
        str | None, typer.Option(help="Which fine-tuning, by the first digits of its digest; default: the latest.")
    ] = None,
) -> None:
    """Write what was learnt of a subject in a format that others open.

    lora and lora-kohya come with the embedding of [S*] beside the adapter; diffusers is a whole folder for
    from_pretrained, with the subject-encoder for this project.
    """
    from dreamtuner.finetune.formats import FORMATS, ExportRefused, export
    from flows.resources import backbone_of, catalog_of, tuned_of
    from storage.catalog import views

    settings = Settings.load()
    wanted = next((one for one in FORMATS if one == kind), None)
    if wanted is None:
        raise _refused("--format", f"{kind!r} is not one of {', '.join(FORMATS)}")
    with catalog_of(settings).read() as s:
        found = [one for one in views.trainings_of(s, subject) if one.digest.startswith(finetune or "")]
    if not found:
        raise _refused("SUBJECT", f"no fine-tuning of {subject!r} is done; run: dreamtuner finetune {subject!r}")
    digest = found[0].digest
    try:
        written = export(tuned_of(settings, digest), backbone_of(settings, found[0].profile), wanted, out)
    except ExportRefused as error:
        raise InputError("export-subject", [Problem(path=(), message=str(error))]) from error
    for one in written:
        typer.echo(str(one))


def _refused(field: str, message: str) -> InputError:
    return InputError("export-subject", [Problem(path=(field,), message=message)])
