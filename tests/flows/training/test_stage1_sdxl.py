"""Stage 1 of Stable Diffusion XL, conditioned by its depth ControlNet: it resumes, and what is learned generates."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from dreamtuner.families.registry import load_backbone
from dreamtuner.models.encoders.add import add_encoder
from dreamtuner.models.encoders.file import EncoderFile
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.train.data.prepared import InFolder, PreparedImages
from flows.resources import Resources
from flows.settings import Settings
from flows.training.eyes import PrepareOptions
from tests.flows.training.kitchen import SETTINGS, Kitchen, draw, same, train, write_deep_clip
from tests.standins import controlnet_of, sdxl_components, write_sdxl

# inside diffusers
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")]


@pytest.fixture
def installed(settings: Settings, tmp_path: Path) -> Settings:
    """A profile with a tiny SDXL, its CLIP model and its depth ControlNet."""
    write_sdxl(tmp_path / "xl")
    write_deep_clip(tmp_path / "clip")
    controlnet_of(sdxl_components()["unet"]).save_pretrained(tmp_path / "depth")
    content = {"weights": str(tmp_path / "xl"), "clip": str(tmp_path / "clip"), "resolution": 64}
    content |= {"controlnets": {"depth": str(tmp_path / "depth")}, "licence": "CreativeML-OpenRAIL-M"}
    (settings.home / "profiles").mkdir(parents=True)
    (settings.home / "profiles" / "xl.yaml").write_text(yaml.safe_dump(content))
    return settings


def test_two_steps_of_sdxl_resume_and_are_used_in_a_generation(installed: Settings, tmp_path: Path):
    profile = Resources.open(installed).profile("xl")
    data = str(tmp_path / "out")
    Kitchen(profile, installed, PrepareOptions(given=("depth",), per_shard=8)).prepare(
        str(draw(tmp_path / "data", 8)), data
    )
    loop = SETTINGS.loop.model_copy(update={"steps": 2, "lr": 1e-2, "warmup": 0, "preview_every": 2})
    steps = SETTINGS.model_copy(update={"loop": loop})
    whole = train(profile, data, tmp_path / "unbroken", steps)
    assert train(profile, data, tmp_path / "parts", steps, minutes=0.0).steps == 1
    done = train(profile, data, tmp_path / "parts", steps)
    assert done.file is not None
    same(tmp_path / "unbroken", tmp_path / "parts")
    assert "identity" in whole.last
    facts = EncoderFile.read(done.file).facts
    assert (facts["steps"], facts["controlnet"]) == (2, True)
    folders = installed.profile_folders
    add_encoder(done.file, "xl", folders=folders, models=installed.home / "models", force=False, say=lambda line: None)
    backbone = load_backbone(Resources.open(installed).profile("xl"))
    sample = PreparedImages(InFolder(Path(data)))[0]
    (image,) = backbone.decode(sample.x0[None].float())
    reference = Reference(image, sample.mask, sample.caption)
    sampling = Resources.open(installed).profile("xl").sampling("natural", steps=2, resolution=64)
    pictures = [
        np.asarray(
            generate(
                backbone, reference, [Cell("a ball", 1)], sampling.model_copy(update={"beta": beta, "w_ref": 0.0})
            )[0]
        )
        for beta in (0.0, 1.0)
    ]
    assert np.abs(pictures[0].astype(int) - pictures[1].astype(int)).max() > 0, "the encoder is used"
