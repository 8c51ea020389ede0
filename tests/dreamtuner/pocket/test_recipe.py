"""The recipe at a scale of seconds: every part runs, resumes exactly, and ends as a folder stock diffusers opens."""

import shutil
from importlib import resources
from pathlib import Path

import pytest
import torch
import yaml
from diffusers import ControlNetModel, StableDiffusionControlNetPipeline, StableDiffusionPipeline
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPModel

from dreamtuner.evaluation.pocket_report import loss_curves
from dreamtuner.pocket.recipe import RecipeError, train_pocket
from dreamtuner.score.oracle import Oracle

pytestmark = pytest.mark.slow  # they train, or generate hundreds of images


def test_the_report_has_its_figures_curves_and_samples(work_dir: Path):
    words = (work_dir / "report" / "README.md").read_text()
    assert "| prompts followed | scene |" in words
    assert "PSNR of the subject" in words
    assert {"curves.png", "steps.png", "prompt.png", "depth.png", "pose.png", "asked.png", "figures.json"} <= {
        f.name for f in (work_dir / "report").iterdir()
    }


def test_one_part_alone_has_curves(work_dir: Path, tmp_path: Path):
    loss_curves(work_dir, ["encoder"], tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as image:
        assert image.height > 200


def test_stock_diffusers_opens_the_weights_and_draws(work_dir: Path):
    pipe = StableDiffusionPipeline.from_pretrained(work_dir / "weights", local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    image = pipe("a photo of a bear", num_inference_steps=2).images[0]
    assert image.size == (64, 64)


def test_tower_and_oracle_open(work_dir: Path):
    tower = CLIPModel.from_pretrained(work_dir / "weights" / "tower", dtype=torch.float32)
    assert tower.config.vision_config.num_hidden_layers >= 5
    logits, silhouette = Oracle.load(work_dir / "weights" / "oracle")(torch.zeros(2, 3, 64, 64))
    assert logits["scene"].shape == (2, 6)
    assert silhouette.shape == (2, 1, 64, 64)


@pytest.mark.parametrize("kind", ["depth", "pose"])
def test_stock_diffusers_opens_the_controlnets_and_draws(work_dir: Path, kind: str):
    controlnet = ControlNetModel.from_pretrained(work_dir / "weights" / f"controlnet-{kind}")
    pipe = StableDiffusionControlNetPipeline.from_pretrained(
        work_dir / "weights", controlnet=controlnet, local_files_only=True
    )
    pipe.set_progress_bar_config(disable=True)
    image = pipe("a photo of a bear", torch.rand(1, 3, 64, 64), num_inference_steps=2).images[0]
    assert image.size == (64, 64)


@pytest.mark.parametrize("part", ["vae", "unet", "tower", "oracle", "controlnet-depth", "encoder"])
def test_a_part_in_pieces_equals_it_in_one(work_dir: Path, tmp_path: Path, part: str):
    for name in ("data", "latents.npy", "vae", "unet", "weights"):
        if name != part:
            (tmp_path / name).symlink_to(work_dir / name)
    while not train_pocket(
        part.split("-")[0].replace("controlnet", "controlnets"),
        "cpu",
        "smoke",
        tmp_path,
        minutes=0.0,
        say=lambda line: None,
    ):
        pass
    whole, pieces = (load_file(folder / part / "state.safetensors") for folder in (work_dir, tmp_path))
    for name, tensor in whole.items():
        torch.testing.assert_close(pieces[name], tensor, rtol=0, atol=1e-6, msg=name)


def _nothing_asked(folder: Path) -> str:
    """The smoke scale with no step in any part."""
    numbers = yaml.safe_load((resources.files("dreamtuner.pocket.training") / "scales" / "smoke.yaml").read_text())
    for part in numbers.values():
        if isinstance(part, dict):
            part["loop"]["steps"] = 0
    scale = folder / "nothing.yaml"
    scale.write_text(yaml.safe_dump(numbers))
    return str(scale)


@pytest.mark.parametrize(
    ("part", "folder", "prefix"),
    [
        ("vae", "vae", ""),
        ("tower", "tower", ""),
        ("unet", "unet", "unet."),
        ("unet", "text_encoder", "text_encoder."),
        ("encoder", "subject_encoder", ""),
    ],
)
def test_a_part_of_no_steps_keeps_the_weights_it_starts_from(
    work_dir: Path, tmp_path: Path, part: str, folder: str, prefix: str
):
    for name in ("data", "latents.npy", "vae")[: 2 if part == "vae" else 3]:
        (tmp_path / name).symlink_to(work_dir / name)
    start = work_dir / "weights"
    shutil.copytree(start, tmp_path / "weights", ignore=shutil.ignore_patterns("subject_encoder"))
    assert train_pocket(part, "cpu", _nothing_asked(tmp_path), tmp_path, start=start, say=lambda line: None)
    kept = load_file(tmp_path / part / "state.safetensors")
    (file,) = (start / folder).glob("*.safetensors")
    for name, tensor in load_file(file).items():
        if folder == "text_encoder":  # in the file it has the name that other releases of transformers read
            name = name.removeprefix("text_model.")
        name = prefix + name
        assert torch.equal(kept.get(f"ema/{name}", kept.get(f"buffer/{name}")), tensor.float()), name


def test_a_part_of_no_steps_needs_weights_to_start_from(work_dir: Path, tmp_path: Path):
    (tmp_path / "data").symlink_to(work_dir / "data")
    with pytest.raises(RecipeError, match="--scale: vae: 0 steps keep the weights of --start; give --start"):
        train_pocket("vae", "cpu", _nothing_asked(tmp_path), tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"part": "unett"}, "--part: 'unett' is not one of all, data, vae"),
        ({"device": "tpu"}, "--device: 'tpu'"),
        ({"scale": "huge"}, "--scale: 'huge' is neither one of continue, cpu, encoder, gpu, smoke, widen"),
        ({"part": "vae", "device": "cpu", "scale": "smoke"}, "--part: vae needs .*00000.npz, which an earlier part"),
        ({"part": "tower", "device": "cpu", "scale": "cpu"}, "--part: tower needs .*00000.npz, which an earlier part"),
    ],
)
def test_bad_arguments_are_named(tmp_path: Path, options: dict[str, str], message: str):
    with pytest.raises(RecipeError, match=message):
        train_pocket(**options, out=tmp_path)


