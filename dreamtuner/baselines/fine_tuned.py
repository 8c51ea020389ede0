"""The base of methods that train: each is the project's own fine-tuning with other settings, in a file of its name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from shutil import rmtree

from PIL import Image

from dreamtuner.baselines.method import Given, Prepared
from dreamtuner.families.backbone import Backbone
from dreamtuner.finetune.factory import FineTuneFactory
from dreamtuner.finetune.result import load_finetuned
from dreamtuner.finetune.run import fine_tune
from dreamtuner.finetune.subject import NamedSubject
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.recipe_fields import to_literal
from dreamtuner.settings.sampling import Sampling
from dreamtuner.train.log import last_step, seconds_spent

NO_PREVIEWS = 10**9


@dataclass(frozen=True)
class FineTuned:
    """A fine-tuning, and the settings of generating with its model.

    `sees`: use the reference at inference too, by SE and S-S-A; otherwise only the fine-tuned weights. `changes` update
    the profile's settings, and `drawing` updates those for generation with the fine-tuned model. Previews and early
    stopping are off: the number of steps is that of the settings.
    """

    name: str
    settings: FineTuneConfig
    sees: bool = False
    changes: Mapping[str, float] = field(default_factory=dict)
    drawing: Mapping[str, float] = field(default_factory=dict)

    @property
    def training(self) -> str:
        """What determines the training; without its length if a shorter training is the start of a longer one."""
        same = {"steps": 1} if self.settings.cooldown == 0 else {}
        return to_literal((self.settings.model_copy(update=same), self.changes))

    def prepare(self, backbone: Backbone, given: Given) -> Prepared:
        """Train, or resume the training in `given.work_dir`."""
        settings = self.settings.model_copy(update={"preview_every": NO_PREVIEWS, "patience": None})
        folder = given.work_dir
        if (folder / "log.jsonl").is_file() and last_step(folder) > settings.steps:
            rmtree(folder)  # a longer training cannot be shortened
        spent_s = seconds_spent(folder)
        subject = NamedSubject(replace(given.reference, caption=given.detailed), given.class_word, given.style)
        sampling = Sampling.model_validate({**given.sampling.model_dump(), **self.changes})
        factory = FineTuneFactory(backbone.profile, subject, settings, sampling, folder)
        tuned = fine_tune(factory, device=str(backbone.device), report=lambda line: None).tuned
        tuned_sampling = Sampling.model_validate({**sampling.model_dump(), **self.drawing})
        plain = tuned_sampling.model_copy(update={"beta": 0.0})

        def generate_subject(cells: Sequence[Cell]) -> list[Image.Image]:
            with load_finetuned(backbone, tuned) as knows:
                named = [replace(cell, prompt=self.named(cell.prompt, given.class_word)) for cell in cells]
                seen = given.reference if self.sees else None
                return generate(knows, seen, named, tuned_sampling if self.sees else plain)

        def class_word(cells: Sequence[Cell]) -> list[Image.Image]:
            with load_finetuned(backbone, tuned) as knows:
                return generate(knows, None, cells, plain)

        return Prepared(generate_subject, class_word, spent_s)

    def named(self, prompt: str, class_word: str) -> str:
        """Return the prompt with the subject named as in training."""
        return re.sub(rf"\b{re.escape(class_word)}\b", lambda _: self.settings.subject_words(class_word), prompt)
