"""Video: generate a spec's poses as the frames of a clip, one after the other, and write MP4 and WebP files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image
from prefect import flow

from dreamtuner.rendering.film_strip import Strip, film_strip
from dreamtuner.rendering.video_file import write_mp4, write_webp
from dreamtuner.sampling.video import flicker
from flows.generate import generate
from flows.image_io import open_picture, open_reference
from flows.outcome import CellOutcomes, completed_or_failed, result_of, summarise_reasons
from flows.planning.cells import PlannedCell
from flows.planning.video import Clip, plan_clips
from flows.planning.warnings import warning_sentences
from flows.progress import report_progress
from flows.reporting.contact_sheet import store_sheet
from flows.reporting.run_folder import run_folder, write_whole
from flows.resources import Resources
from flows.spec.keyframes import keyframe_problems, reference_problems
from flows.spec.model import Spec
from flows.spec.problems import InputError, Problem, dotted
from flows.spec_run import SpecRun, spec_run
from storage.catalog import views
from storage.catalog.records import CellView, RunWarning
from storage.lost import read_picture
from storage.objects import DigestMismatchError, ObjectMissingError, get_blob

VIDEO, SAME_NOISE, OWN_NOISE = "video", "same noise", "own noise"


@dataclass(frozen=True)
class ClipSummary:
    """One clip. `flicker`: mean change of static pixels, 0..255, of the video and of independent frames.

    It is empty if no pixel is static in all poses. `error`: why there is no file, and no flicker either.
    """

    subject: str
    prompt: str
    seed: int
    frames: int
    mp4: Path | None
    webp: Path | None
    flicker: Mapping[str, float]
    error: str | None = None


@dataclass(frozen=True)
class VideoSummary:
    """One run. Counts frames and independent frames alike; those of a rejected subject count as failed."""

    run: str
    name: str
    made: int
    skipped: int
    failed: int
    clips: tuple[ClipSummary, ...]
    refused: Mapping[str, str]
    sheet: Path
    warnings: tuple[RunWarning, ...] = ()
    newer_defaults: str | None = None

    @property
    def reason(self) -> str | None:
        """Return a sentence on what is missing and why; None if nothing is."""
        if not self.failed:
            return None
        why = [f"{name}: {reason}" for name, reason in self.refused.items()]
        why += list(dict.fromkeys(f"{one.subject}: {one.error}" for one in self.clips if one.error is not None))
        return summarise_reasons(
            f"{self.failed} of {self.made + self.skipped + self.failed} images were not generated", why
        )


_FINISHING = ("second_pass", "upscale", "cutout")


def demand_poses(spec: Spec) -> None:
    """Raise InputError unless the spec's control images can be the frames of a video."""
    problems = [
        Problem(path=("poses", i), message="a video needs a pose for every frame; remove the null")
        for i, place in enumerate(spec.poses)
        if place is None and spec.film is None
    ]
    if len(spec.poses) < 2 and not problems and spec.film is None:
        problems = [Problem(path=("poses",), message="a video needs at least two frames; give more poses")]
    count = len(spec.poses) if spec.video is None or spec.film is None else spec.video.frames
    if count is not None and not problems:  # else it is known once the film is read
        known = [(one.name, len(one.weights)) for one in spec.subjects if one.is_new]
        problems += keyframe_problems(spec, count) + reference_problems(spec, known)
    for kind, (path, _) in spec.layout_fields.items():
        if kind != "pose" and spec.follows(kind):
            message = f"video frames are conditioned on poses only; remove {dotted(path)}"
            problems.append(Problem(path=path, message=message))
    for name in ("edit", "consistency"):
        if getattr(spec, name) is not None:
            message = f"frames see the first and the previous one; remove {name}"
            problems.append(Problem(path=(name,), message=message))
    if spec.scenes:
        problems.append(Problem(path=("together",), message="a video shows one subject; remove together"))
    if not spec.prompts:
        problems.append(Problem(path=("prompts",), message="is missing; add it"))
    for name in _FINISHING:
        if spec.sampling.get(name) not in (None, 1):
            message = f"frames are references of later ones, at the size of their poses; remove sampling.{name}"
            problems.append(Problem(path=("sampling", name), message=message))
    if problems:
        raise InputError(f"spec {spec.name!r}", problems)


