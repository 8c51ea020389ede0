"""Checks settings against a model before anything is loaded: scheduler, eta, inversion, steps and size. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dreamtuner.models.model_kind import config_of
from dreamtuner.models.profiles import Profile
from dreamtuner.plugins import PluginError
from dreamtuner.settings.sampling import Sampling
from dreamtuner.settings.schedulers import Process, SchedulerRecord, find_scheduler, known_scheduler, process_of

_TRAINED: Mapping[Process, str] = {
    "diffusion": "on discrete noise",
    "edm": "by EDM, on noise by sigma",
    "flow": "by flow matching",
}
_SUITABLE: Mapping[Process, str] = {
    "diffusion": "DPM++ 2M Karras, Euler a or DDIM",
    "edm": "EDM Euler or EDM DPM++ 2M",
    "flow": "Flow Euler or Flow Heun",
}


class FitError(ValueError):
    """A setting that does not suit the model. `field`: its name in `Sampling`; `message`: why, with the remedy."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"sampling.{field}: {message}")
        self.field, self.message = field, message


def demand_fit(profile: Profile, sampling: Sampling) -> None:
    """Raise FitError if the profile's model cannot generate with these settings, judging by its configs alone.

    A part without a readable config is not judged: loading it says what is wrong.
    """
    if (own := config_of(profile.folder("scheduler") / "scheduler_config.json")) is None:
        if sampling.scheduler is not None:
            _known(sampling.scheduler)
    else:
        demand_scheduler(sampling, own)
    vae = config_of(profile.folder("vae") / "config.json")
    f = 1 if vae is None else 1 << (len(vae.get("block_out_channels", [0])) - 1)
    for side in (sampling.width, sampling.height):
        if side % f:
            field = "resolution" if sampling.size is None else "size"
            raise FitError(field, f"{side} is not a multiple of {f}, as profile {profile.name!r} needs; choose one")


def demand_scheduler(sampling: Sampling, own: Mapping[str, Any]) -> SchedulerRecord | None:
    """Return the scheduler to generate with, None if it is the model's own and unknown here.

    `own`: the config of the model's scheduler. Raises FitError, as `demand_fit` does.
    """
    builds = str(own.get("_class_name", ""))
    trained = process_of(builds)
    record = find_scheduler(builds) if sampling.scheduler is None else _known(sampling.scheduler)
    if record is not None and record.process != trained:
        raise FitError(
            "scheduler",
            f"{record.name} is for models trained {_TRAINED[record.process]}, and this model was trained "
            f"{_TRAINED[trained]}; choose for example {_SUITABLE[trained]}",
        )
    if sampling.inversion > 0:
        demand_invertible(own, sampling.steps)
    if record is None:
        return None
    if sampling.eta > 0 and not record.eta:
        raise FitError("eta", f"{record.name} has none; set eta to 0, or choose DDIM or TCD")
    most = own.get("original_inference_steps", record.max_steps) if record.max_steps is not None else None
    if most is not None and sampling.steps > most:
        raise FitError("steps", f"{sampling.steps} is more than the {most} that {record.name} takes; choose fewer")
    return record


def demand_invertible(own: Mapping[str, Any], steps: int) -> None:
    """Raise FitError if a model cannot be inverted by DDIM in these steps. `own`: as in `demand_scheduler`."""
    trained, predicts = process_of(str(own.get("_class_name", ""))), own.get("prediction_type", "epsilon")
    if trained != "diffusion":
        why = f"a model that was trained {_TRAINED[trained]} has no DDIM inversion"
    elif predicts not in ("epsilon", "v_prediction"):
        why = f"a model that predicts {predicts} has no DDIM inversion"
    elif steps < 2:
        why = "a single step cannot be inverted"
    else:
        return
    raise FitError("inversion", f"{why}; set inversion to 0")


def _known(name: str) -> SchedulerRecord:
    try:
        return known_scheduler(name)
    except PluginError as error:
        raise FitError("scheduler", str(error)) from error
