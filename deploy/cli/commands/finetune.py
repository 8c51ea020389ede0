"""`dreamtuner finetune`: fine-tune a profile on a subject."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.exit import OK, leave, run_with_progress
from deploy.cli.options import AsJson, NewDefaults, Subject
from deploy.cli.terminal import print_line
from dreamtuner.models.profiles import DEFAULT_PROFILE
from dreamtuner.settings.finetune import FineTuneConfig
from flows.settings import Settings
from flows.spec.problems import InputError, Problem

if TYPE_CHECKING:
    from flows.finetune import FineTuneSummary

Profile = Annotated[str, typer.Option(help="The profile to fine-tune.")]


def finetune(
    subject: Subject,
    profile: Profile = DEFAULT_PROFILE,
    mode: Annotated[str | None, typer.Option(help="lora (small checkpoints) or full (trains all weights).")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Maximum optimizer steps; default: the profile's.")] = None,
    patience: Annotated[
        int | None, typer.Option(min=1, help="Stop after this many previews without improvement.")
    ] = None,
    more: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any other setting, such as lr.unet=1e-4.")
    ] = None,
    new_defaults: NewDefaults = False,
    new_weights: Annotated[
        bool, typer.Option("--new-weights", help="Fine-tune again if the profile's weights changed since.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fine-tune a profile on a subject of the catalog (Sec. 3.3).

    Runs whose spec sets `finetune` use the resulting checkpoint. The same request reuses the existing checkpoint; an
    interrupted one resumes from the last saved state. Prints the similarity of each preview to the reference, and the
    class-prompt accuracy before and after (prior preservation).
    """
    from deploy.cli.local_run import run_finetune

    settings = Settings.load()
    numbers = parse_settings({"mode": mode, "steps": steps, "patience": patience}, more or [])
    how = {"new_defaults": new_defaults, "new_weights": new_weights}
    terminal, done = run_with_progress(
        "finetune",
        settings,
        lambda line: run_finetune(subject, profile, numbers, settings, line, line.started, **how),
    )
    if as_json:
        print_line(terminal, finetune_json(done))
    else:
        for words in finetune_words(done):
            terminal.out.print(words, soft_wrap=True, highlight=False, markup=False)
    leave(terminal, OK)


def parse_settings(given: dict[str, Any], more: list[str]) -> dict[str, Any]:
    """Merge the options given with the KEY=VALUE pairs in `more`, such as lr.unet=1e-4. Raises InputError."""
    settings = {name: value for name, value in given.items() if value is not None}
    for one in more:
        path, equals, text = one.partition("=")
        head, _, inner = path.partition(".")
        if not equals or head not in FineTuneConfig.model_fields:
            known = ", ".join(sorted(FineTuneConfig.model_fields))
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


def finetune_json(done: "FineTuneSummary") -> dict[str, Any]:
    """Return the last line of `finetune --json`."""
    guard = None if done.guard is None else {"before": done.guard.before, "after": done.guard.after}
    facts = {"subject": done.subject, "finetune": done.digest, "checkpoint": done.checkpoint, "made": done.made}
    return {
        **facts,
        "steps": done.steps,
        "identities": list(done.identities),
        "guard": guard,
        "previews": None if done.previews is None else str(done.previews),
        "newer_defaults": done.newer_defaults,
    }


def finetune_words(done: "FineTuneSummary") -> list[str]:
    """Return the lines that `finetune` prints for people."""
    how = f"fine-tuned in {done.steps} steps" if done.made else f"already fine-tuned, in {done.steps} steps"
    lines = [f"{done.subject}: {how}; checkpoint {done.checkpoint[:12]}"]
    if done.identities:
        row = ", ".join(f"{one:.3f}" for one in done.identities)
        lines.append(f"similarity to the reference (masked CLIP-I) at each preview: {row}")
    if done.guard is not None:
        before, after, lost = 100 * done.guard.before, 100 * done.guard.after, done.guard.points_lost
        warning = (
            ""
            if lost <= 2
            else "  (a drop of more than 2 points: it overfits; use fewer steps or lower learning rates)"
        )
        lines.append(f"class-prompt accuracy (prior preservation): {before:.1f} % before, {after:.1f} % after{warning}")
    if done.newer_defaults is not None:
        lines.append(done.newer_defaults)
    if done.previews is not None:
        lines.append(f"previews: {done.previews}")
    return lines
