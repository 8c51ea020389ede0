"""Maskers by IS-Net in ONNX, on the CPU: any object (`isnet`) and anime characters (`anime`).

Qin et al., "Highly Accurate Dichotomous Image Segmentation", ECCV 2022. Pre- and post-processing are those of the two
releases: DIS (the image resized to 1024 x 1024, less 0.5; the output scaled to its range) and SkyTNT's
anime-segmentation (resized to 1024 pixels at the longer side, padded with black; the output as it is).
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dreamtuner.models.auxiliary.place import auxiliary_variable
from dreamtuner.models.hashes import file_sha256
from dreamtuner.models.weights import WeightsMissingError
from dreamtuner.plugins import PluginError
from dreamtuner.preprocess.backends.auxiliary import AuxiliaryBackend
from dreamtuner.preprocess.foreground import ForegroundMask
from dreamtuner.preprocess.maskers import MISSING

SIDE = 1024
SURE, UNLIKELY = 0.9, 0.1

Floats = NDArray[np.float32]


class AnimeMasker(AuxiliaryBackend):
    """Segments anime characters by the model `anime-seg`.

    Confidence is the share of pixels above 0.9 among those above 0.1: low where the network is of two minds. The
    threshold was not measured.
    """

    name = "anime"
    model = "anime-seg"
    threshold = 0.75

    def cut(self, image: Image.Image) -> ForegroundMask:
        """Return the mask of an RGB image, of its size.

        Raises:
            WeightsMissingError: the model is not on this machine.
            PluginError: onnxruntime is not installed, or the file is no such model.
        """
        session = _session(self.place(), self.version)
        rgb = np.asarray(image.convert("RGB")).astype(np.float32) / np.float32(255)
        soft = self.soft(session, rgb)
        likely = float((soft > UNLIKELY).sum())
        confidence = float((soft > SURE).sum()) / likely if likely else 0.0
        mask = Image.fromarray(np.where(soft > 0.5, 255, 0).astype(np.uint8))
        return ForegroundMask(mask, confidence, f"{self.name}-{self.version}", doubtful=confidence < self.threshold)

    def soft(self, session: Any, rgb: Floats) -> Floats:
        """Return probabilities 0..1 of shape (H, W) for an image (H, W, 3) in 0..1."""
        height, width = rgb.shape[:2]
        scale = SIDE / max(height, width)
        inner_height, inner_width = (max(1, int(scale * side)) for side in (height, width))
        top, left = (SIDE - inner_height) // 2, (SIDE - inner_width) // 2
        padded = np.zeros((SIDE, SIDE, 3), np.float32)
        padded[top : top + inner_height, left : left + inner_width] = cv2.resize(rgb, (inner_width, inner_height))
        found = _run(session, padded)[top : top + inner_height, left : left + inner_width]
        return np.asarray(cv2.resize(found, (width, height)), dtype=np.float32)


class IsnetMasker(AnimeMasker):
    """Segments the most salient object by an ONNX file of one's own, which DREAMTUNER_ISNET_WEIGHTS names."""

    name = "isnet"
    model = "isnet"

    @property
    def models(self) -> tuple[str, ...]:
        """Return (): its model is not one that can be fetched."""
        return ()

    @property
    def version(self) -> str:
        """`<computation>-<first 12 digits of the file's SHA-256>`."""
        file = _own_file()
        return f"{self.computation}-{file_sha256(file)[:12] if file is not None else MISSING}"

    def place(self) -> Path:
        """Return the file. Raises WeightsMissingError if there is none."""
        file = _own_file()
        if file is None:
            raise WeightsMissingError(
                f"the masker isnet has no model; set {auxiliary_variable('isnet')} to an ONNX file of IS-Net"
            )
        return file

    def soft(self, session: Any, rgb: Floats) -> Floats:
        """Return the output, scaled to its range, as (H, W) in 0..1 for an image (H, W, 3) in 0..1."""
        height, width = rgb.shape[:2]
        found = _run(session, cv2.resize(rgb, (SIDE, SIDE)).astype(np.float32) - np.float32(0.5))
        resized = np.asarray(cv2.resize(found, (width, height)), dtype=np.float32)
        low, high = float(resized.min()), float(resized.max())
        return (resized - np.float32(low)) / np.float32(max(high - low, 1e-9))


def _own_file() -> Path | None:
    stated = os.environ.get(auxiliary_variable("isnet"))
    file = Path(stated).expanduser().absolute() if stated else None
    return file if file is not None and file.is_file() else None


def _run(session: Any, pixels: Floats) -> Floats:
    """Return the first output, (SIDE, SIDE), for pixels of shape (SIDE, SIDE, 3)."""
    name = session.get_inputs()[0].name
    try:
        found = np.asarray(session.run(None, {name: np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])})[0])
    except Exception as error:  # onnxruntime's exceptions have no common base
        raise PluginError(f"the model does not take an image of {SIDE} x {SIDE}: {error}; use an IS-Net") from error
    if found.shape != (1, 1, SIDE, SIDE):
        raise PluginError(f"the model gave an output of shape {found.shape}, not (1, 1, {SIDE}, {SIDE}); use an IS-Net")
    return np.asarray(found[0, 0], dtype=np.float32)


@lru_cache(maxsize=2)
def _session(file: Path, version: str) -> Any:
    """Open a model. `version` is part of the key: it changes when the file does."""
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise PluginError("onnxruntime is not installed; pip install 'dreamtuner[eyes]'") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common base
        raise PluginError(f"{file} cannot be read as an ONNX model ({error}); fetch or export it again") from error
