"""The aesthetic score: how people would rate an image, predicted from its CLIP embedding by LAION's small head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image

from dreamtuner.score.metric import Input
from dreamtuner.score.own_model import OwnModelMetric
from dreamtuner.score.tensor_file import read_tensors


class Aesthetic(OwnModelMetric):
    """Predicted rating of an image, about 1..10, whatever reference and prompt are.

    Schuhmann et al., "LAION-5B", 2022, and the predictor trained on SAC, Logos and AVA: five linear layers, 768 to 1,
    without activations, over the unit vector of OpenAI's ViT-L/14. It was trained on photographs and paintings rated on
    the web, and carries the taste of those who rated.
    """

    name: ClassVar[str] = "aesthetic_l14"
    takes: ClassVar[tuple[Input, ...]] = ()
    models = ("clip-vit-l14", "aesthetic-l14")
    loader: ClassVar[str] = "dreamtuner.score.loaders:load_aesthetic"

    def score(self, model: AestheticModel, images: Sequence[Image.Image]) -> list[float]:
        """Return one rating per image."""
        return model.ratings(images) if images else []


@dataclass(frozen=True, eq=False)
class AestheticModel:
    """A CLIP model, and its head as one linear map: `weight` (D), `bias`."""

    clip: Any
    weight: Any
    bias: Any

    def ratings(self, images: Sequence[Image.Image]) -> list[float]:
        """Rate images, about 1..10 each."""
        found: list[float] = (self.clip.embed_images(images) @ self.weight + self.bias).tolist()
        return found


def read_head(file: Path) -> tuple[Any, Any]:
    """Read a head of linear layers, safetensors or a pickle of tensors alone, as one map: weight (D), bias ().

    The layers are multiplied in float64. Raises ValueError if the file has other layers, or they do not fit together.
    """
    tensors = read_tensors(file)
    weights = sorted((name for name in tensors if name.endswith("weight")), key=_number)
    if not weights or any(tensors[one].ndim != 2 for one in weights) or tensors[weights[-1]].shape[0] != 1:
        raise ValueError(f"{file} is not a head of linear layers with one output")
    matrix: Any = None
    bias: Any = None
    for name in weights:
        layer = tensors[name].double()
        shift = tensors[f"{name.removesuffix('weight')}bias"].double()
        if matrix is not None and layer.shape[1] != matrix.shape[0]:
            raise ValueError(f"{file}: {name} takes {layer.shape[1]} numbers, the layer before gives {matrix.shape[0]}")
        matrix = layer if matrix is None else layer @ matrix
        bias = shift if bias is None else layer @ bias + shift
    return matrix[0].float(), bias[0].float()


def _number(name: str) -> int:
    digits = "".join(one for one in name if one.isdigit())
    return int(digits or 0)
