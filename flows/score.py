"""Score: compute the missing scores of a run's images, or of any choice of the catalog's."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from prefect import flow

from dreamtuner.models.profiles import DEFAULT_PROFILE, Profile
from dreamtuner.plugins import PluginError
from dreamtuner.score import METRICS, Metric
from dreamtuner.score.licences import licences_of
from flows.execution.culling.fingerprints import fingerprint_missing, keeps_embeddings
from flows.execution.score_outputs import CHUNK_OUTPUTS, ScoreAccount, chunks_of, score_outputs
from flows.progress import report_progress
from flows.resources import Resources
from flows.spec.parameters import Metrics, ProfileName, RunId
from flows.spec.problems import InputError, Problem
from storage.catalog import views


@flow(name="score", flow_run_name="score")
def score(run_id: RunId, profile: ProfileName = DEFAULT_PROFILE, metrics: Metrics = ("clip_i", "clip_t")) -> int:
    """Score the unscored images of a run with each metric, by reference; return the number of new scores.

    Args:
        run_id: The full ID of a run in the catalog: the tag run:... of its flow run.
        profile: The model whose images they are; its CLIP model scores, where a metric uses one.
        metrics: The metrics: clip_i (similarity to the reference), clip_t (to the prompt), ...
    """
    resources = Resources.open()
    work: list[tuple[str, list[int]]] = []
    for metric in metrics:
        version = METRICS[metric].version(resources.profile(profile))
        with resources.catalog.read() as s:
            work += [(metric, chunk) for chunk in chunks_of(views.unscored(s, run_id, metric, version))]
    total = sum(len(chunk) for _, chunk in work)
    done = 0
    with ScoreAccount(resources, run_id) as account:
        for metric, chunk in work:
            report_progress("score", done, total)
            score_outputs(account, profile, metric, chunk)
            done += len(chunk)
    report_progress("score", total, total)
    return total


def score_beside(run_id: str, profile: str, metrics: Sequence[str]) -> bool:
    """Score a first chunk of the run's unscored images while others are generated; return whether there was one.

    A chunk of fewer than CHUNK_OUTPUTS images waits for more of its reference: `score` scores what is left.
    """
    resources = Resources.open()
    for metric in metrics:
        version = METRICS[metric].version(resources.profile(profile))
        with resources.catalog.read() as s:
            found = views.unscored(s, run_id, metric, version)
        if (whole := next((one for one in chunks_of(found) if len(one) == CHUNK_OUTPUTS), None)) is not None:
            with ScoreAccount(resources, run_id) as account:
                score_outputs(account, profile, metric, whole)
            return True
    return False


@dataclass(frozen=True)
class ScoredBy:
    """What one metric did for the images of one profile. `licences`: of its models, by name.

    `skipped`: images that this version of the metric had scored before.
    """

    metric: str
    version: str
    profile: str
    scored: int
    skipped: int
    licences: Mapping[str, str]


def demand_metrics(names: Sequence[str], profiles: Sequence[str], resources: Resources) -> None:
    """Raise InputError unless every metric is known and its models are on this machine, for each of these profiles."""
    problems: list[Problem] = []
    for i, name in enumerate(names):
        try:
            metric = METRICS[name]
            found = [resources.profile(profile) for profile in profiles]
        except PluginError as error:
            problems.append(Problem(path=("metric", i), message=str(error)))
            continue
        missing = {one: profile for profile in found for one in metric.missing(profile)}
        problems += [
            Problem(path=("metric", i), message=f"{name} needs {one}{_remedy(metric, profile)}")
            for one, profile in missing.items()
        ]
    if problems:
        raise InputError("score", problems)


def _models(metric: Metric) -> Collection[str]:
    return getattr(metric, "models", ())


def _remedy(metric: Metric, profile: Profile) -> str:
    """Return how to get what a metric lacks of a profile; what it lacks of its own already says so."""
    return "" if _models(metric) else f" of profile {profile.name!r}; get it with: {profile.remedy}"


@flow(name="score-choice", flow_run_name="score")
def score_choice(
    metrics: Sequence[str], run_ids: Sequence[str] | None = None, subject_id: int | None = None
) -> list[ScoredBy]:
    """Score the generated images of these runs and this subject, else all of the catalog; generates nothing.

    What a metric's present version has scored is skipped. Each image is scored for the profile that generated it. What
    near-duplicates are found by is computed for images that lack it.
    Raises InputError if a metric is unknown, or lacks a model.
    """
    resources = Resources.open()
    choice = views.OutputChoice(None if run_ids is None else tuple(run_ids), subject_id)
    with resources.catalog.read() as s:
        counts = views.outputs_by_profile(s, choice)
    metrics = list(dict.fromkeys(metrics))
    demand_metrics(metrics, list(counts), resources)
    done, work = list[ScoredBy](), list[tuple[str, str, list[int]]]()
    for profile, count in counts.items():
        for metric in metrics:
            version = METRICS[metric].version(resources.profile(profile))
            with resources.catalog.read() as s:
                todo = views.unscored_of(s, choice, profile, metric, version)
            work += [(profile, metric, chunk) for chunk in chunks_of(todo)]
            licences = licences_of(METRICS[metric], resources.profile(profile))
            done.append(ScoredBy(metric, version, profile, len(todo), count - len(todo), licences))
    total, scored = sum(len(chunk) for *_, chunk in work), 0
    with ScoreAccount(resources) as account:
        for profile, metric, chunk in work:
            report_progress("score", scored, total)
            score_outputs(account, profile, metric, chunk)
            scored += len(chunk)
    embed = any(keeps_embeddings(METRICS[metric]) for metric in metrics)
    for profile in counts:
        with resources.catalog.read() as s:
            outputs = views.outputs_of_choice(s, choice, profile)
        fingerprint_missing(resources, profile, outputs, embeddings=embed)
    report_progress("score", total, total)
    return done
