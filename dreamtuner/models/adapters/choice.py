"""Which of a profile's adapters an image uses, whether they can be used, and their digests for its recipe."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dreamtuner.models.adapters.embedding import check_embedding, expand_tokens, tokens_in, vectors_of
from dreamtuner.models.adapters.lora import check_lora
from dreamtuner.models.adapters.problem import AdapterError, file_of
from dreamtuner.models.adapters.vae import check_vae
from dreamtuner.models.hashes import file_sha256
from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import digest_of
from dreamtuner.settings.sampling import Sampling


@dataclass(frozen=True)
class Adapters:
    """What changes a model for some images. False if nothing does.

    `loras`: weights by name; `vae`: a name, or None for the model's own; `embeddings`: the number of vectors by token;
    `freeu`: s1, s2, b1, b2, or None.
    """

    loras: Mapping[str, float] = field(default_factory=dict)
    vae: str | None = None
    embeddings: Mapping[str, int] = field(default_factory=dict)
    freeu: tuple[float, float, float, float] | None = None

    def __bool__(self) -> bool:
        return bool(self.loras or self.vae or self.embeddings or self.freeu)

    def expand(self, text: str) -> str:
        """Return the text with each embedding's token replaced by the names of its vectors."""
        return expand_tokens(text, self.embeddings)


def adapters_of(
    profile: Profile, sampling: Sampling, texts: Sequence[str], tokens: Collection[str] | None = None
) -> Adapters:
    """Return the adapters of images by these settings and texts (prompts, negative prompt, captions).

    `tokens`: of the embeddings that may be used; None: of all. Raises AdapterError as `check_settings`.
    """
    check_settings(profile, sampling)
    found = tokens_in(texts, profile.embeddings if tokens is None else tokens)
    for token in found:
        _demand(token, profile.embeddings, "embedding", ("profile", "embeddings", token))
        check_embedding(profile, token)
    counts = {token: vectors_of(profile, token) for token in found}
    return Adapters(sampling.loras, sampling.vae, counts, sampling.freeu)


def check_settings(profile: Profile, sampling: Sampling) -> None:
    """Raise AdapterError if the profile lacks a LoRA or VAE of the settings, or if its files do not fit the model."""
    for name in sampling.loras:
        path = ("sampling", "loras", name)
        _demand(name, profile.loras, "LoRA", path)
        check_lora(profile, name, path)
    if sampling.vae is not None:
        _demand(sampling.vae, profile.vaes, "VAE", ("sampling", "vae"))
        check_vae(profile, sampling.vae, ("sampling", "vae"))


def adapters_used(profile: Profile, sampling: Sampling) -> dict[str, str]:
    """Return the digests of the LoRAs and the VAE of the settings, by labels such as "lora watercolour"."""
    labels = [f"lora {name}" for name in sampling.loras]
    labels += [] if sampling.vae is None else [f"vae {sampling.vae}"]
    return {label: adapter_digest(profile, label) for label in labels}


def embedding_label(token: str) -> str:
    """Return the label of an embedding in recipes."""
    return f"embedding {token}"


def adapter_digest(profile: Profile, label: str) -> str:
    """Return the SHA-256 of a LoRA or embedding file, or over the files of a VAE's folder, by its label.

    Raises AdapterError: the profile has none of this name, or its file is missing.
    """
    kind, _, name = label.partition(" ")
    have: Mapping[str, Path] = {"lora": profile.loras, "vae": profile.vaes, "embedding": profile.embeddings}[kind]
    path = (kind, name)
    _demand(name, have, {"lora": "LoRA", "vae": "VAE"}.get(kind, kind), path)
    place = have[name] if kind == "vae" else file_of(have[name])
    if not place.exists():
        raise AdapterError(path, f"{place} is missing; put it there, or choose another")
    return digest_of(place, ["."], profile.variant) if kind == "vae" else file_sha256(place)


def _demand(name: str, have: Mapping[str, Path], what: str, path: tuple[str, ...]) -> None:
    if name not in have:
        known = f"it has {', '.join(sorted(have))}" if have else "it has none"
        raise AdapterError(path, f"the profile has no {what} {name!r}; {known}")
