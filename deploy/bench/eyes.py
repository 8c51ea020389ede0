"""`dreamtuner bench eyes`: measure maskers on images whose true masks are known."""

import json
from pathlib import Path
from typing import Annotated

import typer


def eyes(
    masker: Annotated[
        list[str] | None,
        typer.Option(help="A masker to measure; repeat for several (default: grabcut, plain and auto)."),
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
    from itertools import chain

    from rich.table import Table

    from deploy.bench.refusal import refuse
    from deploy.cli.terminal import plain_terminal
    from dreamtuner.evaluation.masks import truth
    from dreamtuner.evaluation.masks.measure import figures, judged
    from dreamtuner.evaluation.masks.sheet import mask_sheet
    from dreamtuner.plugins import PluginError
    from dreamtuner.preprocess.maskers import MASKERS

    if (images is None) != (masks is None):
        refuse("--images and --masks belong together: give both folders, or neither to use the built-in images")
    if sheet is not None and (sheet.suffix.lower() != ".png" or not sheet.absolute().parent.is_dir()):
        refuse(f"--sheet {sheet}: give the name of a PNG in a folder that exists")
    known = (
        truth.own(images, masks)
        if images is not None and masks is not None
        else chain(truth.scenes(count), truth.on_plain(count), truth.drawings(count))
    )
    try:
        chosen = [MASKERS[name] for name in masker or ("grabcut", "plain", "auto")]
        done = judged(chosen, known, partial(typer.echo, err=True))
    except (PluginError, truth.TruthError) as error:
        refuse(str(error))
    if sheet is not None:
        mask_sheet(done).save(sheet)
    found = figures(done)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found]))
        return
    table = Table(box=None)
    for column in ("images", "masker", "n", "IoU", "worst 10 %", "if sure", "flagged %", "missed %", "s/image"):
        table.add_column(column)
    for one in found:
        sure, missed = one.sure_iou, one.wrong_unflagged
        table.add_row(
            one.group,
            one.masker,
            str(one.images),
            f"{one.iou:.3f}",
            f"{one.worst_tenth:.3f}",
            "-" if sure is None else f"{sure:.3f}",
            f"{100 * one.flagged:.1f}",
            "-" if missed is None else f"{100 * missed:.1f}",
            f"{one.seconds:.2f}",
        )
    plain_terminal().out.print(table)