@flow(name="video", flow_run_name="{spec.name}")
def video(spec: Spec, fps: int = 8, new_defaults: bool = False, new_weights: bool = False) -> VideoSummary:
    """Generate the missing frames of every clip, one after the other; write each as MP4 and WebP with its flicker.

    There is a clip for each subject, prompt and seed; its poses are also generated as independent frames, to compare.
    Running it again generates only what is missing. The run ends as Failed if any frame is missing at the end.

    Args:
        spec: The spec; its poses are the frames. Its paths are on the worker's machine.
        fps: Frames per second.
        new_defaults: Use the profile's newest defaults, not those of the first run of a spec of this name.
        new_weights: Generate again what an earlier run of the spec generated with other weights of its profile.
    """
    with spec_run(spec, demand_poses, new_defaults=new_defaults, new_weights=new_weights, frames=True) as run:
        clips = plan_clips(run.spec, run.facts, run.ready.setup)
        frames = [cell for clip in clips for cell in clip.in_order]
        run.record([cell for clip in clips for cell in clip.alone] + frames)
        made = CellOutcomes((), ())
        if clips:
            made = run.patience.retry(lambda: result_of(lambda: generate(run.id, check=True)))
        summary = run.patience.retry(lambda: _report(run, fps, clips, made))
        run.row.reason = summary.reason
    return completed_or_failed(summary, summary.reason)


def _report(run: SpecRun, fps: int, clips: Sequence[Clip], made: CellOutcomes) -> VideoSummary:
    spec, resources, refused = run.spec, run.resources, run.ingested.refused
    with resources.catalog.read() as s:
        cells = {cell.digest: cell for cell in views.cells_of_run(s, run.id)}
        warnings = views.warnings_of_run(s, run.id)
    folder = run_folder(resources.settings, run.id)
    written, strips = [], []
    for i, clip in enumerate(clips):
        report_progress("video", i, len(clips), clip.subject)
        place = folder / f"{i + 1:02d}-{clip.subject}-{clip.seed}"
        summary, strip = _write(clip, cells, resources, place, fps, loop=spec.video is not None and spec.video.loop)
        written.append(summary)
        strips.append(strip)
    report_progress("video", len(clips), len(clips))
    missing = len(made.failed) + len(made.blocked)
    clips_each = len(spec.seeds) * (1 if spec.video is not None and spec.video.scenes else len(spec.prompts))
    lost = len(refused) * clips_each * len(run.ready.layouts["pose"])
    sheet = film_strip(
        spec.name, f"profile {spec.profile}  ·  run {run.id[:8]}", strips, [*warning_sentences(warnings)]
    )
    return VideoSummary(
        run.id,
        spec.name,
        len(made.made),
        len(cells) - len(made.made) - missing,
        missing + lost,
        tuple(written),
        refused,
        store_sheet(sheet, resources, run.id),
        tuple(warnings),
        run.newer_defaults,
    )


def _write(
    clip: Clip, cells: Mapping[str, CellView], resources: Resources, place: Path, fps: int, *, loop: bool
) -> tuple[ClipSummary, Strip]:
    """Write the clip to `place`.mp4 and .webp; return its summary and its film strip."""
    poses = [open_reference(get_blob(resources.store, cell.layouts["pose"])) for cell in clip.frames]
    rows = {VIDEO: clip.frames, SAME_NOISE: clip.same_noise, OWN_NOISE: clip.own_noise}
    drawn = {name: _pictures(row, cells, resources) for name, row in rows.items()}
    whole = {name: [one for one in row if one is not None] for name, row in drawn.items()}
    measured = {name: flicker(row, poses, loop=loop) for name, row in whole.items() if len(row) == len(poses)}
    found = {name: value for name, value in measured.items() if value is not None}
    title = f"{clip.subject}  ·  {clip.prompt}  ·  seed {clip.seed}"
    strip = Strip(title, poses, [(name, found.get(name), drawn[name]) for name in rows])
    summary = ClipSummary(clip.subject, clip.prompt, clip.seed, len(poses), None, None, found)
    if len(whole[VIDEO]) < len(poses):
        missing = [cells[cell.digest] for cell in clip.frames if cells[cell.digest].image_sha256 is None]
        lost = "a frame is lost from the store; run the video again to regenerate it"
        error = lost if not missing else missing[0].error or f"a frame is {missing[0].state}"
        return replace(summary, error=error), strip
    mp4, webp = place.with_name(f"{place.name}.mp4"), place.with_name(f"{place.name}.webp")
    write_whole(mp4, lambda path: write_mp4(path, whole[VIDEO], fps, resources.settings.video_codec))
    write_whole(webp, lambda path: write_webp(path, whole[VIDEO], fps))
    return replace(summary, mp4=mp4, webp=webp), strip


def _pictures(
    row: Sequence[PlannedCell], cells: Mapping[str, CellView], resources: Resources
) -> list[Image.Image | None]:
    digests = [cells[cell.digest].image_sha256 for cell in row]
    return [None if sha is None else _picture(sha, resources) for sha in digests]


def _picture(sha256: str, resources: Resources) -> Image.Image | None:
    """Read an image; return None, and mark its cell, if the store has lost it."""
    try:
        return open_picture(read_picture(resources.catalog, resources.store, sha256), "RGB")
    except (ObjectMissingError, DigestMismatchError):
        return None
