"""Reads what the catalog has of a bench: the newest run of each of its specs, and the scores of its images."""

from collections.abc import Mapping, Sequence

from deploy.bench.dreambench.specs import catalog_name
from dreamtuner.evaluation.dreambench.figures import ScoredImage
from dreamtuner.evaluation.dreambench.protocol import Protocol
from dreamtuner.evaluation.dreambench.result import BenchResult, Run
from dreamtuner.evaluation.dreambench.subject_set import SubjectSet
from dreamtuner.models.profiles import Profile
from dreamtuner.score import METRICS
from dreamtuner.score.licences import licences_of
from flows.resources import Resources
from flows.spec.model import Spec
from storage.catalog import views
from storage.catalog.records import CellView, NotInCatalogError


def result_of_specs(
    protocol: Protocol, subjects: SubjectSet, specs: Sequence[Spec], resources: Resources, runs: Mapping[str, str]
) -> BenchResult:
    """Return the result so far. `runs`: the run of a spec by its name; for others the newest of the catalog."""
    profile, metrics = resources.profile(specs[0].profile), specs[0].score or ()
    return BenchResult(
        protocol=protocol,
        subjects=subjects,
        set_digest=subjects.digest(),
        seeds=specs[0].seeds,
        run=_run(specs[0], profile, metrics, resources),
        images=tuple(_images(subjects, specs, resources, runs)),
    )


def _run(spec: Spec, profile: Profile, metrics: Sequence[str], resources: Resources) -> Run:
    sampling = profile.sampling("natural", learnt=spec.finetune is not None)
    return Run(
        profile=profile.name,
        weights_digest=resources.weights_digest(profile.name),
        licence=profile.licence.name,
        sampling=sampling.model_dump(mode="json"),
        finetuned=spec.finetune is not None,
        versions={name: METRICS[name].version(profile) for name in metrics},
        licences={name: list(dict.fromkeys(licences_of(METRICS[name], profile).values())) for name in metrics},
    )


def _images(
    subjects: SubjectSet, specs: Sequence[Spec], resources: Resources, runs: Mapping[str, str]
) -> list[ScoredImage]:
    names = {catalog_name(subjects, one): one for one in subjects.subjects}
    prompts = {one.name: {text.replace("{subject}", one.class_word) for text in one.prompts} for one in names.values()}
    found = []
    for spec in specs:
        for cell in _cells(spec.name, resources, runs):
            subject = names.get(cell.subject_name)
            if subject is None or cell.seed not in spec.seeds:
                continue  # an earlier, larger run of this name
            if cell.prompt in prompts[subject.name] or spec.finetune is not None:
                scores = cell.scores if cell.state == "generated" else None
                found.append(ScoredImage(subject.name, cell.prompt, cell.seed, scores))
    return found


def _cells(name: str, resources: Resources, runs: Mapping[str, str]) -> list[CellView]:
    """Return the cells of the spec's run, else of the newest of its name that has any: one may have died before."""
    with resources.catalog.read() as s:
        try:
            of_name = [runs[name]] if name in runs else views.run_ids(s, name)
        except NotInCatalogError:
            return []
        return next((cells for run in reversed(of_name) if (cells := views.cells_of_run(s, run))), [])
