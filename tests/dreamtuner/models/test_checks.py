"""What cannot work is said before anything is loaded, in one sentence with its remedy."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dreamtuner.models.intake.add import take_in
from dreamtuner.models.intake.checks import problems
from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.intake.memory_check import free_memory_bytes, memory_problem, weights_bytes
from dreamtuner.models.profiles import get_profile
from tests.light_models import UNET, clip, lora, stable_diffusion, written


def changed(file: str, **keys: Any) -> Callable[[Path], None]:
    """Change keys of a JSON file of the model."""

    def change(folder: Path) -> None:
        (folder / file).write_text(json.dumps(json.loads((folder / file).read_text()) | keys))

    return change


def cut(file: str, length: int) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / file).write_bytes((folder / file).read_bytes()[:length])

    return change


def replaced(file: str, data: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / file).write_bytes(data) and None


def gone(file: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        shutil.rmtree(folder / file) if (folder / file).is_dir() else (folder / file).unlink()

    return change


def sharded(folder: Path) -> None:
    """An index that names a shard which is not there."""
    one = "diffusion_pytorch_model-0000{}-of-00002.safetensors"
    (folder / UNET).rename(folder / "unet" / one.format(1))
    weights = {"a": one.format(1), "b": one.format(2)}
    written(folder, "unet/diffusion_pytorch_model.safetensors.index.json", {"weight_map": weights})


def encoder(width: int, vision: int = 6) -> Callable[[Path], None]:
    """A subject-encoder for a U-Net whose block has this width."""

    def change(folder: Path) -> None:
        blocks = {"down_blocks.0.attentions.0.transformer_blocks.0": [width, 2]}
        written(folder, "subject_encoder/config.json", {"vision_width": vision, "blocks": blocks})
        written(folder, "subject_encoder/diffusion_pytorch_model.safetensors", {"a": (2,)})
        clip(folder / "tower", width=6)

    return change


REFUSALS = [
    (cut(UNET, 200), r"unet/diff.*safetensors has only \d+ bytes, but its header describes .*: repeat it"),
    (cut(UNET, 20), r"has only 20 bytes, but its header describes"),
    (cut(UNET, 4), r"is not a safetensors file; download it again"),
    (replaced(UNET, b"version https://git-lfs.github.com/spec/v1\noid"), r"is a Git LFS pointer.*git lfs pull"),
    (replaced("text_encoder/pytorch_model.bin", b"PK\3\4cut"), ""),  # not loaded: there are safetensors
    (gone(UNET), r"unet has a config but no weights; the download is incomplete: repeat it"),
    (gone("vae"), r"vae"),
    (gone("tokenizer"), r"lacks tokenizer; the download is incomplete"),
    (sharded, r"00002-of-00002.safetensors is missing; the download is incomplete"),
    (changed("unet/config.json", in_channels=9), r"is an inpainting model \(its U-Net takes 9 channels, .* 4\)"),
    (changed("unet/config.json", in_channels=8), r"is an InstructPix2Pix or edit model"),
    (changed("unet/config.json", in_channels=5), r"is not a text-to-image model"),
    (changed("model_index.json", requires_aesthetics_score=True), r"is the refiner of SDXL, .*; use the base model"),
    (changed("text_encoder/config.json", hidden_size=7), r"the text encoder gives 7 numbers a token, .* reads 12"),
    (encoder(8), ""),
    (encoder(9), r"subject_encoder was trained for another U-Net \(1 of its layers differ, such as down_blocks"),
    (encoder(8, vision=5), r"reads a CLIP model of width 5, but .*tower has 6; set `clip`"),
]


@pytest.mark.parametrize(("change", "said"), REFUSALS)
def test_a_model_that_cannot_work_is_refused_when_it_is_added(
    change: Callable[[Path], None], said: str, home: Path, tmp_path: Path
) -> None:
    folder = stable_diffusion(tmp_path / "model")
    change(folder)
    if not said:
        assert take_in("mine", str(folder), offline=True).profile.missing() == []
        return
    with pytest.raises((IntakeError, FileNotFoundError), match=said):
        take_in("mine", str(folder), offline=True)
    assert list((home / "profiles").glob("mine*")) == []


def test_a_bin_file_that_is_cut_off_is_refused(home: Path, tmp_path: Path) -> None:
    folder = stable_diffusion(tmp_path / "model")
    (folder / UNET).unlink()
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"PK\3\4 half of an archive")
    with pytest.raises(IntakeError, match=r"diffusion_pytorch_model.bin is cut off; the download is incomplete"):
        take_in("mine", str(folder), offline=True)


def test_a_family_that_is_not_known_is_named(home: Path, tmp_path: Path) -> None:
    written(tmp_path / "flux", "model_index.json", {"_class_name": "FluxPipeline", "transformer": ["diffusers", "x"]})
    with pytest.raises(IntakeError, match=r"flux is a FluxPipeline, a family that is not known here; known are Stable"):
        take_in("mine", str(tmp_path / "flux"))
    with pytest.raises(IntakeError, match=r"has no model_index.json and no unet/config.json; give the folder of a pip"):
        take_in("mine", str(clip(tmp_path / "clip")))


def test_a_scheduler_that_does_not_fit_is_named(home: Path, tmp_path: Path) -> None:
    stable_diffusion(tmp_path / "model")
    text = f"weights: {tmp_path}/model\nresolution: 64\nlicence: MIT\nsampling: {{scheduler: NAME}}\n"
    for name, said in (("DDIM", ""), ("Flow Euler", "sampling.scheduler: ")):
        (home / "profiles" / "mine.yaml").write_text(text.replace("NAME", name))
        assert "".join(problems(get_profile("mine")))[:20] == said


@pytest.mark.parametrize("kohya", [False, True])
def test_loras_and_controlnets_of_another_model_are_named(home: Path, tmp_path: Path, kohya: bool) -> None:
    stable_diffusion(tmp_path / "model")
    for name, width in (("good", 12), ("xl", 2048), ("two", 1024)):
        lora(tmp_path / f"{name}.safetensors", width=width, kohya=kohya)
    for name, width in (("pose", 12), ("canny", 16)):
        written(tmp_path / name, "config.json", {"cross_attention_dim": width})
    loras = ", ".join(f"{name}: {tmp_path}/{name}.safetensors" for name in ("good", "xl", "two"))
    (home / "profiles" / "mine.yaml").write_text(
        f"weights: {tmp_path}/model\nresolution: 64\nlicence: MIT\nloras: {{{loras}}}\n"
        f"controlnets: {{pose: {tmp_path}/pose, canny: {tmp_path}/canny, depth: {tmp_path}/none}}\n"
    )
    found = problems(get_profile("mine"))
    assert len(found) == 4
    assert "canny: the ControlNet canny is for another model (cross_attention_dim 16, the U-Net has 12)" in found[0]
    assert "the ControlNet depth has no config.json" in found[1]
    assert found[2].startswith("loras.xl: xl.safetensors is of another model than mine: ")
    assert found[3].startswith("loras.two: two.safetensors is of another model than mine: ")


def test_too_little_memory_is_said_with_both_figures(home: Path, tmp_path: Path) -> None:
    profile = take_in("mine", str(stable_diffusion(tmp_path / "model")), offline=True).profile
    numbers = 64 + 96 + 16 + 36  # the U-Net's two matrices, the decoder's, the text encoder's
    assert weights_bytes(profile) == 2 * numbers
    assert weights_bytes(profile, "float32") == 4 * numbers
    assert memory_problem(profile, 10**6) is None
    assert "the weights of mine take 0.0 GB in memory, 0.0 GB are free" in (memory_problem(profile, 10) or "")
    assert "sampling.dtype" in (memory_problem(profile, 10, "float32") or "")
    free = free_memory_bytes()
    assert free is None or free > 10**6
