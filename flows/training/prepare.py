"""Prepare: make raw training images ready for stage 1: masks, captions, control images, latents and text states."""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from prefect import flow, task

from dreamtuner.models.profiles import DEFAULT_PROFILE
from dreamtuner.models.weights import require_weights
from dreamtuner.train.data.manifest import Manifest, Plan
from flows.execution.device_lock import locked_device
from flows.ingestion.choice import ingestion_choice
from flows.progress import report_progress
from flows.resources import Resources
from flows.spec.parameters import ProfileName
from flows.training.eyes import PrepareOptions, plan_of, preparer_of
from flows.training.preparation import PreparedSet
from flows.training.sources import Chunk, chunks_of
from storage.objects import open_store
from storage.redaction import redact_url

if TYPE_CHECKING:
    from dreamtuner.train.data.prepare import Preparer


@dataclass(frozen=True)
class PreparationSummary:
    """A prepared set. `out`: its place; `faulty`: images that cannot be used; `made`: whether any was prepared now."""

    out: str
    images: int
    faulty: int
    doubtful: int
    sizes: dict[str, int]
    bytes: int
    made: bool


@task(name="prepare-chunk", task_run_name="prepare chunk {number}", retries=2, retry_delay_seconds=5)
def prepare_chunk(number: int, data: str, profile: str, out: str, options: PrepareOptions) -> tuple[int, int]:
    """Prepare what is missing of a chunk of the raw images. Returns how many are usable, and how many faulty."""
    opened = _opened(data, profile, options)
    shards = list(
        PreparedSet(open_store(out)).prepare(number, opened.chunks[number], opened.preparer, options.per_shard)
    )
    return sum(len(one.images) for one in shards), sum(len(one.faulty) for one in shards)


@flow(name="prepare", flow_run_name="prepare {data}")
def prepare(
    data: str,
    profile: ProfileName = DEFAULT_PROFILE,
    out: str | None = None,
    options: PrepareOptions | None = None,
) -> PreparationSummary:
    """Prepare training images for a profile, unless that is done. Faulty images are counted and named.

    Args:
        data: A folder of images, a .csv or .jsonl, or WebDataset shards: a .tar, a pattern, or s3://bucket/prefix.
        profile: The profile whose subject-encoder is to be trained.
        out: Where the prepared images go: a folder or s3://bucket/prefix; none for one in DREAMTUNER_HOME.
        options: How they are prepared; see `dreamtuner train prepare --help`.
    """
    resources = Resources.open()
    chosen = options or PrepareOptions()
    model = resources.profile(profile)
    require_weights(model)
    plan = plan_of(redact_url(data), model, chosen, ingestion_choice(resources.settings, model))
    place = out or str(resources.settings.home / "train" / profile / f"data-{_name(plan)}")
    prepared = PreparedSet(open_store(place))
    done = prepared.finished()
    if done is not None and done.plan == plan:
        return _summary(place, done, made=False)
    chunks = len(chunks_of(data, chosen.per_shard))
    prepared.begin(plan)
    usable = faulty = 0
    with locked_device(resources.device, "prepare"):
        for number in range(chunks):
            report_progress("prepare", number, chunks, f"{usable} images, {faulty} faulty")
            found = prepare_chunk(number, data, profile, place, chosen)
            usable, faulty = usable + found[0], faulty + found[1]
    report_progress("prepare", chunks, chunks, f"{usable} images, {faulty} faulty")
    return _summary(place, prepared.finish(chunks, plan), made=True)


@dataclass(frozen=True)
class _Opened:
    chunks: list[Chunk]
    preparer: "Preparer"


@lru_cache(maxsize=1)
def _opened(data: str, profile: str, options: PrepareOptions) -> _Opened:
    """Return the raw images and what prepares them, loaded once in a process."""
    resources = Resources.open()
    model = resources.profile(profile)
    choice = ingestion_choice(resources.settings, model)
    plan = plan_of(redact_url(data), model, options, choice)
    return _Opened(chunks_of(data, options.per_shard), preparer_of(model, plan, options, choice, resources.device))


def _summary(place: str, done: Manifest, *, made: bool) -> PreparationSummary:
    return PreparationSummary(place, done.images, done.faulty, done.doubtful, done.sizes, done.bytes, made)


def _name(plan: Plan) -> str:
    later = {"class_word"} if plan.class_word is None else set()  # the name of a set that an earlier version began
    return sha256(plan.model_dump_json(exclude=later).encode()).hexdigest()[:12]
