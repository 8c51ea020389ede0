"""Runs a fine-tuning: claim it, resume from the last saved state, store the checkpoint."""

import logging
import mmap
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from PIL import Image
from sqlalchemy.exc import SQLAlchemyError

from dreamtuner.finetune.checkpoint import CONTENT_TYPE, to_bytes
from dreamtuner.finetune.factory import FineTuneFactory
from dreamtuner.finetune.memory import memory_of, require_memory
from dreamtuner.finetune.processes import images_per_step
from dreamtuner.finetune.run import FineTuneResult, fine_tune
from dreamtuner.finetune.subject import NamedSubject
from dreamtuner.rendering.finetune_sheet import preview_sheet
from dreamtuner.sampling.request import Reference
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.recipe_fields import from_fields
from dreamtuner.settings.sampling import Sampling
from dreamtuner.train.stage import Events
from dreamtuner.train.state import FILE, saved_step
from flows.execution.costs.account import TrainingAccount
from flows.execution.costs.stop import stop_if_cancelled
from flows.faults import UnmetRequirementError
from flows.image_io import open_picture, open_reference
from flows.progress import report_progress
from flows.reporting.prefect_artifacts import show_preview
from flows.resources import Resources
from storage.catalog import views, writes
from storage.catalog.leases.trainings import TrainingHeartbeat
from storage.catalog.owners import this_owner
from storage.catalog.views import TrainingView
from storage.ingest import storing
from storage.logs import logged
from storage.maintenance.gc import discard
from storage.objects import DigestMismatchError, ObjectMissingError, get_blob, save_blob

_log = logging.getLogger(__name__)
POLL_SECONDS = 2.0  # how often to check whether another process has finished it or died
SAVE_EVERY = 50  # steps between two saved states in the object store, if they are small


class FineTuneChangedError(UnmetRequirementError):
    """The weights on disk are not those that the fine-tuning was planned with."""


def is_finetuned(digest: str, resources: Resources) -> bool:
    """Return whether the fine-tuning is done and its checkpoint is in the store."""
    return _training_row(digest, resources).checkpoint_id is not None


def run_finetune(digest: str, resources: Resources, run_id: str | None = None, *, wait: bool = True) -> bool:
    """Run the fine-tuning unless it is done; return whether this process did.

    If another process runs it, it is waited for, or without `wait` left to that process. A checkpoint lost from the
    store is trained again. While catalog, store or disk are unavailable, the fine-tuning is released; then it resumes
    from the last saved state. `run_id`: the run that requested it, which is charged for it.
    """
    return resources.patience().retry(lambda: _run_finetune(digest, resources, run_id, wait))


def _run_finetune(digest: str, resources: Resources, run_id: str | None, wait: bool) -> bool:
    catalog, owner = resources.catalog, this_owner()
    while True:
        view = _training_row(digest, resources)
        if view.checkpoint_id is not None:
            return False
        catalog.demand_current()
        if catalog.transact(lambda s: writes.claim_training(s, digest, owner, resources.settings.lease_seconds)):
            break
        if not wait:
            return False
        report_progress(
            "finetune", view.step, view.recipe["finetune"]["steps"], f"{view.subject_name}: running in another process"
        )
        stop_if_cancelled(resources, run_id)
        time.sleep(POLL_SECONDS)
    try:
        beat = TrainingHeartbeat(catalog, digest, owner, lease_seconds=resources.settings.lease_seconds)
        view = _training_row(digest, resources)
        about = logged(run=run_id, training=digest, subject=view.subject_name)
        with about, beat, TrainingAccount(resources, digest, run_id) as account:
            _train(view, resources, owner, account)
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}" if isinstance(error, Exception) else None
        try:
            catalog.transact(lambda s: writes.release_training(s, digest, owner=owner, error=reason))
        except SQLAlchemyError as second:
            _log.warning("the fine-tuning %s could not be released: %s", digest[:12], second)
        raise
    return True


def _training_row(digest: str, resources: Resources) -> TrainingView:
    catalog = resources.catalog
    with catalog.read() as s:
        view = views.training(s, digest)
    if view.weights_sha256 is not None:
        try:
            get_blob(resources.store, view.weights_sha256)
        except (ObjectMissingError, DigestMismatchError) as error:
            _log.warning("the checkpoint of %s is lost: %s", view.subject_name, error)
            catalog.transact(lambda s: writes.mark_training_lost(s, digest))
            with catalog.read() as s:
                return views.training(s, digest)
    return view


