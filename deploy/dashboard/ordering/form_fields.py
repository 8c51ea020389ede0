"""What an order's form needs beside the draft itself: choices, further fields, and how places are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.dashboard.eyes.backends import MASK, backends_of, kinds_with_backends
from deploy.dashboard.ordering.choices import metric_choices, profiles
from deploy.dashboard.ordering.draft import LISTS, WITHOUT, Draft, name_of
from deploy.dashboard.ordering.fields import FINETUNE, SAMPLING, finetune_numbers, sampling_numbers
from deploy.dashboard.ordering.scenes import TOGETHER, scene_prompts
from deploy.dashboard.prefect_api import PrefectApi
from dreamtuner.models.profiles import DEFAULT_PROFILE
from flows.spec.model import Spec
from storage.catalog.records import CAPTION
from storage.catalog.views import OrderFileView
from storage.sources import object_digest, object_place


@dataclass(frozen=True)
class Place:
    """A control image that an order may have. `sha256`: of one that can be shown; `chosen`: the order has it."""

    value: str
    title: str
    sha256: str | None
    chosen: bool


def form_context(draft: Draft, images: Mapping[str, Sequence[OrderFileView]], prefect: PrefectApi) -> dict[str, Any]:
    """Return what the templates of the form need."""
    profile, learns = draft.profile, draft.get("finetune") is not None
    usual: tuple[str, ...] = ()
    if profile is not None:
        usual = profile.score if profile.score is not None else ("clip_i", "clip_t")
    return {
        "profiles": profiles(prefect),
        "profile": str(draft.get("profile") or DEFAULT_PROFILE),
        "metrics": metric_choices(),
        "usual_metrics": usual,
        "maskers": [one.name for one in backends_of(MASK)],
        "captioners": [one.name for one in backends_of(CAPTION)],
        "estimators": {kind: [one.name for one in backends_of(kind)] for kind in kinds_with_backends()},
        "sampling": sampling_numbers(profile, draft.numbers(SAMPLING), learnt=learns),
        "finetune": finetune_numbers(profile, draft.numbers(FINETUNE)),
        "scene_prompts": scene_prompts(draft.get(TOGETHER)),
        "places": {key: _places(draft, key, images[key]) for key in LISTS},
        "written": {name_of(one): len(one) - 1 for one in draft.entries if isinstance(one, dict) and len(one) > 1},
        "unsaid": unsaid(draft),
    }


def _places(draft: Draft, key: str, offered: Sequence[OrderFileView]) -> list[Place]:
    """Return the control images of the order, then those that are offered; the first is none."""
    chosen = draft.places(key)
    titles = {object_place(one.sha256): one.name for one in offered}
    every = dict.fromkeys((WITHOUT, *chosen, *titles))
    return [
        Place(one, "without" if one == WITHOUT else titles.get(one) or one, object_digest(one), one in chosen)
        for one in every
    ]


def unsaid(draft: Draft) -> list[str]:
    """List the keys of the YAML that the form has no field for; they are kept as they are written."""
    fields = set(Spec.model_fields) - {"controls"}
    return [str(key) for key in draft.content or () if key not in fields]
