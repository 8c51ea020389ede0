"""Scores outputs of the catalog by one metric: reads what the metric takes, and stores the values."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from PIL import Image
from prefect import task
from prefect.cache_policies import NO_CACHE

from dreamtuner.models.prompt_syntax import plain
from dreamtuner.score import METRICS, Input, score_images
from dreamtuner.score.licences import licences_of
from flows.execution.costs.account import Account
from flows.execution.culling.fingerprints import Embeddings, keeps_embeddings, store_embeddings
from flows.execution.inputs.scene import regions_to_score
from flows.faults import fault_of
from flows.image_io import open_picture, open_reference
from flows.resources import Resources, free_memory
from storage.catalog import views, writes
from storage.catalog.records import UnscoredOutput, WorkFigures
from storage.lost import read_picture
from storage.objects import get_blob

CHUNK_OUTPUTS = 64
REFERENCE: frozenset[Input] = frozenset({"reference", "reference_mask"})
"""Inputs of metrics that compare with a reference: images of several subjects are compared region by region."""


class ScoreAccount(Account):
    """The account of a process that scores. `scored`: how many scores it has stored."""

    def __init__(self, resources: Resources, run_id: str | None = None) -> None:
        super().__init__(resources, "score", run_id, lambda: WorkFigures(items=self.scored))
        self.scored = 0


# NO_CACHE: Prefect would hash the account, which no other run shares
@task(name="score-outputs", task_run_name="{metric}", cache_policy=NO_CACHE)
def score_outputs(account: ScoreAccount, profile: str, metric: str, output_ids: Sequence[int]) -> int:
    """Score outputs of one reference with one metric; return how many. Waits out outages."""
    resources = Resources.open()
    return resources.patience().retry(lambda: _score(account, resources, profile, metric, output_ids))


def _score(account: ScoreAccount, resources: Resources, profile: str, metric: str, output_ids: Sequence[int]) -> int:
    """Score outputs; on out of memory, in halves."""
    try:
        return _score_together(account, resources, profile, metric, output_ids)
    except Exception as error:
        if fault_of(error) != "memory" or len(output_ids) == 1:
            raise
    free_memory()
    half = len(output_ids) // 2
    return sum(_score(account, resources, profile, metric, ids) for ids in (output_ids[:half], output_ids[half:]))


def _score_together(
    account: ScoreAccount, resources: Resources, profile: str, metric: str, output_ids: Sequence[int]
) -> int:
    scorer, version = METRICS[metric], METRICS[metric].version(resources.profile(profile))
    with resources.catalog.read() as s:
        outputs = views.unscored_among(s, output_ids, metric, version)
    if not outputs:
        return 0
    store, first = resources.store, outputs[0]
    mask = first.mask_sha256
    pictures = [open_picture(read_picture(resources.catalog, store, one.image_sha256), "RGB") for one in outputs]
    took: list[float] = []
    by_region = {i for i, one in enumerate(outputs) if one.scene is not None and not REFERENCE.isdisjoint(scorer.takes)}
    whole = [i for i in range(len(outputs)) if i not in by_region]
    entire = [pictures[i] for i in whole]
    model = Embeddings(resources.scorer(profile, metric), entire)
    found: dict[int, float] = {}
    with account.lap(took.append):
        if whole:
            values = score_images(
                scorer,
                model,
                entire,
                {
                    "reference": lambda: open_reference(get_blob(store, first.reference_sha256)),
                    "reference_mask": lambda: None if mask is None else open_picture(get_blob(store, mask), "L"),
                    "prompts": lambda: [_plain(outputs[i], resources) for i in whole],
                },
            )
            found |= dict(zip(whole, values, strict=True))
        for i in by_region:
            found[i] = _by_region(resources, profile, metric, outputs[i], pictures[i])
    with resources.catalog.write() as s:
        scores = {one.output_id: found[i] for i, one in enumerate(outputs)}
        licences = licences_of(scorer, resources.profile(profile))
        writes.add_scores(
            s,
            metric=metric,
            version=version,
            values=scores,
            licences=licences,
            device_seconds=sum(took),
            device=account.device,
        )
    if keeps_embeddings(scorer):
        images = {outputs[i].image_sha256: pictures[i] for i in whole}
        store_embeddings(resources, profile, model, images, [outputs[i].output_id for i in whole])
    account.scored += len(outputs)
    return len(outputs)


def _by_region(resources: Resources, profile: str, metric: str, output: UnscoredOutput, picture: Image.Image) -> float:
    """Score each region of an image of several subjects with its own reference; return the lowest."""
    values: list[float] = []
    for crop, prompt, reference, mask in regions_to_score(output, picture, resources.store):
        given: dict[Input, Callable[[], Any]] = {
            "reference": partial(_same, reference),
            "reference_mask": partial(_same, mask),
            "prompts": partial(_same, [prompt]),
        }
        values += score_images(METRICS[metric], resources.scorer(profile, metric), [crop], given)
    return min(values)


def _same(value: Any) -> Any:
    return value


def _plain(output: UnscoredOutput, resources: Resources) -> str:
    """Return the prompt as plain text, without a learned token: the scoring model knows neither syntax nor token."""
    word = None if output.training is None else resources.checkpoint(output.training).settings.word
    prompt = output.prompt
    if output.prompt_syntax == "weighted":
        prompt = plain(prompt, [] if word is None else [word])
    return prompt if word is None else prompt.replace(f" {word}", "")


def chunks_of(outputs: Sequence[UnscoredOutput]) -> Iterator[list[int]]:
    """Yield ids grouped by reference and mask, at most CHUNK_OUTPUTS each."""

    def of(output: UnscoredOutput) -> tuple[str, str]:
        return output.reference_sha256, output.mask_sha256 or ""

    for _, group in groupby(sorted(outputs, key=of), key=of):
        ids = [one.output_id for one in group]
        yield from (ids[first : first + CHUNK_OUTPUTS] for first in range(0, len(ids), CHUNK_OUTPUTS))
