"""`dreamtuner bench stage1`: what the training of a subject-encoder costs, computed."""

import json
from enum import StrEnum
from typing import Annotated, Any

import typer


class Model(StrEnum):
    """Whose shapes are counted."""

    sd15 = "sd15"
    sdxl = "sdxl"


def stage1(
    model: Annotated[Model, typer.Option(help="Stable Diffusion 1.5 at 512 pixels, or XL at 1024.")] = Model.sd15,
    utilisation: Annotated[
        float | None, typer.Option(min=0.01, max=1, help="Assumed share of the cards' peak; default 0.35.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """Compute what `train encoder` takes by each preset: memory, and days at an assumed share of the cards' peak.

    FLOPs of an image are counted on the very code at true shapes, without weights; nothing is timed. Beside it stands
    how many images the paper's week on four A100 is worth at the same share.
    """
    from dataclasses import asdict

    from rich.table import Table

    from deploy.cli.terminal import plain_terminal
    from dreamtuner.bench.stage1 import (
        CARDS,
        SD15,
        SDXL,
        UTILISATION,
        days,
        fitted,
        image_cost,
        memory_bytes,
        paper_images,
    )
    from dreamtuner.train.encoder.settings import PRESETS

    share = utilisation or UTILISATION
    cost = image_cost({Model.sd15: SD15, Model.sdxl: SDXL}[model])
    rows: list[dict[str, Any]] = []
    for preset, card in CARDS.items():
        settings = fitted(cost, PRESETS.load(preset), card)
        rows.append(
            {
                "preset": preset,
                "card": card.name,
                "cards": settings.processes,
                "images": settings.batch * settings.loop.steps,
                "at_once": settings.at_once,
                "checkpointing": settings.checkpointing,
                "gigabytes": round(memory_bytes(cost, settings) / 1e9, 1),
                "days": round(days(cost, settings, tflops=card.tflops, utilisation=share), 2),
            }
        )
    paper = round(paper_images(cost, share))
    if as_json:
        typer.echo(json.dumps({"image": asdict(cost), "utilisation": share, "presets": rows, "paper_images": paper}))
        return
    table = Table(title=f"{cost.shapes}, {cost.pixels} pixels; computed at {share:.0%} of the cards' peak", box=None)
    for column in ("preset", "cards", "images", "at once", "again", "GB", "days"):
        table.add_column(column)
    for row in rows:
        table.add_row(
            row["preset"],
            f"{row['cards']} x {row['card']}",
            f"{row['images'] / 1e6:.1f} M",
            str(row["at_once"]),
            "yes" if row["checkpointing"] else "no",
            f"{row['gigabytes']:.1f}",
            f"{row['days']:.2f}",
        )
    out = plain_terminal().out
    out.print(table)
    out.print(
        f"learned: {cost.numbers / 1e6:.1f} M numbers; {cost.flops / 1e12:.2f} TFLOP an image, "
        f"{cost.flops_again / 1e12:.2f} with activations computed again"
    )
    out.print(f"the paper: 4 A100 for 7 days, batch 16; at the same share that is {paper / 1e6:.0f} M images")
