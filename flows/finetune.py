"""Finetune: fine-tune a profile's model on one subject (Sec. 3.3), once, for cells to use its checkpoint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow, task
from pydantic import ValidationError

from dreamtuner.models.profiles import DEFAULT_PROFILE, Profile
from dreamtuner.settings.finetune import FineTuneConfig, Mode
from flows.execution.costs.stop import stop_if_asked, stop_if_cancelled
from flows.execution.device_lock import locked_device
from flows.execution.handed_back import handed_back_on_sigterm
from flows.execution.prior_check import PriorCheck, check_prior_preservation
from flows.execution.server_away import wait_for_server
from flows.faults import fault_of
from flows.image_io import open_reference
from flows.ingestion.captioning import CaptionChooser
from flows.ingestion.choice import ingestion_choice
from flows.ingestion.known import Stored, seen
from flows.ingestion.store_subject import Ingested
from flows.planning.cells import GenerationSetup, digest_of
from flows.planning.defaults import defaults_of_subject, newer_finetuning
from flows.planning.finetune import finetune_job
from flows.planning.trainable import demand_images, demand_optimizer, demand_same_weights
from flows.progress import report_progress
from flows.reporting.prefect_artifacts import progress
from flows.resources import Resources
from flows.spec.parameters import ProfileName, Steps, SubjectName
from flows.spec.problems import InputError, Problem, problems_of
from flows.spec.subject import SubjectSpec
from storage.catalog import views, writes
from storage.catalog.records import NotInCatalogError
from storage.objects import get_blob


@dataclass(frozen=True)
class FineTuneSummary:
    """The result of fine-tuning a profile on a subject. `made`: done now, not before.

    `identities`: similarity of each preview to the reference (masked CLIP-I, -1..1), in order; `guard`: the
    prior-preservation check, None if the profile has no oracle; `previews`: their contact sheet, if on this machine.
    """

    subject: str
    digest: str
    checkpoint: str
    made: bool
    steps: int
    identities: tuple[float, ...]
    guard: PriorCheck | None
    previews: Path | None
    newer_defaults: str | None = None


@task(name="finetune-subject", task_run_name="finetune {subject}")
def finetune_subject(digest: str, subject: str, run_id: str | None = None, wait: bool = True) -> bool:
    """Run the fine-tuning of this digest unless it is done; return whether it ran now.

    `run_id`: the run that requested it. `wait`: for another process that is at it. The device is locked. If killed, it
    resumes from the last state in the object store, on any machine. Raises RunStoppedError if the run is cancelled
    while this waits for another process.
    """
    from flows.execution.finetune_worker import is_finetuned, run_finetune

    resources = Resources.open()
    if is_finetuned(digest, resources):
        return False
    asked = partial(resources.patience().retry, partial(stop_if_cancelled, resources, run_id))
    with locked_device(resources.device, waiting=asked):
        return run_finetune(digest, resources, run_id, wait=wait)


@flow(name="finetune", flow_run_name="finetune {subject}")
def finetune(
    subject: SubjectName,
    profile: ProfileName = DEFAULT_PROFILE,
    mode: Mode | None = None,
    steps: Steps | None = None,
    patience: Steps | None = None,
    settings: dict[str, Any] | None = None,
    new_defaults: bool = False,
    new_weights: bool = False,
) -> FineTuneSummary:
    """Fine-tune a profile on a subject's current references and masks, unless the same fine-tuning exists.

    Args:
        subject: The subject's name in the catalog.
        profile: The profile to fine-tune.
        mode: lora (small checkpoints) or full (trains all weights); none for the profile's.
        steps: Maximum optimizer steps; none for the profile's.
        patience: Stop after this many previews without improvement; none for never.
        settings: Any other setting that differs from the profile's, such as {"lr": {"unet": 0.0005}}.
        new_defaults: Use the profile's newest defaults, not those of the subject's first fine-tuning.
        new_weights: Fine-tune again if the profile's weights changed since the subject's last fine-tuning.
    """
    from flows.execution.finetune_worker import sheet_file

    resources = Resources.open()
    fields = {"mode": mode, "steps": steps, "patience": patience}
    numbers = (settings or {}) | {name: value for name, value in fields.items() if value is not None}
    catalog = resources.catalog
    defaults = defaults_of_subject(subject, resources.profile(profile), catalog, new=new_defaults)
    config = _config_of(defaults.profile, numbers)
    demand_optimizer(config, resources, "finetune", ())
    digest = _enter(subject, defaults.profile, config, resources, new_weights=new_weights)
    defaults.remember(catalog, new=new_defaults)
    with handed_back_on_sigterm(), progress(f"{subject} finetune", "finetune", subject):
        made = finetune_subject(digest, subject)
    guard = check_prior_preservation(digest, resources)
    with resources.catalog.read() as s:
        view = views.training(s, digest)
        (*_, finished) = [one for one in views.history(s, "training", digest) if one.event == "finished"]
    if made:
        report_progress("finetune", view.step, view.step)
    assert view.weights_sha256 is not None
    sheet = sheet_file(subject, digest, resources)
    wait_for_server(resources.patience())
    return FineTuneSummary(
        subject,
        digest,
        view.weights_sha256,
        made,
        view.step,
        tuple(finished.detail["identities"]),
        guard,
        sheet if sheet.is_file() else None,
        newer_finetuning(defaults, numbers),
    )


def _config_of(profile: Profile, settings: dict[str, Any]) -> FineTuneConfig:
    try:
        return profile.finetuning(**settings)
    except ValidationError as error:
        raise InputError("finetune", problems_of(error, FineTuneConfig)) from error


def _enter(
    subject: str, profile: Profile, config: FineTuneConfig, resources: Resources, *, new_weights: bool = False
) -> str:
    """Record the subject's fine-tuning in the catalog; return its digest. Raises InputError before anything is written.

    `new_weights`: also with other weights of the profile than the subject was last fine-tuned with.
    """
    try:
        with resources.catalog.read() as s:
            assets = views.subject_assets(s, subject)
            further = views.further_assets(s, assets)
    except NotInCatalogError as error:
        raise InputError("finetune", [Problem(path=("SUBJECT",), message=str(error))]) from error
    assert assets.mask_sha256 is not None, "ingest stores a mask with every reference"
    weights, job = resources.weights_digest(profile.name), finetune_job(config, profile)
    demand_images(job, profile, assets.style)
    recipe = job.recipe(
        reference=assets.image_sha256,
        mask=assets.mask_sha256,
        caption=_caption(Stored(assets, subject, resources.catalog, resources.store), profile, resources),
        class_word=assets.class_word,
        style=assets.style,
        weights=weights,
        further=[(one.image_sha256, one.mask_sha256) for one in further if one.mask_sha256 is not None],
    )
    if not new_weights:
        demand_same_weights(subject, profile, digest_of(recipe), resources)
    return _plan(recipe, profile.name, weights, assets.reference_id, assets.mask_id, resources)


def _caption(stored: Stored, profile: Profile, resources: Resources) -> str:
    """Return the caption of a subject's reference, as specs that name the subject alone use it."""
    assets = stored.assets
    chooser = CaptionChooser(
        assets.class_word,
        assets.style,
        lambda: open_reference(get_blob(resources.store, assets.image_sha256)),
        seen(stored, assets.image_sha256, resources).annotations,
        ingestion_choice(resources.settings, profile),
    )
    return chooser.choose(SubjectSpec(name=stored.name), assets.caption).text


