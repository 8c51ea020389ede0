"""What the benchmarks of generated pictures share: their weights, and what they open."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deploy.bench.refusal import refuse, refuse_without_oracle

if TYPE_CHECKING:
    from dreamtuner.evaluation.cache import EvaluationCache
    from dreamtuner.evaluation.run import Bench

say = partial(typer.echo, err=True)


def weights_of(text: str) -> list[float]:
    """Return the weights that an option lists; ends the command if it lists none, or one that is not above 0."""
    try:
        found = [float(one) for one in text.split(",")]
    except ValueError:
        found = [0.0]
    if not all(0 < one <= 100 for one in found):
        refuse(f"--weights {text!r}: give numbers above 0 and up to 100, separated by commas")
    return list(dict.fromkeys(found))


def opened() -> tuple[Bench, EvaluationCache]:
    """Load the models of the pocket profile, and open what was measured before."""
    from deploy.bench.cells import cache_of
    from dreamtuner.evaluation.run import Bench
    from flows.resources import Resources
    from flows.settings import Settings

    settings = Settings.load()
    resources = Resources.open(settings)
    profile = resources.profile("pocket")
    refuse_without_oracle(profile, "DREAMTUNER_POCKET_WEIGHTS")
    return Bench.load(profile, resources.device), cache_of(settings, profile)


def demand_sheet(sheet: Path | None) -> None:
    """End the command unless the sheet, if there is one, is the name of a picture in a folder that exists."""
    if sheet is not None and (
        sheet.suffix.lower() not in (".png", ".jpg", ".jpeg") or not sheet.absolute().parent.is_dir()
    ):
        refuse(f"--sheet {sheet}: give the name of a PNG or JPEG in a folder that exists")
