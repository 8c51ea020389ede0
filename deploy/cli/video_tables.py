"""Formats the result of `dreamtuner video` for people and for machines."""

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.cli.tables import warning_lines, warnings_json

if TYPE_CHECKING:
    from flows.video import VideoSummary


def video_json(summary: "VideoSummary") -> dict[str, Any]:
    """Return the last line of `video --json`. Flicker is the mean change of static pixels, 0..255."""
    clips = [
        {
            "subject": clip.subject,
            "prompt": clip.prompt,
            "seed": clip.seed,
            "frames": clip.frames,
            "mp4": None if clip.mp4 is None else str(clip.mp4),
            "webp": None if clip.webp is None else str(clip.webp),
            "flicker": {name.replace(" ", "_"): value for name, value in clip.flicker.items()},
            "error": clip.error,
        }
        for clip in summary.clips
    ]
    counts = {"run": summary.run, "made": summary.made, "skipped": summary.skipped, "failed": summary.failed}
    found = {"refused": dict(summary.refused), "warnings": warnings_json(summary.warnings)}
    more = {"sheet": str(summary.sheet), "newer_defaults": summary.newer_defaults}
    return {**counts, "clips": clips, **found, **more}


def print_clips(console: Console, summary: "VideoSummary") -> None:
    """Print one row per clip, then the paths of the files, one per line and never folded."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("clip", overflow="fold")
    for column in ("frames", "flicker", "shared seed", "per-frame seeds"):
        table.add_column(column, justify="right")
    for clip in summary.clips:
        values = [f"{clip.flicker[way]:.2f}" if way in clip.flicker else "-" for way in _WAYS]
        table.add_row(Text(f"{clip.subject}, {clip.prompt}, seed {clip.seed}"), str(clip.frames), *values)
    console.print("", table, "")
    console.print(
        "flicker: mean frame-to-frame change of static pixels (0..255), next to that of independently generated frames",
        style="dim",
    )
    if any(clip.error is None and not clip.flicker for clip in summary.clips):
        console.print("-: no pixel is static in all of these poses, so flicker is undefined", style="dim")
    console.print(f"{summary.made} made, {summary.skipped} skipped, {summary.failed} failed", highlight=False)
    reasons = [f"{clip.subject}: {clip.error}" for clip in summary.clips if clip.error is not None]
    for reason in [f"{name}: {why}" for name, why in summary.refused.items()] + reasons:
        console.print(Text(reason, style="red"))
    for line in warning_lines(summary.warnings, len({clip.subject for clip in summary.clips})):
        console.print(line)
    if summary.newer_defaults is not None:
        console.print(Text(summary.newer_defaults))
    paths = [path for clip in summary.clips for path in (clip.mp4, clip.webp) if path is not None]
    for path in paths:
        console.print(f"video: {path}", soft_wrap=True, highlight=False)
    console.print(f"film strip: {summary.sheet}", soft_wrap=True, highlight=False)


_WAYS = ("video", "same noise", "own noise")
