"""Checks a spec's models and resolves its settings before anything is written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dreamtuner.models.fit import FitError, demand_fit
from dreamtuner.models.layouts import LayoutError, in_order, lacking_controlnet, require_controlnet
from dreamtuner.models.licences import PURPOSE
from dreamtuner.models.profiles import Profile
from dreamtuner.plugins import PluginError
from dreamtuner.score import METRICS, Metric
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.sampling import Sampling, Style
from dreamtuner.settings.styles import STYLES
from flows.ingestion.choice import BUILT_IN, ingestion_choice, stated_eyes
from flows.ingestion.known import demand_subjects
from flows.ingestion.layouts import GridLayouts, read_layouts
from flows.planning.cells import GenerationSetup
from flows.planning.defaults import metric_names
from flows.planning.texts import NamedTexts, demand_encodable
from flows.planning.warnings import demand_distinct_prompts
from flows.resources import Resources
from flows.spec.model import Spec
from flows.spec.problems import InputError, Problem, dotted, problems_of
from flows.spec.prompt import expand

if TYPE_CHECKING:
    from flows.planning.finetune import FineTuneJob
    from flows.planning.generated.pictures import GeneratedPictures
    from flows.planning.projects.limits import StatedPurpose


@dataclass(frozen=True)
class Ready:
    """A checked spec: its generation setup, its control images as they were read, and its metrics by name."""

    setup: GenerationSetup
    layouts: GridLayouts
    metrics: tuple[str, ...]


def demand_models(spec: Spec, resources: Resources) -> None:
    """Raise InputError if models are missing or cannot work; reads only configs and headers, so it is fast."""
    profile = resources.profile(spec.profile)
    metrics = _metrics(spec, profile)
    _demand_models_of_metrics(spec, metrics)
    missing = [*profile.missing(), *dict.fromkeys(one for m in metrics for one in m.missing(profile))]
    if missing:
        what = (
            f"profile {spec.profile!r} lacks {', '.join(missing)} in {profile.weights}; get them with: {profile.remedy}"
        )
        raise InputError(f"spec {spec.name!r}", [Problem(path=("profile",), message=what)])
    _demand_working(spec, profile)
    _demand_eyes(spec, resources, profile)
    for kind, (path, places) in spec.layout_fields.items():
        if spec.follows(kind):
            try:
                require_controlnet(profile, kind)
            except LayoutError as error:
                i = next((i for i, place in enumerate(places) if place is not None), None)
                at: tuple[str | int, ...] = ("video", "film") if i is None else (*path, i)
                message = f"{error}; or leave {dotted(path if i is not None else at)} out"
                raise InputError(f"spec {spec.name!r}", [Problem(path=at, message=message)]) from error


def _demand_eyes(spec: Spec, resources: Resources, profile: Profile) -> None:
    """Raise InputError if a masker, captioner or estimator is unknown or lacks its model; most specs name none."""
    choice = ingestion_choice(resources.settings, profile, stated_eyes(spec))
    named = (choice.masker, choice.captioner, choice.estimators)
    built_in = named == (BUILT_IN.masker, BUILT_IN.captioner, {}) and spec.film is None
    if built_in and not any(one.asks for one in spec.subjects):
        return
    from flows.ingestion.eyes import demand_eyes

    demand_eyes(spec, choice, resources)


def _demand_models_of_metrics(spec: Spec, metrics: Iterable[Metric]) -> None:
    """Raise InputError if a metric needs an auxiliary model that is not on this machine."""
    needed = [(i, one.name, models) for i, one in enumerate(metrics) if (models := getattr(one, "models", ()))]
    if not needed:
        return
    from dreamtuner.models.auxiliary import missing_auxiliaries

    problems = [
        Problem(path=("score", i), message=f"the metric {name} needs {lacking}")
        for i, name, models in needed
        for lacking in missing_auxiliaries(models)
    ]
    if problems:
        raise InputError(f"spec {spec.name!r}", problems)


def _demand_working(spec: Spec, profile: Profile) -> None:
    from dreamtuner.models.intake.checks import problems

    if found := problems(profile, adapters=False):  # those that the spec uses are checked with its settings
        raise InputError(f"spec {spec.name!r}", [Problem(path=("profile",), message=one) for one in found])


def _metrics(spec: Spec, profile: Profile) -> list[Metric]:
    """Look up the spec's metrics. Raises InputError if one is unknown or cannot be loaded."""
    found: list[Metric] = []
    problems: list[Problem] = []
    for i, name in enumerate(metric_names(spec, profile)):
        try:
            found.append(METRICS[name])
        except PluginError as error:
            problems.append(Problem(path=("score", i), message=str(error)))
    if problems:
        raise InputError(f"spec {spec.name!r}", problems)
    return found


