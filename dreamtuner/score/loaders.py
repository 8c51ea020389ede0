"""Loads the models that metrics bring, from where auxiliary models are."""

from __future__ import annotations

from dreamtuner.models.auxiliary import require_auxiliary
from dreamtuner.score.aesthetic import AestheticModel, read_head
from dreamtuner.score.clip import ClipModel, load_clip_folder
from dreamtuner.score.dino import DinoModel, load_dino_folder
from dreamtuner.score.lpips import LpipsModel, load_lpips_files


def load_own_clip(name: str, *, device: str) -> ClipModel:
    """Load an auxiliary CLIP model in float32. Raises WeightsMissingError if it is missing."""
    return load_clip_folder(require_auxiliary(name), device=device)


def load_dino(name: str, *, device: str) -> DinoModel:
    """Load an auxiliary DINO model in float32. Raises WeightsMissingError if it is missing."""
    return load_dino_folder(require_auxiliary(name), device=device)


def load_aesthetic(clip: str, head: str, *, device: str) -> AestheticModel:
    """Load a CLIP model and the head that rates its embeddings.

    Raises:
        WeightsMissingError: one of them is missing.
        ValueError: they do not fit together.
    """
    file = require_auxiliary(head)
    weight, bias = read_head(file)
    model = load_own_clip(clip, device=device)
    if weight.shape[0] != model.model.config.projection_dim:
        raise ValueError(
            f"{file} rates embeddings of {weight.shape[0]} numbers, {clip} gives {model.model.config.projection_dim}; "
            "use the head of this model"
        )
    return AestheticModel(model, weight, bias)


def load_lpips(alexnet: str, linear: str, *, device: str) -> LpipsModel:
    """Load the two auxiliary models of LPIPS.

    Raises:
        WeightsMissingError: one of them is missing.
        ValueError: one of them is another model.
    """
    return load_lpips_files(require_auxiliary(alexnet), require_auxiliary(linear), device=device)
