"""`dreamtuner finetune`: a model learns a subject."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.exit import OK, followed, leave
from deploy.cli.options import AsJson, NewDefaults, Subject
from deploy.cli.terminal import print_line
from dreamtuner.settings.finetune import FineTuneConfig
from flows.settings import Settings
from flows.spec.problems import InputError, Problem

if TYPE_CHECKING:
    from flows.finetune import FineTuneSummary

Profile = Annotated[str, typer.Option(help="The model that learns it.")]


def finetune(
    subject: Subject,
    profile: Profile = "pocket",
    mode: Annotated[str | None, typer.Option(help="lora (small checkpoints) or full (all weights learn).")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimizer steps at most; default: the profile's.")] = None,
    patience: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many previews without a better likeness.")
    ] = None,
    more: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any other number, such as lr.unet=1e-4.")
    ] = None,
    new_defaults: NewDefaults = False,
    as_json: AsJson = False,
) -> None:
    """Let a model learn a subject of the catalog (Sec. 3.3); specs that say `finetune` draw with what it learnt.

    A fine-tuning is done once: the same again is found by its digest. Interrupted or killed, it goes on from the last
    state in the object store. It ends with how like the reference its previews were, and with how well prompts that do
    not name the subject are followed before and after.
    """
    from deploy.cli.local_run import run_finetune

    settings = Settings.load()
    numbers = asked({"mode": mode, "steps": steps, "patience": patience}, more or [])
    terminal, done = followed(
        "finetune",
        settings,
        lambda line: run_finetune(subject, profile, numbers, settings, line, line.started, new_defaults=new_defaults),
    )
    if as_json:
        print_line(terminal, finetune_json(done))
    else:
        for words in finetune_words(done):
            terminal.out.print(words, soft_wrap=True, highlight=False, markup=False)
    leave(terminal, OK)


def asked(given: dict[str, Any], more: list[str]) -> dict[str, Any]:
    """The settings that were given, `more` among them as key=value, a dot inside: lr.unet=1e-4. InputError."""
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
    """The one line that ends `finetune --json`."""
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
    if done.newer_defaults is not None:
        lines.append(done.newer_defaults)
    if done.previews is not None:
        lines.append(f"previews: {done.previews}")
    return lines
