"""ControlNets of a pipeline by the kind of control image that they read."""

from collections.abc import Mapping, Sequence
from typing import Any

from diffusers import ControlNetModel, MultiControlNetModel

from dreamtuner.models.layouts import OWN_FIELDS, Kind, in_order, kind_name

_EXAMPLE = "such as control_kinds=['pose'], one name for each ControlNet in its order"


def nets_of(controlnet: Any) -> list[Any]:
    """Return the ControlNets of the component `controlnet`: none, one, or those of a `MultiControlNetModel`."""
    if controlnet is None:
        return []
    return list(controlnet.nets) if isinstance(controlnet, MultiControlNetModel) else [controlnet]


def check_kinds(controlnet: Any, kinds: Sequence[str] | None, taken: Sequence[Kind]) -> list[Kind] | None:
    """Return the kinds of the component `controlnet`, by their own names. `taken`: those that have another ControlNet.

    Raises:
        ValueError: they are not one for each ControlNet, or two have the same.
    """
    nets = nets_of(controlnet)
    if not nets and not kinds:
        return None
    if not kinds:
        raise ValueError(f"controlnet: the kind of control image that it reads is not known; give it, {_EXAMPLE}")
    if isinstance(kinds, str) or len(kinds) != len(nets):
        raise ValueError(f"control_kinds: {kinds!r} for {len(nets)} ControlNets; give a list, {_EXAMPLE}")
    try:
        named = [kind_name(kind) for kind in kinds]
    except ValueError as invalid:
        raise ValueError(f"control_kinds: {invalid}") from None
    if twice := [kind for i, kind in enumerate(named) if kind in (*named[:i], *taken)]:
        raise ValueError(f"control_kinds: there are two ControlNets for {twice[0]}; leave one out")
    return named


def as_components(controlnets: Mapping[Kind, ControlNetModel]) -> dict[str, Any]:
    """Return the arguments of a pipeline that hold these ControlNets."""
    own = {f"controlnet_{kind}": one for kind, one in controlnets.items() if kind in OWN_FIELDS}
    kinds = [kind for kind in in_order(controlnets) if kind not in OWN_FIELDS]
    if not kinds:
        return own
    nets = [controlnets[kind] for kind in kinds]
    return {**own, "controlnet": nets[0] if len(nets) == 1 else MultiControlNetModel(nets), "control_kinds": kinds}


def image_argument(kind: Kind) -> str:
    """Return the name of the argument that takes control images of a kind."""
    return f"{kind}_image" if kind in OWN_FIELDS else f"control_images.{kind}"


def reference_argument(kind: Kind) -> str:
    """Return the name of the argument that takes a reference's own control images of a kind."""
    return f"reference_{kind}" if kind in OWN_FIELDS else f"reference_control_images.{kind}"


def by_kind(name: str, own: Mapping[Kind, Any], others: Mapping[str, Any] | None) -> dict[Kind, Any]:
    """Join `own` and the argument `name`, without None. Raises ValueError if a kind is in both, or is none."""
    given = {kind: value for kind, value in own.items() if value is not None}
    for stated, value in (others or {}).items():
        try:
            kind = kind_name(stated)
        except ValueError as invalid:
            raise ValueError(f"{name}: {invalid}") from None
        if kind in given:
            raise ValueError(f"{name}: {kind} is given twice; leave one out")
        if value is not None:
            given[kind] = value
    return given
