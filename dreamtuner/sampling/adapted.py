"""Applies a profile's LoRAs, VAE, embeddings and FreeU to its model for the images that use them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from dreamtuner.families.backbone import Backbone, Parts
from dreamtuner.families.registry import adaptable
from dreamtuner.models.adapters import adapters_of
from dreamtuner.models.profiles import Profile
from dreamtuner.settings.sampling import Sampling


@contextmanager
def adapted(
    backbone: Parts, sampling: Sampling, texts: Sequence[str], embeddings: Collection[str] | None = None
) -> Iterator[tuple[Parts, Callable[[str], str]]]:
    """Return the model with the adapters of these settings and texts, and a function that expands a text's embeddings.

    `embeddings`: tokens that texts may use; None: all of the profile. On exit the model is restored bit for bit.

    Raises:
        AdapterError: the profile lacks a LoRA, VAE or embedding, or its file does not fit; the message names it.
        ValueError: the model computes in another dtype than the settings say, or has no profile.
        FamilyError: models of this family cannot be adapted.
    """
    computed = str(backbone.denoiser().dtype).removeprefix("torch.")
    if sampling.dtype not in ("auto", "float32", computed):
        raise ValueError(f"sampling.dtype: {sampling.dtype}, but the model is loaded in {computed}; load it in that")
    profile = getattr(backbone, "profile", None)
    if not isinstance(profile, Profile):
        if sampling != sampling.model_copy(update={"loras": {}, "vae": None, "freeu": None}):
            raise ValueError("sampling.loras, vae, freeu: these need the model of a profile; load it with from_profile")
        yield backbone, str
        return
    adapters = adapters_of(profile, sampling, texts, embeddings)
    if not adapters:
        yield backbone, str
        return
    whole: Backbone = backbone  # type: ignore[assignment]  # it has a profile
    with adaptable(whole).adapted(adapters) as model:
        yield model, adapters.expand
