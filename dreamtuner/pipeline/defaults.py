"""Which settings a pipeline can hold as defaults, and what to do with the others."""

import logging
from typing import Any

from dreamtuner.settings.recipe_fields import from_fields
from dreamtuner.settings.sampling import Sampling

_log = logging.getLogger(__name__)

_COMPONENTS = {
    "scheduler": "this pipeline generates with its component `scheduler`; set that",
    "vae": "this pipeline decodes with its component `vae`; set that",
    "loras": "LoRAs are loaded into the models; call load_lora_weights and set_adapters",
    "freeu": "it is switched on in the U-Net; call enable_freeu",
    "dtype": "the models have their own; load the pipeline in it",
}
"""Settings that a pipeline has as its models, and what to do instead."""
_AFTERWARDS = ("second_pass", "upscale", "cutout")
"""Settings of what follows an image, which a pipeline does not make."""
_PLAIN = Sampling()


def check_defaults(defaults: dict[str, Any]) -> dict[str, Any]:
    """Validate fields of `Sampling` and return all of them. Raises ValueError, which names a field that cannot act."""
    checked = from_fields(Sampling, defaults)
    for name, reason in _COMPONENTS.items():
        if (value := getattr(checked, name)) != getattr(_PLAIN, name):
            raise ValueError(f"defaults: {name} is {value!r}, but {reason}, and leave it out here")
    if afterwards := _stated(checked):
        raise ValueError(
            f"defaults: {afterwards[0]} is a step after the image, which this pipeline does not take; generate by a "
            "spec, or leave it out here"
        )
    values: dict[str, Any] = checked.model_dump(mode="json")
    return values


def defaults_of(sampling: Sampling) -> dict[str, Any]:
    """Return the settings of a profile whose models the pipeline has; logs those that it leaves out."""
    if afterwards := _stated(sampling):
        _log.warning("sampling.%s: a pipeline does not take these steps; generate by a spec", ", ".join(afterwards))
    components = {name: getattr(_PLAIN, name) for name in (*_COMPONENTS, *_AFTERWARDS)}
    return Sampling.model_validate(sampling.merged(components)).model_dump(mode="json")


def _stated(sampling: Sampling) -> list[str]:
    return [name for name in _AFTERWARDS if getattr(sampling, name) != getattr(_PLAIN, name)]