def test_a_folder_in_use_is_refused(tmp_path: Path):
    def second(line: str) -> None:
        train_pocket("data", "cpu", "smoke", tmp_path, say=print)

    with pytest.raises(RecipeError, match="--out: another training runs in"):
        train_pocket("data", "cpu", "smoke", tmp_path, say=second)


def test_lost_words_are_learnt_by_a_renewed_text_encoder_and_cross_attention_alone(work_dir: Path, tmp_path: Path):
    scale = yaml.safe_load((resources.files("dreamtuner.pocket.training") / "scales" / "smoke.yaml").read_text())
    for part in ("vae", "tower", "oracle", "controlnets", "encoder"):
        scale[part]["loop"]["steps"] = 0
    scale |= {"text": scale["unet"] | {"loop": scale["oracle"]["loop"] | {"steps": 4}}}
    scale |= {"distillation": 5, "learns": "cross-attention"}
    (tmp_path / "words.yaml").write_text(yaml.safe_dump(scale))
    with pytest.raises(RecipeError, match="distillation: nothing else"):
        train_pocket("text", "cpu", str(tmp_path / "words.yaml"), tmp_path / "out", say=lambda line: None)
    scale |= {"contrast": ["emblem"]}
    (tmp_path / "words.yaml").write_text(yaml.safe_dump(scale))
    where = tmp_path / "out"
    with pytest.raises(RecipeError, match="--start"):
        train_pocket("text", "cpu", str(tmp_path / "words.yaml"), where, say=lambda line: None)
    for part in ("data", "vae", "tower", "oracle", "text", "unet", "controlnets", "weights", "encoder"):
        given = {"start": work_dir / "weights", "say": lambda line: None}
        assert train_pocket(part, "cpu", str(tmp_path / "words.yaml"), where, **given)
    for folder in ("unet", "text_encoder", "controlnet-pose", "subject_encoder", "vae"):
        [file] = (work_dir / "weights" / folder).glob("*.safetensors")
        before, after = load_file(file), load_file(where / "weights" / folder / file.name)
        changed = {name for name in before if not torch.equal(before[name], after[name])}
        if folder == "text_encoder":
            assert changed
        else:
            assert all(".attn2." in name for name in changed), folder
            assert bool(changed) == (folder == "unet")
