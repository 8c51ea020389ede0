"""Loads what a profile's settings name beside its model into a pipeline, by diffusers' own methods."""

from __future__ import annotations

from typing import Any

from dreamtuner.families.unet.load import load_vae
from dreamtuner.models.adapters import adapters_of
from dreamtuner.models.adapters.embedding import read_embedding, token_names
from dreamtuner.models.adapters.problem import file_of
from dreamtuner.models.profiles import Profile
from dreamtuner.settings.sampling import Sampling


def load_adapters(pipe: Any, profile: Profile, sampling: Sampling) -> None:
    """Load the LoRAs, VAE and FreeU of the settings and all embeddings of the profile into a pipeline.

    LoRAs stay adapters of their own, so that `set_adapters` and `unload_lora_weights` apply to them.

    Raises:
        AdapterError: one is missing or of another model; the message names it.
    """
    adapters = adapters_of(profile, sampling, list(profile.embeddings))
    names = {name: name.replace(".", "_") for name in adapters.loras}  # of modules, which have no dots
    for name, adapter in names.items():
        file = file_of(profile.loras[name])
        pipe.load_lora_weights(str(file.parent), weight_name=file.name, adapter_name=adapter, local_files_only=True)
    if names:
        pipe.set_adapters(list(names.values()), list(adapters.loras.values()))
    for token, count in adapters.embeddings.items():
        vectors = read_embedding(profile.embeddings[token])["text_encoder"]
        pipe.load_textual_inversion(vectors, token=token_names(token, count))
    if adapters.vae is not None:
        dtype, device = pipe.unet.dtype, str(pipe.unet.device)
        pipe.register_modules(vae=load_vae(profile.vaes[adapters.vae], profile.variant, device=device, dtype=dtype))
    if adapters.freeu is not None:
        s1, s2, b1, b2 = adapters.freeu
        pipe.enable_freeu(s1=s1, s2=s2, b1=b1, b2=b2)
