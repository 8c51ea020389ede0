"""Measures prior preservation: how well a fine-tuned model follows class prompts that do not name the subject."""

from dataclasses import dataclass

from flows.progress import report_progress
from flows.resources import Resources
from storage.catalog import views, writes

EVENT = "guarded"


@dataclass(frozen=True)
class PriorCheck:
    """Class-prompt accuracy (share of prompt attributes in the images, 0..1) before and after fine-tuning."""

    before: float
    after: float

    @property
    def points_lost(self) -> float:
        """Return the loss in percentage points; negative: a gain."""
        return 100 * (self.before - self.after)


def check_prior_preservation(digest: str, resources: Resources) -> PriorCheck | None:
    """Measure a finished fine-tuning, once; return None if the profile has no oracle."""
    from dreamtuner.evaluation.prior_check import class_prompt_accuracy
    from dreamtuner.finetune.result import load_finetuned
    from dreamtuner.score.oracle import Oracle

    catalog = resources.catalog
    with catalog.read() as s:
        view = views.training(s, digest)
        known = [one.detail for one in views.history(s, "training", digest) if one.event == EVENT]
    if known:
        return PriorCheck(known[-1]["before"], known[-1]["after"])
    folder = resources.profile(view.profile).weights / "oracle"
    if not (folder / "config.json").is_file():
        return None
    oracle, backbone, word = Oracle.load(folder), resources.backbone(view.profile), view.recipe["class_word"]

    def step(done: int, total: int) -> None:
        report_progress("guard", done, total)

    before = class_prompt_accuracy(backbone, oracle, word, on_step=step)
    with load_finetuned(backbone, resources.checkpoint(digest)) as finetuned:
        after = class_prompt_accuracy(finetuned, oracle, word, on_step=step)
    report_progress("guard", 1, 1)
    with catalog.write() as s:
        writes.record_event(s, "training", digest, EVENT, before=before, after=after)
    return PriorCheck(before, after)
