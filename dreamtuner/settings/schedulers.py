"""Schedulers by the names people know them by: the class that each stands for, and its options.

A name is found however it is written: `DPM++ 2M Karras`, `dpmpp_2m_karras` and `dpm++ 2m karras` are one. Besides the
names of common user interfaces, diffusers' class names are known. Needs no torch: `families.schedulers` builds them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dreamtuner.plugins import PluginError, Registry, UnknownNameError

Process = Literal["diffusion", "edm", "flow"]
"""What the model was trained on: discrete noise (DDPM), noise by sigma (EDM, arXiv 2206.00364), or a rectified flow."""


@dataclass(frozen=True)
class SchedulerRecord:
    """One scheduler.

    Attributes:
        name: its name in specs, recipes and profiles.
        builds: a class of diffusers, or "module:Class" of another package with the same interface.
        options: arguments of the class that replace those of the model's own scheduler.
        aliases: other names; case, spaces and punctuation do not matter, and "++" is read as "pp".
        process: the models that it suits, by their training.
        eta: whether its steps take `eta`.
        max_steps: the most steps that it takes, unless the model's own config states more; None: no limit.
    """

    name: str
    builds: str
    options: Mapping[str, Any] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    process: Process = "diffusion"
    eta: bool = False
    max_steps: int | None = None


SPACINGS: Mapping[str, Mapping[str, Any]] = {
    "": {},
    "Karras": {"use_karras_sigmas": True},
    "Exponential": {"use_exponential_sigmas": True},
    "SGM Uniform": {"timestep_spacing": "trailing"},
}
"""How noise levels are spaced over the steps, by the suffix of the name; the first is the model's own."""


def _spaced(
    name: str, builds: str, aliases: tuple[str, ...], *spacings: str, **options: Any
) -> Iterator[SchedulerRecord]:
    for spacing in ("", *spacings):
        named = [f"{one} {spacing}".strip() for one in (name, *aliases)]
        yield SchedulerRecord(named[0], builds, {**options, **SPACINGS[spacing]}, tuple(named[1:]))


_DPM, _SDE = "DPMSolverMultistepScheduler", "sde-dpmsolver++"
_ONE_STEP = "DPMSolverSinglestepScheduler"

