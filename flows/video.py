"""Video: a spec's poses as the frames of a clip, drawn one after the other, and written as files that players open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image
from prefect import flow

from dreamtuner.rendering.film_strip import Strip, film_strip
from dreamtuner.rendering.video_file import write_mp4, write_webp
from dreamtuner.sampling.video import flicker
from flows.execution.record_plan import record
from flows.execution.run_lifecycle import RunRow, run_row
from flows.finetune import finetune_all
from flows.generate import generate
from flows.image_io import open_picture, open_reference
from flows.ingest import ingest
from flows.ingestion.sources import held
from flows.ingestion.store_subject import IngestResult
from flows.outcome import Made, came_to, ending, summed_up
from flows.patience import Patience
from flows.planning.cells import PlannedCell
from flows.planning.defaults import Defaults, defaults_of_spec, newer_defaults
from flows.planning.preflight import Ready, preflight
from flows.planning.video import Clip, plan_clips
from flows.planning.warnings import said_of
from flows.progress import tell
from flows.reporting.contact_sheet import keep_sheet
from flows.reporting.run_folder import run_folder, write_whole
from flows.resources import catalog_of, profile_of, store_of
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError, Problem
from storage.catalog import views
from storage.catalog.records import CellView, RunWarning
from storage.lost import read_picture
from storage.objects import DigestMismatch, ObjectMissing, get_blob

VIDEO, SAME_NOISE, OWN_NOISE = "video", "same noise", "own noise"


@dataclass(frozen=True)
class ClipSummary:
    """One clip. `flicker`: the mean change outside of what moves, 0..255, of the video and of independent frames.

    It is empty where everything moves from each pose to the next: nothing is static then.

    `error`: why there is no file, and then no flicker either.
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
    """One run. Frames and the independent ones count alike; those of a refused subject count as failed."""

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
        """What is not there and why, in a sentence; None where nothing is missing."""
        if not self.failed:
            return None
        why = [f"{name}: {reason}" for name, reason in self.refused.items()]
        why += list(dict.fromkeys(f"{one.subject}: {one.error}" for one in self.clips if one.error is not None))
        return summed_up(f"{self.failed} of {self.made + self.skipped + self.failed} images were not made", why)


def demand_poses(spec: Spec) -> None:
    """InputError unless the spec's layouts are the frames of a video."""
    problems = [
        Problem(path=("poses", i), message="a video takes a pose for every frame; remove the null")
        for i, place in enumerate(spec.poses)
        if place is None
    ]
    if len(spec.poses) < 2 and not problems:
        problems = [Problem(path=("poses",), message="a video takes two frames or more; give more poses")]
    if spec.follows("depth"):
        problems.append(Problem(path=("depth",), message="the frames of a video follow poses alone; remove depth"))
    if problems:
        raise InputError(f"spec {spec.name!r}", problems)


@flow(name="video", flow_run_name="{spec.name}")
def video(spec: Spec, fps: int = 8, new_defaults: bool = False) -> VideoSummary:
    """Draw what is missing of every clip, frame by frame, and write each as MP4 and WebP with its flicker.

    A clip is a subject, a prompt and a seed; beside its frames, the same poses are drawn independently, to compare.
    Running it again draws only what is missing. The run is Failed where something is not there in the end.

    Args:
        spec: The order; its poses are the frames. Paths in it are those of the worker's machine.
        fps: Frames a second.
        new_defaults: Take the profile's newest numbers, not those that a spec of this name first ran with.
    """
    settings, spec = Settings.load(), held(spec)
    with run_row(spec, settings) as row:
        demand_poses(spec)
        defaults = defaults_of_spec(spec, profile_of(settings, spec.profile), catalog_of(settings), new=new_defaults)
        ready = preflight(spec, settings, defaults.profile)
        defaults.remember(catalog_of(settings), new=new_defaults)
        summary = _run(spec, fps, settings, ready, row, defaults)
        row.reason = summary.reason
    return ending(summary, row.reason)


