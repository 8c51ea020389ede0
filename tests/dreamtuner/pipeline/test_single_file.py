"""A pipeline from one file, offline: it generates what stock diffusers generates with the configs beside it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from dreamtuner.families.unet.conversion.convert import convert
from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.pipeline import DreamTunerPipeline
from dreamtuner.sampling.request import Reference
from tests.single_files import write_single_file

CALL = {"height": 32, "width": 32, "num_inference_steps": 1, "guidance_scale": 4.0, "output_type": "np"}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.slow
def test_one_file_is_enough(tmp_path: Path, pip: Reference) -> None:
    file = tmp_path / "tiny.safetensors"
    parts = write_single_file("sd15", file, torch.float32)
    pipe = DreamTunerPipeline.from_single_file(file)
    for part, model in parts.items():
        found, expected = getattr(pipe, part).state_dict(), model.state_dict()
        assert all(torch.equal(one, found[name]) for name, one in expected.items()), part
    convert(file, tmp_path / "folder")
    stock = StableDiffusionPipeline.from_pretrained(tmp_path / "folder", safety_checker=None, local_files_only=True)
    beside = DreamTunerPipeline.from_single_file(str(file), config=str(tmp_path / "folder"), local_files_only=True)
    made = []
    for one in (stock, pipe, beside):
        one.set_progress_bar_config(disable=True)
        made.append(one("a cat!", **CALL, generator=torch.Generator().manual_seed(0)).images)
    # in the last bits kernels may depend on where equal weights lie in memory
    np.testing.assert_allclose(made[1], made[0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(made[2], made[0], rtol=0, atol=1e-5)
    shown = {"reference_image": pip.image, "reference_mask": pip.mask, "reference_caption": "a bear"}
    generator = torch.Generator().manual_seed(0)
    assert not np.allclose(pipe("a cat!", **CALL, **shown, generator=generator).images, made[0], rtol=0, atol=1e-3)


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    write_single_file("sd21", tmp_path / "two.safetensors")
    with pytest.raises(IntakeError, match="do not tell what the U-Net predicts"):
        DreamTunerPipeline.from_single_file(tmp_path / "two.safetensors")
    stated = DreamTunerPipeline.from_single_file(tmp_path / "two.safetensors", config="sd21", dtype=torch.float32)
    assert stated.scheduler.config.prediction_type == "v_prediction"
    write_single_file("sdxl", tmp_path / "xl.safetensors")
    with pytest.raises(ValueError, match=r"xl.safetensors is of kind sdxl; this pipeline is for"):
        DreamTunerPipeline.from_single_file(tmp_path / "xl.safetensors")
    with pytest.raises(ValueError, match=r"config: sd15 is for a local .safetensors file; write old.ckpt as one"):
        DreamTunerPipeline.from_single_file(tmp_path / "old.ckpt", config="sd15")
