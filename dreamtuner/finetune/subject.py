"""Whom a fine-tuning is about, and its regular images (Sec. 3.3): what the model draws of it before it learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from dreamtuner.families.backbone import Backbone
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.sampling import Sampling, Style
from dreamtuner.settings.styles import STYLES


@dataclass(frozen=True)
class NamedSubject:
    """A subject by one reference, its class word and its style. The reference's caption is the detailed one."""

    reference: Reference
    class_word: str
    style: Style

    def words(self, template: str, called: str) -> str:
        """A template with what the subject is called and the style's word for a picture in it."""
        return template.replace("{subject}", called).replace("{style}", STYLES[self.style].word)


def class_images(
    backbone: Backbone,
    subject: NamedSubject,
    settings: FineTuneConfig,
    sampling: Sampling,
    folder: Path,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> list[Image.Image]:
    """The subject's regular images, RGB; those that are in `folder` are read, the others drawn and put there.

    Like the subject: SE and S-S-A by `sampling` with the reference's own caption and without its mask, so that its
    background is kept. By the plain model: from the caption of a pair with the class word. ``on_drawn(done, total)``.
    """
    if settings.regular == "none":
        return []
    files = [folder / f"{i:04d}.png" for i in range(settings.count)]
    if not all(file.is_file() for file in files):
        folder.mkdir(parents=True, exist_ok=True)
        prompt = subject.words(settings.caption, subject.class_word)
        reference: Reference | None = None
        if settings.regular == "subject":
            prompt, reference = subject.reference.caption, replace(subject.reference, whole=True)
        cells = [Cell(prompt, settings.seed * 100_003 + i) for i in range(settings.count)]
        pictures = generate(backbone, reference, cells, sampling, on_step=on_step)
        for file, picture in zip(files, pictures, strict=True):
            partial = file.with_suffix(".partial")
            picture.save(partial, "PNG")
            partial.rename(file)
    return [Image.open(file).convert("RGB") for file in files]
