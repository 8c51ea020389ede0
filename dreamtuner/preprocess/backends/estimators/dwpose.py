"""Poses by DWPose in ONNX: people by YOLOX, their keypoints by a distilled RTMPose, drawn as OpenPose draws them.

Yang et al., "Effective Whole-body Pose Estimation with Two-stages Distillation", 2023.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from PIL import Image

from dreamtuner.preprocess.backends.auxiliary import AuxiliaryBackend
from dreamtuner.preprocess.backends.estimators.keypoints import keypoints_in
from dreamtuner.preprocess.backends.estimators.openpose import drawn, person
from dreamtuner.preprocess.backends.estimators.person_boxes import person_boxes
from dreamtuner.preprocess.estimators import Estimate

DETECTOR, POSE = "yolox_l.onnx", "dw-ll_ucoco_384.onnx"


class DWPose(AuxiliaryBackend):
    """Estimates the skeletons of all people in an image: body, hands and face.

    Where nobody is found there is no control image; the release would take the whole image for a person.
    """

    name = "dwpose"
    model = "dwpose"
    kind: ClassVar[str] = "pose"

    def estimate(self, image: Image.Image) -> Estimate:
        """Return the skeletons of an RGB image on black, of its size; None if nobody is found.

        The confidence is the mean score of the visible keypoints of the body.

        Raises:
            WeightsMissingError: the model is not on this machine.
            PluginError: onnxruntime is not installed, or the files are not these models.
        """
        folder, version = self.place(), self.version
        bgr = np.asarray(image.convert("RGB"))[..., ::-1].astype(np.float32)
        boxes = person_boxes(folder / DETECTOR, version, bgr)
        found = [person(keypoints_in(folder / POSE, version, bgr, box)) for box in boxes]
        people = [one for one in found if one is not None]
        if not people:
            what = "people in the image, but no limb of theirs" if found else "no person in the image"
            return Estimate(None, notes=(f"{self.name} found {what}",))
        confidence = sum(one.confidence for one in people) / len(people)
        notes = (f"{self.name} found {len(people)} people, who are all in the pose",) if len(people) > 1 else ()
        return Estimate(drawn(people, image.size), confidence, notes=notes)
