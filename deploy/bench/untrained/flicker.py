"""`dreamtuner bench flicker`: measure how much videos flicker, by how their frames see each other."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dreamtuner.evaluation.ablations import Mean
    from dreamtuner.evaluation.video.clips import Way
    from dreamtuner.evaluation.video.measure import WayFigures


def flicker(
    subjects: Annotated[int, typer.Option(min=2, help="Held-out subjects of the pocket world, one clip each.")] = 6,
    frames: Annotated[int, typer.Option(min=3, max=16, help="Frames of a clip: one cycle of a wave.")] = 8,
    way: Annotated[
        list[str] | None,
        typer.Option(
            help="How frames see earlier ones, as in a spec's video.earlier, such as see=first,weight=0.3; repeat it. "
            "Compared with shared noise, noise of their own, and frames as references."
        ),
    ] = None,
    loop: Annotated[bool, typer.Option(help="Make loops, and measure the step from the last frame to the first.")] = (
        False
    ),
    validation: Annotated[
        bool, typer.Option(help="Use the identities that settings are tuned on instead of the test identities.")
    ] = False,
    strip: Annotated[
        Path | None, typer.Option(help="Also draw the first clip in every way, to this PNG or JPEG.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """Compare the flicker of videos: independent frames, frames as references, and other ways to see them.

    Flicker is the mean frame-to-frame change of static pixels (0..255). Beside it stand the motion that is kept, the
    identity's attributes as the oracle reads them and how many of them switch from frame to frame, and the share of
    frames in the right scene and pose. Each clip is stored: an interrupted or enlarged table continues from there.
    """
    from dataclasses import asdict

    from deploy.bench.measured.cells import CatalogCells
    from deploy.bench.refusal import refuse_unless_image, refuse_without_oracle
    from dreamtuner.evaluation.held_out import held_out_subjects
    from dreamtuner.evaluation.run import Bench
    from dreamtuner.evaluation.video.clips import ClipCache, ClipRequest
    from dreamtuner.evaluation.video.measure import measure_ways
    from dreamtuner.evaluation.video.strip import clip_strip
    from dreamtuner.pocket.world import TEST, VALIDATION
    from flows.resources import Resources
    from flows.settings import Settings

    refuse_unless_image("--strip", strip)
    ways = _ways(way or [], loop=loop)
    settings = Settings.load()
    resources = Resources.open(settings)
    profile = resources.profile("pocket")
    refuse_without_oracle(profile, "DREAMTUNER_POCKET_WEIGHTS")
    people = held_out_subjects(subjects, seeds=VALIDATION if validation else TEST)
    bench = Bench.load(profile, resources.device)
    cache = ClipCache(CatalogCells(resources.catalog, resources.store), profile)
    requests = [ClipRequest(one, frames) for one in people]
    found = measure_ways(bench, cache, ways, requests, partial(typer.echo, err=True))
    if strip is not None:
        clip_strip(bench, cache, ways, requests[0]).save(strip)
    if as_json:
        counts = {"subjects": subjects, "frames": frames, "loop": loop, "validation": validation}
        typer.echo(json.dumps({**counts, "ways": [asdict(one) for one in found]}))
        return
    _print(found, "validation" if validation else "test")


def _ways(given: list[str], *, loop: bool) -> list["Way"]:
    """Return the ways to compare: the three that always are, then those of the command line."""
    from dataclasses import replace

    import yaml
    from pydantic import ValidationError

    from deploy.bench.refusal import refuse
    from dreamtuner.evaluation.video.clips import Way
    from dreamtuner.evaluation.video.measure import WAYS
    from dreamtuner.settings.frames import FrameUse
    from flows.spec.problems import problems_of

    ways = list(WAYS.values())
    for text in dict.fromkeys(given):
        pairs = [part.partition("=") for part in text.split(",")]
        try:
            fields = {name.strip(): yaml.safe_load(value) for name, _, value in pairs}
            ways.append(Way(text, FrameUse.model_validate(fields)))
        except ValidationError as error:
            refuse(f"--way {text!r}: {'; '.join(str(one) for one in problems_of(error, FrameUse))}")
        except yaml.YAMLError:
            refuse(f"--way {text!r}: write settings such as see=first,weight=0.3")
    return [replace(one, loop=loop) for one in ways]


_SCALES = {"flicker": 1, "later": 1, "closing": 1, "motion": 1}
"""Figures in levels of 0..255; all others are shares, printed in %."""


def _print(found: "list[WayFigures]", which: str) -> None:
    from rich.table import Table

    from deploy.cli.terminal import plain_terminal

    def one_table(title: str, heads: list[str]) -> Table:
        shown = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
        shown.add_column("way")
        for head in heads:
            shown.add_column(head, justify="right", no_wrap=True)
        return shown

    def interval(mean: "Mean", sign: str = "") -> str:
        return f"{mean.value:{sign}.2f} ({mean.low:{sign}.2f} to {mean.high:{sign}.2f})"

    title = f"{found[0].subjects} {which} subjects, {found[0].frames} frames each: means with 95 % intervals"
    still = one_table(title, ["flicker", "to shared noise"])
    rest = [name for name in found[0].figures if name != "flicker"]
    besides = one_table("\nThe same clips", [name if name in _SCALES else f"{name} %" for name in rest])
    for one in found:
        way = one.way.replace(",", ", ")  # so that a long one breaks between settings
        still.add_row(way, interval(one.figures["flicker"]), interval(one.gains["flicker"], "+"))
        values = [(name, one.figures[name].value * _SCALES.get(name, 100)) for name in rest]
        besides.add_row(way, *(f"{value:.2f}" if name in _SCALES else f"{value:.1f}" for name, value in values))
    plain_terminal().out.print(still, besides, sep="\n")
