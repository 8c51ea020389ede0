"""Methods that train: every one is the project's own fine-tuning by other settings, in the files named after them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from shutil import rmtree

from PIL import Image

from dreamtuner.baselines.method import Given, Prepared
from dreamtuner.families.backbone import Backbone
from dreamtuner.finetune.result import load_finetuned
from dreamtuner.finetune.run import fine_tune
from dreamtuner.finetune.stage import FineTuneFactory
from dreamtuner.finetune.subject import NamedSubject
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.recipe_fields import to_literal
from dreamtuner.settings.sampling import Sampling
from dreamtuner.train.loop import last_step, seconds_spent

NO_PREVIEWS = 10**9


@dataclass(frozen=True)
class FineTuned:
    """A training, and how its model is drawn with.

    `sees`: the reference at inference too, by SE and S-S-A; otherwise the trained model alone knows the subject.
    `changes` are laid over the profile's numbers, and `drawing` over these where the trained model draws. Previews and
    early stops are off: the number of steps is the settings'.
    """

    name: str
    settings: FineTuneConfig
    sees: bool = False
    changes: Mapping[str, float] = field(default_factory=dict)
    drawing: Mapping[str, float] = field(default_factory=dict)

    @property
    def training(self) -> str:
        """What decides the training but for its length, where shorter ones are beginnings of longer ones."""
        same = {"steps": 1} if self.settings.cooldown == 0 else {}
        return to_literal((self.settings.model_copy(update=same), self.changes))

    def prepare(self, backbone: Backbone, given: Given) -> Prepared:
        """Train, or go on with what `given.workshop` holds."""
        settings = self.settings.model_copy(update={"preview_every": NO_PREVIEWS, "patience": None})
        folder = given.work_dir
        if (folder / "log.jsonl").is_file() and last_step(folder) > settings.steps:
            rmtree(folder)  # a longer training cannot be shortened
        spent_s = seconds_spent(folder)
        subject = NamedSubject(replace(given.reference, caption=given.detailed), given.class_word, given.style)
        sampling = Sampling.model_validate({**given.sampling.model_dump(), **self.changes})
        factory = FineTuneFactory(backbone.profile, subject, settings, sampling, folder)
        tuned = fine_tune(factory, device=str(backbone.device), report=lambda line: None).tuned
        drawn = Sampling.model_validate({**sampling.model_dump(), **self.drawing})
        plain = drawn.model_copy(update={"beta": 0.0})

        def draw(cells: Sequence[Cell]) -> list[Image.Image]:
            with load_finetuned(backbone, tuned) as knows:
                named = [replace(cell, prompt=self.named(cell.prompt, given.class_word)) for cell in cells]
                seen = given.reference if self.sees else None
                return generate(knows, seen, named, drawn if self.sees else plain)

        def class_word(cells: Sequence[Cell]) -> list[Image.Image]:
            with load_finetuned(backbone, tuned) as knows:
                return generate(knows, None, cells, plain)

        return Prepared(draw, class_word, spent_s)

    def named(self, prompt: str, class_word: str) -> str:
        """The prompt with the subject called as it was learnt."""
        return re.sub(rf"\b{re.escape(class_word)}\b", lambda _: self.settings.subject_words(class_word), prompt)