def preflight(spec: Spec, resources: Resources, profile: Profile | None = None, *, frames: bool = False) -> Ready:
    """Check a spec and resolve its settings. Raises InputError with the field that is wrong.

    `profile`: the spec's, with its pinned defaults; None: with the current ones; `frames`: its poses are a video's.
    """
    demand_models(spec, resources)
    demand_subjects(spec.subjects, resources, f"spec {spec.name!r}")
    profile = profile or resources.profile(spec.profile)
    _demand_encoder(spec, profile, "sampling", spec.sampling)
    _demand_kinds(spec, profile)
    learnt = spec.finetune is not None
    sampling = {style: profile.sampling(style, learnt=learnt, **spec.sampling) for style in STYLES.working()}
    demand_settings(spec, profile, sampling.values())
    adapters, embeddings = _adapters(spec, profile, sampling)
    sizes = [(one.width, one.height) for one in sampling.values()]
    layouts = read_layouts(spec, resources.settings, sizes, profile, frames=frames)
    digests = {kind: [None if one is None else one.sha256 for one in ones] for kind, ones in layouts.items()}
    followed = [kind for kind in in_order(spec.layouts) if spec.follows(kind)]
    controlnets = {kind: resources.controlnet_digest(spec.profile, kind) for kind in followed}
    tuning = None if spec.finetune is None else _tuning(spec, profile, resources)
    weights = resources.weights_digest(spec.profile)
    pictures = _pictures(spec, profile, sampling, resources)
    setup = GenerationSetup(weights, sampling, digests, controlnets, tuning, adapters, embeddings, pictures)
    stated = list(_stated(spec))  # those of the catalog are checked once they are read
    demand_encodable(spec, stated, setup, profile)
    demand_distinct_prompts(spec, ((one.class_word, one.style) for one in stated), setup, profile)
    if spec.scenes:
        setup = replace(setup, **_of_scenes(spec, resources, layouts, sampling))
    metrics = metric_names(spec, profile)
    if (purpose := _purpose(spec, resources)) is not None:
        from flows.planning.licences import demand_licences  # only where a purpose is stated

        demand_licences(spec, profile, setup, metrics, resources.settings, purpose)
    return Ready(setup, layouts, metrics)


def _of_scenes(
    spec: Spec, resources: Resources, layouts: GridLayouts, sampling: Mapping[Style, Sampling]
) -> dict[str, Any]:
    """Read where the subjects of scenes are. Raises InputError for settings that scenes cannot have."""
    from flows.ingestion.scene_regions import read_figures, read_regions

    for name in ("edit", "consistency"):
        if getattr(spec, name) is not None:
            message = "acts on images of one subject; remove it, or order `together` by another spec"
            raise InputError(f"spec {spec.name!r}", [Problem(path=(name,), message=message)])
    off = any(one.w_ref == 0 for one in sampling.values())
    for i, scene in enumerate(spec.scenes):
        for j, one in enumerate(scene.subjects):
            if off and one.w_ref is not None:
                message = "sampling.w_ref is 0, so self-subject-attention is off; leave w_ref out here, or set it there"
                raise InputError(
                    f"spec {spec.name!r}", [Problem(path=("together", i, "subjects", j, "w_ref"), message=message)]
                )
    return {"regions": read_regions(spec, resources.settings), "figures": read_figures(layouts)}


