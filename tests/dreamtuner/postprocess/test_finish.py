"""Finishing steps: what they change, what they leave, and what cannot be used."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import Swin2SRConfig, Swin2SRForImageSuperResolution

from dreamtuner.postprocess.finish import finished
from dreamtuner.postprocess.upscalers import UpscalerError, check_upscaler, enlarged
from dreamtuner.settings.recipe_fields import to_fields
from dreamtuner.settings.sampling import Sampling


@pytest.fixture(scope="module")
def swin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Swin2SR of random weights that doubles images, in the folder that transformers saves."""
    config = Swin2SRConfig(embed_dim=8, depths=[1], num_heads=[2], window_size=8, upscale=2, image_size=16)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Swin2SRForImageSuperResolution(config)
    model.save_pretrained(folder := tmp_path_factory.mktemp("swin"))
    return folder


def picture(width: int = 40, height: int = 36) -> Image.Image:
    image = Image.new("RGB", (width, height), "white")
    image.paste("#402010", (8, 6, 30, 34))
    return image


def test_without_steps_an_image_is_what_it_was() -> None:
    image = picture()
    assert finished([image], Sampling(), {}) == [image]


@pytest.mark.parametrize("scale", [1.5, 2, 3.25])
def test_an_upscaler_gives_the_size_that_was_asked_for(swin: Path, scale: float) -> None:
    image = picture(39, 35)
    size = (round(39 * scale), round(35 * scale))
    assert enlarged(image, scale, "lanczos", {}).size == size
    assert enlarged(image, scale, "swin", {"swin": swin}).size == size


def test_a_model_enlarges_as_transformers_does(swin: Path) -> None:
    image = picture(40, 40)
    model = Swin2SRForImageSuperResolution.from_pretrained(swin).eval()
    pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None].float() / 255
    padded = torch.nn.functional.pad(pixels, (0, 8, 0, 8), mode="reflect")  # less than a window changes little inside
    with torch.inference_mode():
        expected = (model(padded).reconstruction[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    found = np.asarray(enlarged(image, 2, "swin", {"swin": swin}))
    assert np.abs(found[:64, :64].astype(int) - expected[:64, :64]).max() <= 1


def test_a_cut_out_keeps_the_colours_and_gains_the_mask() -> None:
    image = picture()
    [cut] = finished([image], Sampling(upscale=2, cutout="grabcut"), {})
    assert (cut.mode, cut.size) == ("RGBA", (80, 72))
    assert np.array_equal(np.asarray(cut.convert("RGB")), np.asarray(image.resize((80, 72), Image.Resampling.LANCZOS)))
    alpha = np.asarray(cut.getchannel("A"))
    assert alpha[40, 40] == 255
    assert alpha[2, 2] == 0


@pytest.mark.parametrize(
    ("name", "files", "said"),
    [
        ("esrgan", {}, r"there is no upscaler 'esrgan'; choose one of: lanczos"),
        ("esrgan", {"esrgan": Path("/nowhere/x.pth")}, r"'esrgan': /nowhere/x\.pth is missing; put it there"),
    ],
)
def test_an_upscaler_that_cannot_be_used_is_named(name: str, files: dict[str, Path], said: str) -> None:
    with pytest.raises(UpscalerError, match=said):
        check_upscaler(name, files)
    check_upscaler(None, {})


def test_a_single_file_without_spandrel_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.pth").write_bytes(b"x")
    monkeypatch.setitem(__import__("sys").modules, "spandrel", None)
    with pytest.raises(UpscalerError, match=r"'x': .*spandrel.*pip install spandrel"):
        check_upscaler("x", {"x": tmp_path / "x.pth"})


def test_settings_of_steps_that_are_not_taken_change_no_recipe() -> None:
    assert to_fields(Sampling(second_strength=0.8, upscaler="lanczos")) == to_fields(Sampling())
    assert to_fields(Sampling(upscale=2, upscaler="lanczos")) == to_fields(Sampling(upscale=2))
    assert Sampling(second_pass=2, upscale=2, cutout="grabcut").without_adapters() == Sampling()