_ALL = (
    # latents have no range to clip to, but that is these classes' default
    SchedulerRecord("DDIM", "DDIMScheduler", {"clip_sample": False}, ("DDIMScheduler",), eta=True),
    SchedulerRecord("DDPM", "DDPMScheduler", {"clip_sample": False}, ("DDPMScheduler",)),
    SchedulerRecord("PNDM", "PNDMScheduler", {"skip_prk_steps": True}, ("PLMS", "PNDMScheduler")),
    *_spaced("LMS", "LMSDiscreteScheduler", ("LMSDiscreteScheduler", "k_lms"), "Karras"),
    *_spaced("Euler", "EulerDiscreteScheduler", ("EulerDiscreteScheduler", "k_euler"), "Karras", "SGM Uniform"),
    SchedulerRecord(
        "Euler a",
        "EulerAncestralDiscreteScheduler",
        {},
        ("euler_ancestral", "EulerAncestralDiscreteScheduler", "k_euler_a"),
    ),
    *_spaced("Heun", "HeunDiscreteScheduler", ("HeunDiscreteScheduler", "k_heun"), "Karras"),
    *_spaced("DPM2", "KDPM2DiscreteScheduler", ("KDPM2DiscreteScheduler", "k_dpm_2"), "Karras"),
    *_spaced(
        "DPM2 a",
        "KDPM2AncestralDiscreteScheduler",
        ("dpm_2_ancestral", "KDPM2AncestralDiscreteScheduler", "k_dpm_2_a"),
        "Karras",
    ),
    *_spaced(
        "DPM++ 2M",
        _DPM,
        (_DPM,),
        "Karras",
        "Exponential",
        "SGM Uniform",
        algorithm_type="dpmsolver++",
        solver_order=2,
    ),
    *_spaced("DPM++ 2M SDE", _DPM, ("dpmpp_2m_sde_gpu",), "Karras", "Exponential", algorithm_type=_SDE, solver_order=2),
    *_spaced("DPM++ 3M", _DPM, (), "Karras", algorithm_type="dpmsolver++", solver_order=3),
    *_spaced("DPM++ 3M SDE", _DPM, ("dpmpp_3m_sde_gpu",), "Karras", "Exponential", algorithm_type=_SDE, solver_order=3),
    *_spaced(
        "DPM++ 2S",
        _ONE_STEP,
        (_ONE_STEP,),
        "Karras",
        algorithm_type="dpmsolver++",
        solver_order=2,
        lower_order_final=True,
    ),
    # not DPMSolverSDEScheduler, whose noise is one tree for a whole batch: here each image has its own
    *_spaced(
        "DPM++ SDE",
        _ONE_STEP,
        ("dpmpp_sde_gpu", "DPMSolverSDEScheduler"),
        "Karras",
        algorithm_type=_SDE,
        solver_order=2,
        lower_order_final=True,
    ),
    *_spaced("UniPC", "UniPCMultistepScheduler", ("UniPCMultistepScheduler", "uni_pc_bh2"), "Karras"),
    *_spaced("DEIS", "DEISMultistepScheduler", ("DEISMultistepScheduler",), "Karras"),
    SchedulerRecord("LCM", "LCMScheduler", {}, ("LCMScheduler",), max_steps=50),
    SchedulerRecord("TCD", "TCDScheduler", {}, ("TCDScheduler",), eta=True, max_steps=50),
    SchedulerRecord("EDM Euler", "EDMEulerScheduler", {}, ("EDMEulerScheduler",), process="edm"),
    SchedulerRecord(
        "EDM DPM++ 2M",
        "EDMDPMSolverMultistepScheduler",
        {},
        ("EDM DPM++", "EDMDPMSolverMultistepScheduler"),
        process="edm",
    ),
    *(
        SchedulerRecord(f"Flow {one}", builds, {}, (builds, f"Flow Match {one}"), process="flow")
        for one, builds in (
            ("Euler", "FlowMatchEulerDiscreteScheduler"),
            ("Heun", "FlowMatchHeunDiscreteScheduler"),
            ("LCM", "FlowMatchLCMScheduler"),
        )
    ),
)
BUILTIN: Mapping[str, SchedulerRecord] = {one.name: one for one in _ALL}


def _checked(name: str, found: Any) -> SchedulerRecord:
    record = found[name] if found is BUILTIN else found
    if not isinstance(record, SchedulerRecord) or record.name != name:
        raise PluginError(f"it is not a SchedulerRecord named {name!r}")
    return record


SCHEDULERS: Registry[SchedulerRecord] = Registry(
    "scheduler", "dreamtuner.schedulers", dict.fromkeys(BUILTIN, f"{__name__}:BUILTIN"), check=_checked
)


def find_scheduler(name: str) -> SchedulerRecord | None:
    """Return the scheduler of this name or alias, or None if there is none. Raises PluginError if it is broken."""
    key = _key(name)
    for one in _ALL:
        if key in map(_key, (one.name, *one.aliases)):
            return SCHEDULERS[one.name]
    for added in SCHEDULERS.added():
        if key == _key(added):
            return SCHEDULERS[added]
    working = (SCHEDULERS[added] for added in SCHEDULERS.added() if added not in SCHEDULERS.broken())
    return next((one for one in working if key in map(_key, one.aliases)), None)


def known_scheduler(name: str) -> SchedulerRecord:
    """Return the scheduler of this name or alias. Raises UnknownNameError, which names the nearest or all names."""
    found = find_scheduler(name)
    if found is not None:
        return found
    names = SCHEDULERS.names()
    by_key = {_key(one): one for one in names}
    near = [by_key[one] for one in difflib.get_close_matches(_key(name), by_key, n=3)]
    advice = f"did you mean {' or '.join(near)}?" if near else f"choose one of: {', '.join(names)}"
    raise UnknownNameError(f"there is no scheduler {name!r}; {advice}")


def process_of(builds: str) -> Process:
    """Return what models are trained on whose own scheduler is this class of diffusers."""
    found = next((one for one in _ALL if one.builds == builds), None)
    if found is not None:
        return found.process
    return "edm" if builds.startswith("EDM") else "flow" if builds.startswith("FlowM") else "diffusion"


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().replace("++", "pp"))