def _run(spec: Spec, fps: int, settings: Settings, ready: Ready, row: RunRow, defaults: Defaults) -> VideoSummary:
    patience, run_id = Patience.of(settings), row.id
    ingested = came_to(lambda: ingest(spec.subjects))
    known, unknown = finetune_all(ingested.ingested, spec.profile, ready.drawing, settings)
    ingested = IngestResult(tuple(known), ingested.refused | unknown)
    row.refused = ingested.refused
    clips = plan_clips(spec, [one.facts for one in ingested.ingested], ready.drawing)
    frames = [cell for clip in clips for cell in clip.frames]
    planned = [cell for clip in clips for cell in clip.alone] + frames
    patience.bear(lambda: record(spec, settings, ready, run_id, ingested.ingested, planned))
    made = came_to(lambda: generate(run_id, check=True)) if clips else Made((), ())
    summary = patience.bear(lambda: _report(spec, fps, settings, run_id, ingested, clips, made))
    newer = newer_defaults(spec, defaults, [one.facts.style for one in ingested.ingested])
    return replace(summary, newer_defaults=newer)


def _report(
    spec: Spec,
    fps: int,
    settings: Settings,
    run_id: str,
    ingested: IngestResult,
    clips: Sequence[Clip],
    made: Made,
) -> VideoSummary:
    with catalog_of(settings).read() as s:
        cells = {cell.digest: cell for cell in views.cells_of_run(s, run_id)}
        warnings = views.warnings_of_run(s, run_id)
    folder = run_folder(settings, run_id)
    written, strips = [], []
    for i, clip in enumerate(clips):
        tell("video", i, len(clips), clip.subject)
        summary, strip = _write(clip, cells, settings, folder / f"{i + 1:02d}-{clip.subject}-{clip.seed}", fps)
        written.append(summary)
        strips.append(strip)
    tell("video", len(clips), len(clips))
    missing = len(made.failed) + len(made.not_here)
    lost = len(ingested.refused) * len(spec.prompts) * len(spec.seeds) * len(spec.poses)
    return VideoSummary(
        run_id,
        spec.name,
        len(made.made),
        len(cells) - len(made.made) - missing,
        missing + lost,
        tuple(written),
        ingested.refused,
        keep_sheet(
            film_strip(spec.name, f"profile {spec.profile}  ·  run {run_id[:8]}", strips, [*said_of(warnings)]),
            settings,
            run_id,
        ),
        tuple(warnings),
    )


def _write(
    clip: Clip, cells: Mapping[str, CellView], settings: Settings, place: Path, fps: int
) -> tuple[ClipSummary, Strip]:
    """The clip's files at `place`.mp4 and .webp, and what it looks like."""
    poses = [open_reference(get_blob(store_of(settings), cell.layouts["pose"])) for cell in clip.frames]
    rows = {VIDEO: clip.frames, SAME_NOISE: clip.same_noise, OWN_NOISE: clip.own_noise}
    drawn = {name: _pictures(row, cells, settings) for name, row in rows.items()}
    whole = {name: [one for one in row if one is not None] for name, row in drawn.items()}
    measured = {name: flicker(row, poses) for name, row in whole.items() if len(row) == len(poses)}
    found = {name: value for name, value in measured.items() if value is not None}
    title = f"{clip.subject}  ·  {clip.prompt}  ·  seed {clip.seed}"
    strip = Strip(title, poses, [(name, found.get(name), drawn[name]) for name in rows])
    summary = ClipSummary(clip.subject, clip.prompt, clip.seed, len(poses), None, None, found)
    if len(whole[VIDEO]) < len(poses):
        missing = [cells[cell.digest] for cell in clip.frames if cells[cell.digest].image_sha256 is None]
        lost = "the store lost a frame; run the video again, and it is made again"
        error = lost if not missing else missing[0].error or f"a frame is {missing[0].state}"
        return replace(summary, error=error), strip
    mp4, webp = place.with_name(f"{place.name}.mp4"), place.with_name(f"{place.name}.webp")
    write_whole(mp4, lambda path: write_mp4(path, whole[VIDEO], fps, settings.video_codec))
    write_whole(webp, lambda path: write_webp(path, whole[VIDEO], fps))
    return replace(summary, mp4=mp4, webp=webp), strip


def _pictures(
    row: Sequence[PlannedCell], cells: Mapping[str, CellView], settings: Settings
) -> list[Image.Image | None]:
    digests = [cells[cell.digest].image_sha256 for cell in row]
    return [None if sha is None else _picture(sha, settings) for sha in digests]


def _picture(sha256: str, settings: Settings) -> Image.Image | None:
    """None where the store lost it, which the catalog knows then."""
    try:
        return open_picture(read_picture(catalog_of(settings), store_of(settings), sha256), "RGB")
    except (ObjectMissing, DigestMismatch):
        return None
