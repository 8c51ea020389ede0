"""Builds the scheduler that settings name, from the config of the model's own: betas, prediction type and spacing.

The model was trained on its own noise levels, so every scheduler must have them. Classes that cannot rescale betas to
zero terminal SNR (arXiv 2305.08891) are given the rescaled betas, with 2**-24 for the last alpha bar, as the other
classes of diffusers do, because their sigma would be infinite.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import diffusers

from dreamtuner.models.fit import FitError, demand_scheduler
from dreamtuner.settings.sampling import Sampling
from dreamtuner.settings.schedulers import SchedulerRecord

_SPACINGS = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas", "use_flow_sigmas")
SMALLEST = 2.0**-24
"""alpha bar of the last timestep, which at zero terminal SNR would be 0."""


def chosen_scheduler(own: Any, sampling: Sampling) -> Any:
    """Return the scheduler of the settings, or the model's own if they name none: a template for every loop.

    own: the model's scheduler. Raises FitError, which names the field, if scheduler, eta or steps do not suit it.
    """
    record = demand_scheduler(sampling, {**own.config, "_class_name": type(own).__name__})
    scheduler = own if sampling.scheduler is None or record is None else build_scheduler(own, record)
    check_eta(scheduler, sampling.eta)
    return scheduler


def check_eta(scheduler: Any, eta: float) -> None:
    """Raise FitError if eta is above 0 and the scheduler's steps take none."""
    if eta > 0 and "eta" not in inspect.signature(scheduler.step).parameters:
        raise FitError("eta", f"{type(scheduler).__name__} has none; set eta to 0, or choose DDIM or TCD")


def build_scheduler(own: Any, record: SchedulerRecord) -> Any:
    """Return a scheduler with the record's options over the config of the model's own."""
    kind = _class(record)
    known = inspect.signature(kind.__init__).parameters
    options = {name: False for name in _SPACINGS if name in known} | dict(record.options)
    if own.config.get("rescale_betas_zero_snr") and "rescale_betas_zero_snr" not in known and "trained_betas" in known:
        options["trained_betas"] = _betas(own)
    config = {name: value for name, value in own.config.items() if name in known or name.startswith("_")}
    return kind.from_config(config, **options)


def _class(record: SchedulerRecord) -> Any:
    module, colon, name = record.builds.rpartition(":")
    return getattr(import_module(module) if colon else diffusers, name)


def _betas(own: Any) -> list[float]:
    """Return the betas of the model's rescaled alpha bars."""
    abar = own.alphas_cumprod.double().clone()
    abar[-1] = max(float(abar[-1]), SMALLEST)
    alphas = abar.clone()
    alphas[1:] = abar[1:] / abar[:-1]
    betas: list[float] = (1 - alphas).tolist()
    return betas
