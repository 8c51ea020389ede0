"""Checks a spec's LoRAs, VAE and embeddings against the profile's files, and returns their digests."""

from collections.abc import Mapping

from dreamtuner.models.adapters import (
    AdapterError,
    adapter_digest,
    adapters_used,
    check_settings,
    embedding_label,
)
from dreamtuner.models.adapters.embedding import check_embedding, tokens_in, usable_embeddings
from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import WeightsMissingError
from dreamtuner.plugins import PluginError
from dreamtuner.settings.sampling import Sampling, Style
from flows.spec.model import Spec
from flows.spec.problems import InputError, Problem


def demand_adapters(
    spec: Spec, profile: Profile, sampling: Mapping[Style, Sampling]
) -> tuple[dict[Style, dict[str, str]], dict[str, str]]:
    """Return digests: of LoRAs, VAE, upscaler and masker by style and label, and of the embeddings by token.

    An embedding whose token no text of the spec has may be broken: it is then plain text. Reads headers and hashes
    files, loads nothing. Raises InputError, which names the field, the profile's names, and what is wrong with a file.
    """
    try:
        for numbers in sampling.values():
            check_settings(profile, numbers)
        digests = {
            style: adapters_used(profile, numbers) | _finishing(spec, profile, numbers)
            for style, numbers in sampling.items()
        }
        embeddings = _embeddings(spec, profile)
    except AdapterError as error:
        raise InputError(f"spec {spec.name!r}", [Problem(path=error.path, message=error.message)]) from error
    return digests, embeddings


def _finishing(spec: Spec, profile: Profile, sampling: Sampling) -> dict[str, str]:
    if sampling.upscaler is None and sampling.cutout is None:  # most specs: nothing of it is loaded
        return {}
    from dreamtuner.postprocess.upscalers import UpscalerError
    from dreamtuner.postprocess.used import finishing_used

    try:
        return finishing_used(profile, sampling)
    except (UpscalerError, PluginError, WeightsMissingError) as error:
        field = "upscaler" if isinstance(error, UpscalerError) else "cutout"
        raise InputError(f"spec {spec.name!r}", [Problem(path=("sampling", field), message=str(error))]) from error


def _embeddings(spec: Spec, profile: Profile) -> dict[str, str]:
    captions = [one.own_caption for one in spec.subjects if one.own_caption is not None]
    words = [one.class_word for one in spec.subjects if one.class_word is not None]
    scenes = [text for one in spec.scenes for text in (one.prompt, one.background, *(each.prompt for each in one.cast))]
    texts = [*spec.prompts, *(text for text in scenes if text is not None), spec.negative_prompt, *captions, *words]
    used = tokens_in(texts, profile.embeddings)
    for token in used:
        check_embedding(profile, token)
    return {token: adapter_digest(profile, embedding_label(token)) for token in usable_embeddings(profile)}
