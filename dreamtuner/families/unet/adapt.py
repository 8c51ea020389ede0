"""Uses LoRAs, another VAE, embeddings and FreeU with a Stable Diffusion inside a context."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import torch

from dreamtuner.families.added_tokens import tokens_added, with_tokens
from dreamtuner.families.low_rank import Layers, merged_weights, read_lora
from dreamtuner.families.parameters import replaced_parameters
from dreamtuner.families.unet.load import load_vae
from dreamtuner.models.adapters import Adapters, adapter_digest
from dreamtuner.models.adapters.embedding import read_embedding
from dreamtuner.models.adapters.problem import file_of

B = TypeVar("B", bound=Any)


@contextmanager
def adapted(backbone: B, adapters: Adapters) -> Iterator[B]:
    """Return the backbone with the adapters inside the context; on exit its models are restored bit for bit.

    `backbone`: a `UNetBackbone`, or one with further text encoders.
    """
    models = {"unet": backbone.unet, **backbone.text_encoders}
    changed = backbone
    with ExitStack() as stack:
        loras = [(_lora(backbone, name, models), weight) for name, weight in adapters.loras.items()]
        for part, model in models.items():
            weights = merged_weights(model, [(layers[part], weight) for layers, weight in loras if part in layers])
            stack.enter_context(replaced_parameters(model, weights, what="sampling.loras"))
        if adapters.embeddings:
            changed = changed.with_tokenizers(_embedded(backbone, adapters.embeddings, stack))
        if adapters.vae is not None:
            changed = replace(changed, vae=_vae(backbone, adapters.vae))
        if adapters.freeu is not None:
            s1, s2, b1, b2 = adapters.freeu
            backbone.unet.enable_freeu(s1=s1, s2=s2, b1=b1, b2=b2)
            stack.callback(backbone.unet.disable_freeu)
        yield changed


def _lora(backbone: Any, name: str, models: Mapping[str, Any]) -> Layers:
    file = file_of(backbone.profile.loras[name])
    key = str(file), adapter_digest(backbone.profile, f"lora {name}")
    if key not in backbone.read:
        try:
            backbone.read[key] = read_lora(file, models)
        except ValueError as error:
            raise ValueError(f"sampling.loras.{name}: {error}") from error
    found: Layers = backbone.read[key]
    return found


def _vae(backbone: Any, name: str) -> Any:
    folder = backbone.profile.vaes[name]
    key = str(folder), adapter_digest(backbone.profile, f"vae {name}")
    if key not in backbone.read:
        load = partial(load_vae, folder, backbone.profile.variant, dtype=backbone.unet.dtype)
        backbone.read[key] = backbone.placed(load, "vae")
    return backbone.read[key]


def _embedded(backbone: Any, counts: Mapping[str, int], stack: ExitStack) -> dict[str, Any]:
    """Add the embeddings' vectors to every text encoder; return the tokenizers that read them, by text encoder."""
    vectors = [read_embedding(backbone.profile.embeddings[token]) for token in counts]
    tokenizers = {}
    for name, tokenizer in backbone.tokenizers.items():
        tokenizers[name] = with_tokens(tokenizer, counts)
        rows = torch.cat([one[name] for one in vectors])
        stack.enter_context(tokens_added(backbone.text_encoders[name], rows, first=len(tokenizer)))
    return tokenizers
