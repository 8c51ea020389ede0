"""What is told of a picture that leaves: what it was made from, and by which numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from storage.catalog.views import OutputDetail
from storage.redaction import redact_values

RECIPE_KEY = "dreamtuner"
"""The text chunk of a generated PNG that holds its recipe (flows.image_io writes it)."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """`cell`: the digest of the picture's cell; `recipe`: JSON of all that decided its pixels.

    `parents`: label, such as "weights of pocket", to the SHA-256 of what it was made from.
    """

    cell: str
    prompt: str = ""
    negative_prompt: str = ""
    seed: int = 0
    profile: str = ""
    weights_digest: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)


def facts_of(one: OutputDetail, recipe: str | None = None) -> Facts:
    """Collect the facts of an output. `recipe`: the JSON in its PNG, where there is one."""
    settings = one.settings
    given = {"reference": one.reference_sha256, "mask": one.mask_sha256, "checkpoint": one.checkpoint_sha256}
    parents = {label: sha256 for label, sha256 in given.items() if sha256 is not None}
    for other in one.subjects:
        if other.position != one.subjects[0].position:
            given = {f"reference of subject {other.position + 1}": other.reference_sha256}
            given |= {f"mask of subject {other.position + 1}": other.mask_sha256}
            parents |= {label: sha256 for label, sha256 in given.items() if sha256 is not None}
    parents |= {f"reference's {kind}": sha256 for kind, sha256 in one.reference_controls.items()}
    parents |= {"pose": one.pose} if one.pose is not None else {}
    parents[f"weights of {one.profile}"] = one.weights_digest
    parents |= {f"{kind} ControlNet": digest for kind, digest in (settings.get("controlnets") or {}).items()}
    parents |= settings.get("adapters") or {}
    return Facts(
        cell=one.digest,
        prompt=one.prompt,
        negative_prompt=str(settings.get("negative_prompt") or ""),
        seed=one.seed,
        profile=one.profile,
        weights_digest=one.weights_digest,
        sampling=settings.get("sampling") or {},
        recipe=redact_values(_parsed(recipe) or dict(settings) | {"prompt": one.prompt, "seed": one.seed}),
        parents=parents,
    )


def _parsed(recipe: str | None) -> dict[str, Any] | None:
    try:
        found = json.loads(recipe or "null")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
