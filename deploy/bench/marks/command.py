"""`dreamtuner bench marks`: measure signature and watermark."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

EVERY = 100  # pictures per line of progress


def marks(
    pictures: Annotated[int, typer.Option(min=1, help="Pictures to mark and to attack.")] = 1000,
    unmarked: Annotated[int, typer.Option(min=0, help="Pictures without a mark to look at.")] = 10_000,
    out: Annotated[
        Path | None,
        typer.Option(help="File of the figures so far; run again, it goes on there (default: in the home)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """Measure the watermark's PSNR, how often it is found after JPEG 75 and at half size, false marks, and times.

    The pictures: photographs and textures of scikit-image, varied at random; noise with the spectrum of photographs;
    the demo's world. Interrupted, the next call continues.
    """
    from dataclasses import asdict

    from deploy.bench.marks.measure import ATTACKS, marked, signing_seconds
    from deploy.bench.marks.measure import unmarked as strength_without
    from deploy.cli.terminal import plain_terminal
    from deploy.marks.watermark.detect import FALSE_MARKS, THRESHOLD
    from flows.settings import Settings

    file = out or Settings.load().home / "bench" / "marks.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    done = _read(file)
    _fill(file, done["marked"], pictures, lambda i: asdict(marked(i)), "marked")
    _fill(file, done["unmarked"], unmarked, strength_without, "unmarked")
    ours = [done["marked"][i] for i in range(pictures)]
    others = [done["unmarked"][i] for i in range(unmarked)]
    found = {name: sum(one["found"][name] for one in ours) / len(ours) for name in ATTACKS}
    read = {name: sum(one["read"][name] for one in ours) / len(ours) for name in ATTACKS}
    kinds = sorted({one["kind"] for one in ours})
    figures: dict[str, Any] = {
        "pictures": len(ours),
        "kinds": {kind: sum(one["kind"] == kind for one in ours) for kind in kinds},
        "psnr": {"least": min(one["psnr"] for one in ours), "median": median(one["psnr"] for one in ours)},
        "found": found,
        "payload_read": read,
        "least_strength": {name: min(one["strength"][name] for one in ours) for name in ATTACKS},
        "threshold": round(THRESHOLD, 3),
        "missed": [one["number"] for one in ours if not all(one["found"].values())],
        "false_marks_computed": FALSE_MARKS,
        "unmarked": len(others),
        "false_marks": sum(one > THRESHOLD for one in others),
        "highest_without": max(others, default=None),
        "embed_ms": round(1000 * median(one["seconds"][0] for one in ours), 1),
        "detect_ms": round(1000 * median(one["seconds"][1] for one in ours), 1),
        "sign_512_ms": round(1000 * signing_seconds(), 2),
    }
    if as_json:
        typer.echo(json.dumps(figures))
        return
    for name, value in figures.items():
        text = ", ".join(f"{k} {v:g}" for k, v in value.items()) if isinstance(value, dict) else value
        plain_terminal().out.print(f"{name.replace('_', ' '):<22}{text}", markup=False, highlight=False)


def _read(file: Path) -> dict[str, dict[int, Any]]:
    """Read the figures so far; a line that was cut off by a kill is measured again."""
    done: dict[str, dict[int, Any]] = {"marked": {}, "unmarked": {}}
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            one = json.loads(line)
        except ValueError:
            continue
        done[one["what"]][one["number"]] = one["value"]
    return done


def _fill(file: Path, done: dict[int, Any], count: int, measure: Callable[[int], Any], what: str) -> None:
    """Measure what is missing, and add a line for each to the file."""
    missing = [number for number in range(count) if number not in done]
    with file.open("a") as lines:
        lines.write("\n")  # ends a line that was cut off
        for i, number in enumerate(missing, 1):
            done[number] = value = json.loads(json.dumps(measure(number)))
            lines.write(json.dumps({"what": what, "number": number, "value": value}) + "\n")
            lines.flush()
            if i % EVERY == 0:
                typer.echo(f"{what}: {i} of {len(missing)}", err=True)