def _demand_encoder(spec: Spec, profile: Profile, field: str, settings: Mapping[str, Any]) -> None:
    """Raise InputError if these settings of the spec use a subject-encoder and the profile has none."""
    if settings.get("beta", 0) > 0 and not profile.has_encoder:
        message = f"profile {spec.profile!r} has no subject-encoder; train it, remove beta, or write beta: 0"
        raise InputError(f"spec {spec.name!r}", [Problem(path=(field, "beta"), message=message)])


def _adapters(
    spec: Spec, profile: Profile, sampling: Mapping[Style, Sampling]
) -> tuple[Mapping[Style, Mapping[str, str]], Mapping[str, str]]:
    """Check what the settings add to the model and return its digests, as `demand_adapters`; most specs add nothing."""
    used = any(one.loras or one.vae or one.upscaler or one.cutout for one in sampling.values())
    if not used and not profile.embeddings:
        return {}, {}
    from flows.planning.adapters import demand_adapters

    return demand_adapters(spec, profile, sampling)


def _pictures(
    spec: Spec, profile: Profile, sampling: Mapping[Style, Sampling], resources: Resources
) -> GeneratedPictures | None:
    """Look up the generated pictures that the cells see, as `generated_pictures`; most specs name none."""
    if spec.edit is None and spec.consistency is None:
        return None
    from flows.ingestion.scene_regions import read_edited
    from flows.planning.generated.doubts import with_doubts
    from flows.planning.generated.pictures import generated_pictures

    settings, catalog = resources.settings, resources.catalog_if_any
    mask = read_edited(spec, settings)
    found = generated_pictures(spec, profile, sampling.values(), settings, catalog, mask)
    return with_doubts(found, spec, sampling, resources)


def _demand_kinds(spec: Spec, profile: Profile) -> None:
    """Raise InputError if a scale is given for a ControlNet that the profile lacks."""
    for kind in spec.sampling.get("control_weights") or {}:
        if (lacking := lacking_controlnet(profile, kind)) is not None:
            path = ("sampling", "control_weights", kind)
            raise InputError(f"spec {spec.name!r}", [Problem(path=path, message=lacking)])


def _stated(spec: Spec) -> Iterator[NamedTexts]:
    """Yield the texts of subjects whose class word the spec states."""
    for i, one in enumerate(spec.subjects):
        if one.class_word is not None:
            style = one.style or "natural"
            captions = {
                one.caption_path(j): expand(given, class_word=one.class_word, style=style)
                for j, single in enumerate(one.singles())
                if (given := single.own_caption) is not None
            }
            yield NamedTexts(i, one.class_word, style, captions)


def demand_settings(spec: Spec, profile: Profile, settings: Iterable[Sampling]) -> None:
    """Raise InputError if the profile's model cannot generate with these settings of the spec's cells."""
    for sampling in settings:
        try:
            demand_fit(profile, sampling)
        except FitError as error:
            whose = "" if error.field in spec.sampling else f" (a default of profile {profile.name!r})"
            problem = Problem(path=("sampling", error.field), message=f"{error.message}{whose}")
            raise InputError(f"spec {spec.name!r}", [problem]) from error


def _purpose(spec: Spec, resources: Resources) -> StatedPurpose | None:
    """Return what the images are for, if a project or the environment states it."""
    known = resources.catalog_if_any
    if known is None and spec.project is None and not os.environ.get(PURPOSE):
        return None  # nothing is loaded to find that out
    from flows.planning.projects.limits import purpose_of_spec

    return purpose_of_spec(spec, known)


def _tuning(spec: Spec, profile: Profile, resources: Resources) -> FineTuneJob:
    from flows.planning.finetune import finetune_job

    return finetune_job(_finetune(spec, profile, resources), profile)


def _finetune(spec: Spec, profile: Profile, resources: Resources) -> FineTuneConfig:
    overrides = spec.finetune or {}
    _demand_encoder(spec, profile, "finetune", overrides)
    try:
        config = profile.finetuning(**overrides)
    except ValidationError as error:  # what the spec's settings and the profile's defaults come to together
        raise InputError(f"spec {spec.name!r}", problems_of(error, FineTuneConfig, ("finetune",))) from error
    from flows.planning.trainable import demand_optimizer  # only now: it reads the catalog

    demand_optimizer(config, resources, f"spec {spec.name!r}")
    return config
