"""The plan of a preparation, and what prepares images by it: the profile's models and eyes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dreamtuner.models.layouts import Kind
from dreamtuner.models.profiles import Profile
from dreamtuner.preprocess.captioners import CAPTIONERS
from dreamtuner.preprocess.estimators import estimator_of
from dreamtuner.preprocess.maskers import MASKERS, method_of
from dreamtuner.train.data.buckets import bucket_sizes
from dreamtuner.train.data.manifest import Plan
from dreamtuner.train.data.raw import SUBJECT
from flows.ingestion.choice import IngestionChoice

if TYPE_CHECKING:
    from dreamtuner.train.data.prepare import Preparer

WIDTH = 64
"""Of the encoder that a backbone needs for its image processor; it is not used."""


@dataclass(frozen=True)
class PrepareOptions:
    """What a user chooses of a preparation. `word`: as captioners say photo; `per_shard`: raw images.

    `class_word`: what captioners say that the images show.
    """

    kinds: tuple[Kind, ...] = ("depth",)
    given: tuple[Kind, ...] = ()
    tags: bool = False
    square: bool = False
    resolution: int | None = None
    word: str = "photo"
    per_shard: int = 256
    class_word: str = SUBJECT


def plan_of(data: str, profile: Profile, options: PrepareOptions, choice: IngestionChoice) -> Plan:
    """Return the plan of preparing images for a profile. Loads no model of the profile.

    Control images of the kinds `options.given` lie beside every image, so that no estimator is needed.
    Raises PluginError if a masker, captioner or estimator cannot be used.
    """
    from dreamtuner.train.encoder.factory import prepared_by

    masker, captioner = MASKERS[choice.masker], CAPTIONERS[choice.captioner]
    eyes = {"masker": method_of(masker), "captioner": f"{captioner.name}-{captioner.version}"}
    for kind in options.kinds:
        if kind in options.given:
            eyes[kind] = "beside the images"
        else:
            found = estimator_of(kind, choice.estimators.get(kind))
            eyes[kind] = f"{found.name}-{found.version}"
    resolution = options.resolution or profile.resolution
    sizes = (
        ((resolution, resolution),) if options.square else bucket_sizes(resolution, pixels_per_latent=_factor(profile))
    )
    return Plan(
        profile=profile.name,
        weights=prepared_by(profile),
        data=data,
        resolution=resolution,
        sizes=sizes,
        kinds=options.kinds,
        eyes=eyes,
        tags=options.tags,
        per_shard=options.per_shard,
        class_word=None if options.class_word == SUBJECT else options.class_word,
    )


def preparer_of(
    profile: Profile, plan: Plan, options: PrepareOptions, choice: IngestionChoice, device: str
) -> Preparer:
    """Load the profile's models, in float32, and its eyes."""
    import torch

    from dreamtuner.families.registry import encoder_trainable, load_backbone
    from dreamtuner.train.data.prepare import Preparer

    backbone = encoder_trainable(load_backbone(profile, device=device, dtype=torch.float32))
    kinds: Sequence[Kind] = [kind for kind in plan.kinds if kind not in options.given]
    return Preparer(
        backbone.with_untrained_encoder(WIDTH),
        MASKERS[choice.masker],
        CAPTIONERS[choice.captioner],
        {kind: estimator_of(kind, choice.estimators.get(kind)) for kind in kinds},
        plan.kinds,
        plan.sizes,
        options.word,
        plan.tags,
        options.class_word,
    )


def _factor(profile: Profile) -> int:
    """Return the side, in pixels, of the square that one latent covers, by the autoencoder's config."""
    from json import loads

    config = loads((profile.folder("vae") / "config.json").read_text())
    return 1 << (len(config["block_out_channels"]) - 1)