def _train(view: TrainingView, resources: Resources, owner: str, account: TrainingAccount) -> None:
    profile = resources.profile(view.profile)
    if resources.weights_digest(view.profile) != view.weights_digest:
        raise FineTuneChangedError(
            f"the weights of profile {view.profile} changed since it was planned; request it again"
        )
    device, folder = resources.device, resources.settings.home / "finetune" / view.digest
    factory = factory_of(view, resources, folder)
    processes = min(resources.settings.finetune_processes, images_per_step(factory.settings))
    memory = memory_of(device) // (processes if device == "cpu" else 1)  # a GPU each, or all in main memory
    require_memory(profile, factory.settings, factory.sampling.resolution, memory, processes)
    factory = replace(factory, memory=memory)
    _restore(view, resources, folder)
    with account.busy(devices=1 if device == "cpu" else processes):
        result = fine_tune(
            factory,
            device=device,
            processes=processes,
            save_every=SAVE_EVERY,
            report=_log.info,
            events=Events(
                logged=lambda line: _report_step(view, line),
                saved=lambda step: _store_state(view, resources, owner, account, folder, step),
                previewed=lambda step, file: show_preview(view.subject_name, step, file),
            ),
        )
    _store_result(view, resources, owner, result)
    account.finished = 1
    _sheet(view, factory, result, folder).save(sheet_file(view.subject_name, view.digest, resources))
    shutil.rmtree(folder, ignore_errors=True)


def sheet_file(subject: str, digest: str, resources: Resources) -> Path:
    """Return the path of the preview sheet of a fine-tuning that ran on this machine, a PNG file."""
    return resources.settings.home / "finetune" / f"{subject}-{digest[:12]}.png"


def _sheet(view: TrainingView, factory: FineTuneFactory, result: FineTuneResult, folder: Path) -> Image.Image:
    """Render the previews generated on this machine; their steps are in their file names."""
    rows = {int(file.stem.rpartition("-")[2]): Image.open(file) for file in sorted(folder.glob("preview-*.png"))}
    places = [step // factory.settings.preview_every - 1 for step in rows]
    identities = [result.identities[i] for i in places if i < len(result.identities)]
    return preview_sheet(f"{view.subject_name}, {result.steps} steps", factory.subject.reference, rows, identities)


def factory_of(view: TrainingView, resources: Resources, folder: Path) -> FineTuneFactory:
    """Create the fine-tuning of a recipe, with the references and their masks from the store."""
    recipe, objects = view.recipe, resources.store
    files = [(view.reference_sha256, view.mask_sha256, recipe["caption"])]
    files += [(one["reference"], one["mask"], "") for one in recipe.get("references", ())]
    reference, *others = [
        Reference(
            image=open_reference(get_blob(objects, image)),
            mask=None if mask is None else open_picture(get_blob(objects, mask), "L"),
            caption=caption,
        )
        for image, mask, caption in files
    ]
    return FineTuneFactory(
        resources.profile(view.profile),
        NamedSubject(reference, recipe["class_word"], recipe["style"], tuple(others)),
        from_fields(FineTuneConfig, recipe["finetune"]),
        from_fields(Sampling, recipe["sampling"]),
        folder,
        from_fields(Sampling, recipe.get("previews", recipe["sampling"])),  # not in recipes of older catalogs
        on_class_image=lambda done, total: report_progress(
            "finetune", 0, 1, f"{view.subject_name}: class images {done}/{total}"
        ),
    )


def _restore(view: TrainingView, resources: Resources, folder: Path) -> None:
    """Copy the last saved state from the store to the folder, unless the folder has a later one."""
    folder.mkdir(parents=True, exist_ok=True)
    if view.resume_sha256 is None or saved_step(folder) >= view.step:
        return
    partial = folder / f".{FILE}.partial"
    save_blob(resources.store, view.resume_sha256, partial)
    partial.rename(folder / FILE)


def _report_step(view: TrainingView, line: Mapping[str, float]) -> None:
    left = f"{line['seconds_left'] / 60:.1f} min left"
    report_progress("finetune", line["step"], line["steps"], f"{view.subject_name}: loss {line['loss']:.3f}, {left}")


def _store_state(
    view: TrainingView, resources: Resources, owner: str, account: TrainingAccount, folder: Path, step: int
) -> None:
    """Store the state in the folder, and delete the one that it replaces, once it is durable."""
    before = _state_of(view, resources)
    with (
        _mapped(folder / FILE) as data,
        storing(resources.catalog, resources.store, (data, CONTENT_TYPE)) as (s, [sha256]),
    ):
        writes.save_training_state(s, view.digest, owner=owner, step=step, resume_sha256=sha256)
        account.enter(s)
    _discard(before, resources)


@contextmanager
def _mapped(file: Path) -> Iterator[memoryview]:
    """Map a file, so that it is stored without a copy in memory."""
    with (
        file.open("rb") as opened,
        mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as view,
    ):
        yield view


def _state_of(view: TrainingView, resources: Resources) -> str | None:
    with resources.catalog.read() as s:
        return views.training(s, view.digest).resume_sha256


def _discard(state: str | None, resources: Resources) -> None:
    if state is not None:
        discard(resources.catalog, resources.store, state)


def _store_result(view: TrainingView, resources: Resources, owner: str, result: FineTuneResult) -> None:
    before = _state_of(view, resources)
    data = to_bytes(result.tuned, view.recipe)
    identities = [round(one, 5) for one in result.identities]
    with storing(resources.catalog, resources.store, (data, CONTENT_TYPE)) as (s, [sha256]):
        writes.finish_training(
            s, view.digest, owner=owner, step=result.steps, weights_sha256=sha256, identities=identities
        )
    _discard(before, resources)
