"""Assembles what decides a fine-tuning, and its recipe. Pure, so that equal requests always give equal digests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dreamtuner.models.profiles import Profile
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.recipe_fields import to_fields
from dreamtuner.settings.sampling import ENGINE_VERSION, Sampling, Style
from dreamtuner.settings.styles import STYLES

TRAINING_VERSION = 1
"""Part of every fine-tuning's digest. Raise it when equal settings would give another checkpoint than before."""


@dataclass(frozen=True)
class FineTuneJob:
    """How subjects are learnt: the settings, and how each style's regular images (`sampling`) and previews are drawn.

    Those are the profile's own numbers, whatever a spec draws its grid with: so other grids use the same checkpoint.
    """

    settings: FineTuneConfig
    sampling: Mapping[Style, Sampling]
    previews: Mapping[Style, Sampling]

    def recipe(
        self,
        *,
        reference: str,
        mask: str,
        caption: str,
        class_word: str,
        style: Style,
        weights: str,
        further: Sequence[tuple[str, str]] = (),
    ) -> dict[str, Any]:
        """Assemble everything that decides the checkpoint of a subject. Files and weights by their SHA-256.

        `further`: image and mask of its other references. Their captions and weights are not learnt from: a pair's
        caption is the settings', and each reference is as likely as any other.
        """
        others = [{"reference": image, "mask": cut} for image, cut in further]
        return ({"references": others} if others else {}) | {
            "reference": reference,
            "mask": mask,
            "caption": caption,
            "class_word": class_word,
            "style": style,
            "weights": weights,
            "finetune": to_fields(self.settings),
            "sampling": to_fields(self.sampling[style]),
            "previews": to_fields(self.previews[style]),
            "training": TRAINING_VERSION,
            "engine": ENGINE_VERSION,
        }


def finetune_job(config: FineTuneConfig, profile: Profile) -> FineTuneJob:
    """Return how a profile is fine-tuned on subjects, in every style.

    In float32, without LoRAs, VAE and FreeU, on squares: so one checkpoint serves specs with any of these.
    """

    def numbers(style: Style, learnt: bool) -> Sampling:
        return _square(profile.sampling(style, learnt=learnt), profile).without_adapters()

    regular, previews = ({style: numbers(style, learnt) for style in STYLES.working()} for learnt in (False, True))
    return FineTuneJob(config, regular, previews)


def _square(sampling: Sampling, profile: Profile) -> Sampling:
    return (
        sampling
        if sampling.size is None
        else sampling.model_copy(update={"size": None, "resolution": profile.resolution})
    )