def _plan(
    recipe: Mapping[str, Any],
    profile: str,
    weights: str,
    reference_id: int,
    mask_id: int | None,
    resources: Resources,
) -> str:
    """Record the planned fine-tuning of this recipe; return its digest."""
    digest = digest_of(recipe)
    with resources.catalog.write() as s:
        profile_id = writes.add_profile(s, name=profile, weights_digest=weights)
        writes.plan_training(
            s, digest, reference_id=reference_id, mask_id=mask_id, profile_id=profile_id, recipe=recipe
        )
    return digest


def request_finetunings(
    ingested: Sequence[Ingested], profile: str, setup: GenerationSetup, resources: Resources
) -> dict[str, Ingested]:
    """Record the fine-tuning of every subject of a run, for its workers to do; return the subjects by its digest."""
    recipes = {one.facts.name: setup.finetune_recipe(one.facts) for one in ingested}
    return {
        _plan(recipe, profile, setup.weights, one.reference_id, one.mask_id, resources): one
        for one in ingested
        if (recipe := recipes[one.facts.name]) is not None
    }


def finetune_all(
    ingested: Sequence[Ingested],
    profile: str,
    setup: GenerationSetup,
    resources: Resources,
    run_id: str | None = None,
) -> tuple[list[Ingested], dict[str, str]]:
    """Fine-tune on every subject of a run; return the fine-tuned subjects, and the reasons why others failed."""
    if setup.finetune is None:
        return list(ingested), {}
    finetuned, failed, made = [], {}, False
    for one in ingested:
        recipe = setup.finetune_recipe(one.facts)
        assert recipe is not None
        if run_id is not None:
            stop_if_asked(resources, run_id)
        digest = _plan(recipe, profile, setup.weights, one.reference_id, one.mask_id, resources)
        state = finetune_subject(digest, one.facts.name, run_id, return_state=True)
        try:
            made |= state.result()
        except Exception as error:  # one failure does not stop the other subjects
            if fault_of(error) in ("unavailable", "denied", "fatal"):  # an outage does
                raise
            failed[one.facts.name] = f"finetune: {type(error).__name__}: {str(error).removeprefix('finetune: ')}"
        else:
            finetuned.append(one)
    if made:
        report_progress("finetune", 1, 1)
    return finetuned, failed
