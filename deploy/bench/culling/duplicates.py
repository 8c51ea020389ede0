"""`dreamtuner bench duplicates`: measure how well near-duplicates are told from pictures of other seeds."""

from __future__ import annotations

import io
import json
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from PIL.Image import Image

    from deploy.bench.culling.pictures import Made

CROP = 0.05
"""The share of width and height that a copy leaves out at most."""


def duplicates(
    subjects: Annotated[int, typer.Option(min=1, help="Held-out subjects of the pocket world.")] = 10,
    prompts: Annotated[int, typer.Option(min=1, max=30, help="Prompts per subject.")] = 6,
    seeds: Annotated[int, typer.Option(min=2, help="Pictures per prompt.")] = 4,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """Measure precision and recall of near-duplicates: copies of a picture against pictures of other seeds.

    Copies are re-encoded, resized, cropped by up to 5 %, or all of these. Each is compared with its own picture, and
    with those of the other seeds of the same subject and prompt. An interrupted measurement continues.
    """
    from deploy.bench.culling.pictures import OURS, made_pictures
    from deploy.cli.terminal import plain_terminal

    _, pictures, _ = made_pictures([OURS], subjects, prompts, seeds)
    figures = measure(pictures)
    if as_json:
        typer.echo(json.dumps(figures))
        return
    out = plain_terminal().out
    shares = ("precision", "recall", "f1")
    out.print(f"{figures['pictures']} pictures, {figures['alike']} pairs alike, {figures['unlike']} unlike")
    out.print(", ".join(f"{name} {100 * figures[name]:.2f} %" for name in shares), highlight=False)
    for kind, share in figures["recall_by_copy"].items():
        out.print(f"  {kind:<16}recall {100 * share:.2f} %", highlight=False)
    out.print(f"stacks of one picture's copies alone: {100 * figures['pure_stacks']:.2f} %", highlight=False)
    out.print(f"{figures['grouped']} pictures grouped in {figures['seconds']:.2f} s", highlight=False)


def measure(pictures: Sequence[Made]) -> dict[str, Any]:
    """Compare every copy with its picture and with those of other seeds; return counts and shares."""
    from dreamtuner.curation.stacks import alike, stacks

    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, one in enumerate(pictures):
        groups[one.subject, one.prompt].append(i)
    hits: dict[str, list[bool]] = defaultdict(list)
    false, unlike, everything, origin = 0, 0, [], []
    for members in groups.values():
        originals = [_look(pictures[i].image) for i in members]
        made = ((place, copy) for place, i in enumerate(members) for copy in _copies(pictures, i))
        copies = [(place, kind, _look(image)) for place, (kind, image) in made]
        near = alike([*originals, *(look for _, _, look in copies)])
        for at, (place, kind, _) in enumerate(copies, len(members)):
            found = set(near.get(at, ())) & set(range(len(members)))
            hits[kind].append(place in found)
            false += len(found - {place})
            unlike += len(members) - 1
        everything += [*originals, *(look for _, _, look in copies)]
        origin += [*members, *(members[place] for place, _, _ in copies)]
    right = sum(sum(one) for one in hits.values())
    alike_pairs = sum(len(one) for one in hits.values())
    started = time.perf_counter()
    piles = stacks(everything)
    took = time.perf_counter() - started
    pure = sum(len({origin[one] for one in pile}) == 1 for pile in piles)
    precision = right / (right + false) if right + false else 0.0
    recall = right / alike_pairs
    return {
        "pictures": len(pictures),
        "alike": alike_pairs,
        "unlike": unlike,
        "missed": alike_pairs - right,
        "false": false,
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall) if right else 0.0,
        "recall_by_copy": {kind: sum(one) / len(one) for kind, one in hits.items()},
        "stacks": len(piles),
        "pure_stacks": pure / len(piles) if piles else 0.0,
        "grouped": len(everything),
        "seconds": round(took, 2),
    }


def _copies(pictures: Sequence[Made], number: int) -> list[tuple[str, Image]]:
    """Return copies of a picture, with what was done to them; the same on every machine."""
    image, draw = pictures[number].image.convert("RGB"), random.Random(f"copies {number}")
    double = image.resize((2 * image.width, 2 * image.height))
    return [
        ("JPEG", _encoded(image, "JPEG", draw.choice((60, 75, 90)))),
        ("WebP", _encoded(image, "WEBP", draw.choice((60, 80)))),
        ("half size", image.resize((image.width // 2, image.height // 2))),
        ("double size", double),
        ("cropped", _cropped(image, draw.uniform(0.01, CROP), draw)),
        ("cropped by 5 %", _cropped(image, CROP, draw)),
        ("all of these", _encoded(_cropped(double, CROP, draw), "JPEG", 75)),
    ]


def _cropped(image: Image, share: float, draw: random.Random) -> Image:
    width, height = (max(1, round(side * (1 - share))) for side in image.size)
    left, top = draw.randint(0, image.width - width), draw.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def _encoded(image: Image, kind: str, quality: int) -> Image:
    from PIL import Image as Pillow

    buffer = io.BytesIO()
    image.save(buffer, kind, quality=quality)
    return Pillow.open(buffer).convert("RGB")


def _look(image: Image) -> Any:
    from dreamtuner.curation.perceptual_hash import perceptual_hash, structure
    from dreamtuner.curation.stacks import Look

    small = structure(image)
    return Look(phash=perceptual_hash(small), structure=small)
