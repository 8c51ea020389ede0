"""Turns what the catalog knows of outputs into what stacks and triage compute with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreamtuner.curation.perceptual_hash import HASH_VERSION
from dreamtuner.curation.signs import Signs
from dreamtuner.curation.stacks import Look
from storage.catalog.views import OutputSigns


def look_of(sign: OutputSigns) -> Look | None:
    """Return what the output looks like; None if that is missing, or of another version."""
    if sign.phash is None or sign.structure is None or sign.hash_version != HASH_VERSION:
        return None
    return Look(phash=sign.phash, structure=sign.structure)


def known_of(sign: OutputSigns) -> Signs:
    """Return what triage knows of the output."""
    look = look_of(sign)
    return Signs(
        subject=str(sign.subject_id),
        prompt=sign.prompt,
        scores=sign.scores,
        vector=_vector(sign.vector),
        reference=_vector(sign.reference_vector if sign.reference_model == sign.model else None),
        model=sign.model,
        structure=None if look is None else look.structure,
        reference_structure=None if look is None else sign.reference_structure,
    )


def _vector(packed: bytes | None) -> NDArray[np.float32] | None:
    return None if packed is None else np.frombuffer(packed, dtype="<f2").astype(np.float32)
