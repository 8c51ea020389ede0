"""Compares the LoRAs, VAE and embeddings on this worker with those that a cell was planned with."""

from collections.abc import Mapping

from dreamtuner.models.adapters import AdapterError, adapter_digest, embedding_label
from dreamtuner.plugins import PluginError
from dreamtuner.postprocess.upscalers import UpscalerError
from dreamtuner.postprocess.used import finishing_digest, is_finishing
from flows.faults import CellChangedError, UnmetRequirementError
from flows.resources import Resources

_EMBEDDING = embedding_label("")


def demand_adapters(planned: Mapping[str, str], profile: str, resources: Resources) -> None:
    """Raise UnmetRequirementError if one is missing, and CellChangedError if it has another digest than planned.

    `planned`: as in recipes, digests by labels such as "lora watercolour".
    """
    for label, digest in planned.items():
        try:
            digest_of = finishing_digest if is_finishing(label) else adapter_digest
            found = digest_of(resources.profile(profile), label)
        except (AdapterError, UpscalerError, PluginError) as error:
            raise UnmetRequirementError(f"this worker lacks the {label} of profile {profile}: {error}") from error
        if found != digest:
            raise CellChangedError(f"the {label} of profile {profile} changed since the plan; run the spec again")


def embeddings_in(planned: Mapping[str, str]) -> list[str]:
    """Return the tokens of the embeddings among the planned adapters."""
    return [label.removeprefix(_EMBEDDING) for label in planned if label.startswith(_EMBEDDING)]
