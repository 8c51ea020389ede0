"""`dreamtuner bench eyes`: measure maskers on images whose true masks are known."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from dreamtuner.evaluation.masks.calibration import Step
    from dreamtuner.evaluation.masks.measure import MaskerFigures
    from dreamtuner.evaluation.masks.truth import Known
    from dreamtuner.preprocess import Masker

EMBEDDED = ("grabcut", "plain", "auto")


def eyes(
    masker: Annotated[
        list[str] | None,
        typer.Option(help="A masker to measure; repeat for several (default: grabcut, plain, auto and the installed)."),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="A folder with images of your own, measured instead of the built-in ones.")
    ] = None,
    masks: Annotated[
        Path | None, typer.Option(help="The folder with their true masks: the same file names, white is subject.")
    ] = None,
    count: Annotated[
        int, typer.Option(min=1, help="Images per group: pocket scenes, pocket subjects on plain grounds, drawings.")
    ] = 60,
    sheet: Annotated[
        Path | None, typer.Option(help="Write a side-by-side sheet of the images with the worst masks to this PNG.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """Measure maskers: overlap with the true mask, calibration of the confidence, and time per image.

    IoU is the intersection over union of the found and the true mask. A mask below 0.7 is wrong; "missed" is the
    share of wrong masks among those that are not marked as doubtful, and should be at most 3 %.
    """
    from dataclasses import asdict
    from functools import partial

    from deploy.bench.refusal import refuse
    from deploy.cli.terminal import plain_terminal
    from dreamtuner.evaluation.masks import truth
    from dreamtuner.evaluation.masks.calibration import calibration
    from dreamtuner.evaluation.masks.measure import figures, judged
    from dreamtuner.evaluation.masks.sheet import mask_sheet
    from dreamtuner.models.weights import WeightsMissingError
    from dreamtuner.plugins import PluginError

    if (images is None) != (masks is None):
        refuse("--images and --masks belong together: give both folders, or neither to use the built-in images")
    if sheet is not None and (sheet.suffix.lower() != ".png" or not sheet.absolute().parent.is_dir()):
        refuse(f"--sheet {sheet}: give the name of a PNG in a folder that exists")
    try:
        done = judged(_maskers(masker), _known(images, masks, count), partial(typer.echo, err=True))
    except (PluginError, WeightsMissingError, truth.TruthError) as error:
        refuse(str(error))
    if sheet is not None:
        mask_sheet(done).save(sheet)
    found, steps = figures(done), calibration(done)
    if as_json:
        own = {one.masker: [asdict(step) for step in steps if step.masker == one.masker] for one in found}
        typer.echo(json.dumps([{**asdict(one), "calibration": own[one.masker]} for one in found]))
        return
    out = plain_terminal().out
    out.print(_overlaps(found))
    out.print("\nconfidence and overlap, over all images")
    out.print(_calibration(steps))


def _maskers(names: Sequence[str] | None) -> list[Masker]:
    """Return the maskers to measure. Raises PluginError, or WeightsMissingError if one that was named has no model."""
    from dreamtuner.preprocess.backends.maskers.ranking import installed_networks
    from dreamtuner.preprocess.maskers import MASKERS

    if not names:
        return [*(MASKERS[name] for name in EMBEDDED), *installed_networks()]
    chosen = [MASKERS[name] for name in names]
    for one in chosen:
        if (place := getattr(one, "place", None)) is not None:
            place()
    return chosen


def _known(images: Path | None, masks: Path | None, count: int) -> Iterable[Known]:
    from itertools import chain

    from dreamtuner.evaluation.masks import truth

    if images is not None and masks is not None:
        return truth.own(images, masks)
    return chain(truth.scenes(count), truth.on_plain(count), truth.drawings(count))


def _overlaps(found: Sequence[MaskerFigures]) -> Table:
    rows = [
        (
            one.group,
            one.masker,
            str(one.images),
            f"{one.iou:.3f}",
            f"{one.worst_tenth:.3f}",
            "-" if one.sure_iou is None else f"{one.sure_iou:.3f}",
            f"{100 * one.flagged:.1f}",
            "-" if one.wrong_unflagged is None else f"{100 * one.wrong_unflagged:.1f}",
            f"{one.seconds:.2f}",
        )
        for one in found
    ]
    return _table(("images", "masker", "n", "IoU", "worst 10 %", "if sure", "flagged %", "missed %", "s/image"), rows)


def _calibration(steps: Sequence[Step]) -> Table:
    rows = [
        (
            one.masker,
            f"{one.at_least:.1f} to {one.below:.1f}",
            str(one.images),
            f"{one.confidence:.2f}",
            f"{one.iou:.3f}",
            f"{100 * one.wrong:.1f}",
            f"{100 * one.flagged:.1f}",
        )
        for one in steps
    ]
    return _table(("masker", "confidence", "n", "mean", "IoU", "wrong %", "flagged %"), rows)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    from rich.table import Table

    table = Table(box=None)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*row)
    return table
