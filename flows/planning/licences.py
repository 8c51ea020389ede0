"""Refuses a spec whose purpose the licence of one of its weights does not allow."""

from __future__ import annotations

from collections.abc import Iterator

from dreamtuner.models.licences import licence_of
from dreamtuner.models.lineage import Role, Weight, objections
from dreamtuner.models.part_licences import CUTOUT, adapter_weight, controlnet_weight, weights_of_sampling
from dreamtuner.models.profiles import Profile
from dreamtuner.plugins import PluginError
from dreamtuner.score import METRICS
from dreamtuner.score.licences import licence_records
from flows.ingestion.choice import ingestion_choice, stated_eyes
from flows.planning.cells import GenerationSetup
from flows.planning.projects.limits import StatedPurpose
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError, Problem
from storage.text import Path

Placed = tuple[Path, Weight]


def demand_licences(
    spec: Spec,
    profile: Profile,
    setup: GenerationSetup,
    metrics: tuple[str, ...],
    settings: Settings,
    stated: StatedPurpose,
) -> None:
    """Raise InputError if a weight does not allow the purpose.

    The error names each such weight, the clause of its licence, and the field of the spec that chose it.
    """
    problems = [
        Problem(path=path, message=f"{found}; {_remedy(stated)}")
        for path, weight in dict.fromkeys(weights_of_spec(spec, profile, setup, metrics, settings))
        for found in objections([weight], stated.purpose)
    ]
    if problems:
        raise InputError(f"spec {spec.name!r}", problems)


def weights_of_spec(
    spec: Spec, profile: Profile, setup: GenerationSetup, metrics: tuple[str, ...], settings: Settings
) -> Iterator[Placed]:
    """Yield every weight that a run of the spec uses, with the field that chose it.

    A masker that is chosen for each reference (`auto`) takes only models that may be used commercially.
    """
    for sampling in setup.sampling.values():
        for weight in weights_of_sampling(profile, sampling):
            yield ("sampling", "upscaler") if weight.role == "upscaler" else ("profile",), weight
    yield from ((("profile",), controlnet_weight(profile, kind)) for kind in setup.controlnets)
    labels = {label for used in setup.adapters.values() for label in used}
    labels |= {f"embedding {token}" for token in setup.embeddings}
    for label in sorted(labels):
        yield from _weights_of_label(profile, label)
    if setup.pictures is not None:  # what the seen pictures were made with is in the lineage of what comes of them
        yield from ((path, Weight(name, "base", licence_of(of))) for path, name, of in setup.pictures.behind)
    yield from _eyes(spec, profile, settings)
    for i, name in enumerate(metrics):
        records = licence_records(METRICS[name], profile)
        yield from ((("score", i), Weight(model, "metric", record)) for model, record in records.items())


def _weights_of_label(profile: Profile, label: str) -> Iterator[Placed]:
    if not label.startswith(CUTOUT):
        weight = adapter_weight(profile, label)
        yield ("sampling", "upscaler") if weight.role == "upscaler" else ("sampling",), weight
        return
    from dreamtuner.preprocess.maskers import weights_of_masker

    yield from ((("sampling", "cutout"), weight) for weight in weights_of_masker(label.removeprefix(CUTOUT)))


def _eyes(spec: Spec, profile: Profile, settings: Settings) -> Iterator[Placed]:
    from dreamtuner.preprocess.captioners import CAPTIONERS
    from dreamtuner.preprocess.estimators import ESTIMATORS
    from dreamtuner.preprocess.maskers import MASKERS
    from flows.ingestion.annotations import licence_of_backend

    choice = ingestion_choice(settings, profile, stated_eyes(spec))
    named: list[tuple[Path, Role, str, object]] = []
    try:
        named.append((("masker",), "masker", choice.masker, MASKERS[choice.masker]))
        named.append((("captioner",), "captioner", choice.captioner, CAPTIONERS[choice.captioner]))
        for kind, name in choice.estimators.items():
            named.append((("estimators", kind), "estimator", name, ESTIMATORS[name]))
    except PluginError:
        return  # said by the check of maskers, captioners and estimators, with the field
    for path, role, name, backend in named:
        if (licence := licence_of_backend(backend)) is not None:
            yield from ((path, Weight(name, role, licence_of(one))) for one in licence.split(" and "))


def _remedy(stated: StatedPurpose) -> str:
    return f"choose another, or correct {stated.where} ({'' if stated.purpose.commercial else 'non-'}commercial)"
