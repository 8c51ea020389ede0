"""Writes the page of the cumulative ablation: its table, its differences, and rows of images as in the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from dreamtuner.evaluation.ablations import COMPARED, SHOWN, Mean, ablation_steps, means
from dreamtuner.evaluation.held_out import MeasuredSubject, held_out_contexts, reference_of
from dreamtuner.pocket.world import caption
from dreamtuner.rendering.contact_sheet import SheetBlock, SheetCell, SheetRow, contact_sheet

SUBJECTS_SHOWN = 4
PROMPTS_SHOWN = 4
HEADS = {
    "identity": "identity",
    "clip_i_masked": "masked CLIP-I",
    "prompt": "prompt",
    "clip_t": "CLIP-T",
    "leakage": "silhouette leakage",
}
NOTES = (
    "identity: the share of the reference's colours, pattern, emblem, hat, eyes and shape that the oracle reads from "
    "the image; prompt: the share of the requested class, scene, pose, expression and style; masked CLIP-I and CLIP-T: "
    "cosines of the profile's CLIP model, which the subject-encoder also uses; silhouette leakage: IoU of the image's "
    "silhouette with the reference's. "
    "SE, no layout: at beta = 1, with an encoder trained without ControlNet, if the weights include one."
)
SHARES = frozenset({"identity", "prompt", "leakage"})


def format_mean(name: str, mean: Mean) -> str:
    """Format a mean and the half-width of its interval: in percent for shares, unscaled for cosines."""
    half = (mean.high - mean.low) / 2
    if name in SHARES:
        return f"{100 * mean.value:.1f} ± {100 * half:.1f} %"
    return f"{mean.value:.3f} ± {half:.3f}"


def write_page(folder: Path, title: str, detail: str, by_name: Mapping[str, Sequence[MeasuredSubject]]) -> Path:
    """Write ``README.md`` and ``pictures.jpg`` into ``folder``; return the former."""
    folder.mkdir(parents=True, exist_ok=True)
    _sheet(title, by_name).save(folder / "pictures.jpg", quality=80)
    heads = " | ".join(HEADS[name] for name in SHOWN)
    rows = [
        f"| {variant} | " + " | ".join(format_mean(name, means(drawn)[name]) for name in SHOWN) + " |"
        for variant, drawn in by_name.items()
    ]
    compared = "".join(_steps_table(name, ablation_steps(by_name, name)) for name in COMPARED)
    page = folder / "README.md"
    page.write_text(
        f"# {title}\n\n{detail} {NOTES}\n\n| variant | {heads} |\n|{' --- |' * (len(SHOWN) + 1)}\n"
        + "\n".join(rows)
        + f"\n{compared}\n![images by variant](pictures.jpg)\n"
    )
    return page


def format_difference(name: str, step: Mean) -> tuple[str, str]:
    """Format a difference and its interval: in percentage points for shares, unscaled for cosines."""
    if name in SHARES:
        return f"{100 * step.value:+.1f}", f"{100 * step.low:+.1f} to {100 * step.high:+.1f}"
    return f"{step.value:+.3f}", f"{step.low:+.3f} to {step.high:+.3f}"


def _steps_table(name: str, steps: Sequence[tuple[str, str, Mean]]) -> str:
    if not steps:
        return ""
    unit = ", points" if name in SHARES else ""
    rows = [f"| {low} to {high} | {' | '.join(format_difference(name, step))} |" for low, high, step in steps]
    return "\n".join(("", f"| from, to | {HEADS[name]}{unit} | 95 % |", "| --- | --- | --- |", *rows, ""))


def _sheet(title: str, by_name: Mapping[str, Sequence[MeasuredSubject]]) -> Image.Image:
    """Return the contact sheet: first subjects, first prompts, first seed; one column per variant."""
    first = next(iter(by_name.values()))
    blocks = []
    for i, one in enumerate(first[:SUBJECTS_SHOWN]):
        reference = reference_of(one.subject)
        requested = held_out_contexts(one.subject, min(PROMPTS_SHOWN, len(one.pictures)))
        rows = [
            SheetRow(
                caption(one.subject.identity, context),
                [SheetCell(drawn[i].pictures[j]) for drawn in by_name.values()],
            )
            for j, context in enumerate(requested)
        ]
        blocks.append(
            SheetBlock(
                f"subject {one.subject.identity_seed}",
                one.subject.identity.class_word,
                reference.image,
                reference.mask,
                columns=list(by_name),
                rows=rows,
            )
        )
    return contact_sheet(title, "one column per variant, equal seeds in all", blocks)
