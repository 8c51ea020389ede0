"""What is converted is what the file holds; what cannot be is refused by name, and nothing is half-written."""

import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import DiffusionPipeline
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import CLIPTokenizer

from dreamtuner.families.unet.conversion import convert as conversion
from dreamtuner.families.unet.conversion.configs import configs_for, shipped
from dreamtuner.families.unet.conversion.convert import RECORD, convert
from dreamtuner.families.unet.conversion.tokenizer import write_tokenizer
from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.intake.file_kinds import FileKind, file_kind
from dreamtuner.models.weights import weight_files
from tests.single_files import models, single_file, write_single_file

HALF = torch.float16


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("file") / "tiny.safetensors"
    write_single_file("sd15", place)
    return place


def stock(folder: Path) -> DiffusionPipeline:
    pipe: DiffusionPipeline = DiffusionPipeline.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("sd15", "safetensors"),
        pytest.param("sd15", "ckpt", marks=pytest.mark.slow),
        pytest.param("sd21", "safetensors", marks=pytest.mark.slow),
        pytest.param("sdxl", "safetensors", marks=pytest.mark.slow),
    ],
)
def test_a_file_becomes_the_folder_of_its_weights(tmp_path: Path, name: str, suffix: str) -> None:
    place, out = tmp_path / f"tiny.{suffix}", tmp_path / "out"
    parts = write_single_file(name, place)
    assert convert(place, out, config=name).made
    pipe = stock(out)
    for part, model in parts.items():
        found, expected = getattr(pipe, part).state_dict(), model.half().float().state_dict()
        assert found.keys() == expected.keys()
        assert all(torch.equal(one, expected[name]) for name, one in found.items())
        (weights,) = (out / part).glob("*.safetensors")
        assert {one.dtype for one in load_file(weights).values()} == {HALF}, "the file's own precision is kept"
    generators = {"generator": torch.Generator().manual_seed(0), "output_type": "np", "num_inference_steps": 1}
    ours = pipe("a cat!", height=32, width=32, **generators).images
    if name == "sd15":
        kept = type(pipe)(**{**pipe.components, **parts}, requires_safety_checker=False)
        kept.set_progress_bar_config(disable=True)
        generators["generator"] = torch.Generator().manual_seed(0)
        assert (kept("a cat!", height=32, width=32, **generators).images == ours).all()
    assert ours.shape == (1, 32, 32, 3)
    assert not list(tmp_path.glob(".*")), "nothing is left beside it"


@pytest.mark.parametrize("name", ["sd15", "sd21", "sd21-base", "sdxl"])
def test_the_shapes_of_the_usual_sizes_give_the_usual_configs(name: str) -> None:
    kind = {"sd15": "sd15", "sdxl": "sdxl"}.get(name, "sd2")
    state = single_file(kind, models(name, tiny=False))
    found, notes = configs_for(FileKind(kind), {one: tuple(tensor.shape) for one, tensor in state.items()}, name, "x")
    assert found == shipped(name)
    assert notes == []


def test_the_vocabulary_is_that_of_clip(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    tokenizer = CLIPTokenizer.from_pretrained(tmp_path)
    assert len(tokenizer) == 49408
    assert tokenizer("a photo of a cat")["input_ids"] == [49406, 320, 1125, 539, 320, 2368, 49407]


@pytest.mark.slow
def test_the_dtype_that_is_asked_for_is_written(file: Path, tmp_path: Path) -> None:
    convert(file, tmp_path / "out", dtype="float32")
    unet = load_file(tmp_path / "out" / "unet" / "diffusion_pytorch_model.safetensors")
    assert {one.dtype for one in unet.values()} == {torch.float32}
    assert json.loads((tmp_path / "out" / "text_encoder" / "config.json").read_text())["dtype"] == "float32"


@pytest.mark.slow
def test_short_names_of_the_text_encoder_are_known(file: Path, tmp_path: Path) -> None:
    short = {name.replace(".text_model.", "."): one for name, one in load_file(file).items()}
    save_file(short, tmp_path / "short.safetensors")
    convert(tmp_path / "short.safetensors", tmp_path / "short")
    convert(file, tmp_path / "out")
    weights = "text_encoder/model.safetensors"
    assert (tmp_path / "short" / weights).read_bytes() == (tmp_path / "out" / weights).read_bytes()


def test_what_sd_2_predicts_is_told_by_who_knows(tmp_path: Path) -> None:
    shapes = {one: tuple(tensor.shape) for one, tensor in single_file("sd2", models("sd21", tiny=False)).items()}
    with pytest.raises(IntakeError, match=r"--config sd21 .* or --config sd21-base"):
        configs_for(FileKind("sd2"), shapes, "auto", "x")
    for prediction, name in (("v_prediction", "sd21"), ("epsilon", "sd21-base")):
        assert configs_for(FileKind("sd2", prediction), shapes, "auto", "x")[0] == shipped(name)
    assert file_kind({**shapes, "v_pred": (), "ztsnr": ()}, {}, "x") == FileKind("sd2", "v_prediction", zero_snr=True)
    assert file_kind(shapes, {"modelspec.prediction_type": "epsilon"}, "x").prediction == "epsilon"
    with pytest.raises(IntakeError, match="not a model of this kind; use --config sd21 or sd21-base"):
        configs_for(FileKind("sd2"), shapes, "sd15", "x")


@pytest.mark.slow
def test_a_folder_states_the_configs(file: Path, tmp_path: Path) -> None:
    convert(file, tmp_path / "out")
    place = tmp_path / "out" / "text_encoder" / "config.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "num_attention_heads": 2}))
    done = convert(file, tmp_path / "again", config=str(tmp_path / "out"))
    assert json.loads((tmp_path / "again" / "text_encoder" / "config.json").read_text())["num_attention_heads"] == 2
    assert not any("heads" in one for one in done.notes)
    with pytest.raises(IntakeError, match="not one of auto, sd15"):
        convert(file, tmp_path / "third", config=str(tmp_path))


@pytest.mark.slow
def test_a_conversion_is_whole_or_not_there(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(conversion, "write_json", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            convert(file, out)
    assert not list(tmp_path.iterdir())
    (tmp_path / ".out.partial" / "out" / "unet").mkdir(parents=True)  # as a kill leaves it
    assert convert(file, out).made
    assert not convert(file, out).made, "the same is found"
    with pytest.raises(IntakeError, match=r"OUT: .* exists and is not this conversion"):
        convert(file, out, dtype="float32")
    (out / "unet" / "config.json").write_text("{}")
    with pytest.raises(IntakeError, match="exists and is not this conversion"):
        convert(file, out)
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


@pytest.mark.slow
def test_a_folder_of_pickles_becomes_safetensors(file: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "pickles", tmp_path / "out"
    convert(file, source)
    (source / RECORD).unlink()
    expected = {}
    for weights in source.glob("*/*.safetensors"):
        name = "pytorch_model.bin" if weights.name == "model.safetensors" else weights.with_suffix(".bin").name
        expected[weights.relative_to(source)] = load_file(weights)
        torch.save(load_file(weights), weights.with_name(name))
        weights.unlink()
    (source / "safety_checker").mkdir()
    (source / "safety_checker" / "pytorch_model.bin").write_bytes(b"\x80")
    index = json.loads((source / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    (source / "model_index.json").write_text(json.dumps(index))
    done = convert(source, out)
    assert "the safety checker is left out" in done.notes
    for place, tensors in expected.items():
        found = load_file(out / place)
        assert found.keys() == tensors.keys()
        assert all(torch.equal(one, found[name]) for name, one in tensors.items())
    assert not list(out.rglob("*.bin"))
    assert stock(out).safety_checker is None
    assert not convert(source, out).made


def test_shards_stay_shards(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "unet").mkdir(parents=True)
    (source / "model_index.json").write_text("{}")
    shards = {"a": "diffusion_pytorch_model-00001-of-00002.bin", "b": "diffusion_pytorch_model-00002-of-00002.bin"}
    for name, shard in shards.items():
        torch.save({name: torch.ones(2)}, source / "unet" / shard)
    index = {"metadata": {}, "weight_map": shards}
    (source / "unet" / "diffusion_pytorch_model.bin.index.json").write_text(json.dumps(index))
    convert(source, tmp_path / "out")
    files = weight_files(tmp_path / "out" / "unet")
    assert [one.name for one in files] == [one.replace(".bin", ".safetensors") for one in shards.values()]
    assert torch.equal(load_file(files[1])["b"], torch.ones(2))


def test_loras_and_embeddings_stay_one_file(tmp_path: Path) -> None:
    vectors = torch.arange(8.0).reshape(2, 4)
    learned = {"string_to_token": {"*": 265}, "string_to_param": {"*": vectors}, "name": "cat", "step": 3}
    torch.save(learned, tmp_path / "cat.pt")
    torch.save({"lora_unet_a.lora_up.weight": vectors}, tmp_path / "lora.pt")
    out = tmp_path / "cat.safetensors"
    assert convert(tmp_path / "cat.pt", out).kind == "embedding"
    assert torch.equal(load_file(out)["emb_params"], vectors)
    assert not convert(tmp_path / "cat.pt", out).made
    with pytest.raises(IntakeError, match="exists and is not this conversion"):
        convert(tmp_path / "lora.pt", out)
    with pytest.raises(IntakeError, match=r"name it lora\.safetensors"):
        convert(tmp_path / "lora.pt", tmp_path / "lora")
    save_file({"lora_unet_a.lora_up.weight": vectors}, tmp_path / "kohya.safetensors", metadata={"ss_network_dim": "2"})
    convert(tmp_path / "kohya.safetensors", tmp_path / "half.safetensors", dtype="float16")
    with safe_open(tmp_path / "half.safetensors", "pt") as opened:
        assert opened.metadata()["ss_network_dim"] == "2"
        assert opened.get_tensor("lora_unet_a.lora_up.weight").dtype == HALF


@pytest.mark.slow
def test_a_vae_of_its_own_becomes_its_folder(file: Path, tmp_path: Path) -> None:
    head = "first_stage_model."
    state = {name.removeprefix(head): one for name, one in load_file(file).items() if name.startswith(head)}
    save_file(state, tmp_path / "vae.safetensors")
    assert convert(tmp_path / "vae.safetensors", tmp_path / "vae").kind == "vae"
    convert(file, tmp_path / "out")
    weights = "diffusion_pytorch_model.safetensors"
    found, expected = load_file(tmp_path / "vae" / weights), load_file(tmp_path / "out" / "vae" / weights)
    assert found.keys() == expected.keys()
    assert all(torch.equal(one, expected[name]) for name, one in found.items())


class _Runs:
    """What a pickle that runs a program is made of."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


def test_a_pickle_that_could_run_a_program_is_not_opened(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    torch.save({"state_dict": {"a": torch.ones(1)}, "more": _Runs(mark)}, tmp_path / "zip.ckpt")
    (tmp_path / "bare.pt").write_bytes(pickle.dumps(_Runs(mark)))
    shutil.copyfile(tmp_path / "zip.ckpt", tmp_path / "named.safetensors")
    for name, why in (("zip.ckpt", "needs posix.mkdir"), ("bare.pt", "other objects"), ("named.safetensors", "posix")):
        with pytest.raises(IntakeError, match=f"pickle that .*{why}.* could run any program"):
            convert(tmp_path / name, tmp_path / "out")
    assert not mark.exists()
    assert not (tmp_path / "out").exists()


def test_files_that_are_no_weights_are_refused(file: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.ckpt"
    torch.save({"a": torch.ones(1000)}, whole)
    cases = {
        "text.safetensors": (b"hello " * 50, "is not a safetensors file"),
        "text.ckpt": (b"hello " * 50, "is not a file of weights"),
        "empty.ckpt": (b"", "is not a file of weights"),
        "cut.safetensors": (file.read_bytes()[:100_000], "the download is incomplete"),
        "cut.ckpt": (whole.read_bytes()[:3000], "cut off or damaged"),
    }
    for name, (content, why) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(IntakeError, match=why):
            convert(tmp_path / name, tmp_path / "out")
    with pytest.raises(IntakeError, match="no such file"):
        convert(tmp_path / "none.safetensors", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def _lacking(shapes: dict[str, tuple[int, ...]], *heads: str) -> dict[str, tuple[int, ...]]:
    return {name: one for name, one in shapes.items() if not name.startswith(heads)}


def test_models_that_cannot_be_used_are_refused_by_name() -> None:
    first, head = "model.diffusion_model.input_blocks.0.0.weight", "model.diffusion_model."
    xl = {name: tuple(one.shape) for name, one in single_file("sdxl", models("sdxl")).items()}
    one = {name: tuple(one.shape) for name, one in single_file("sd15", models("sd15")).items()}
    assert file_kind(xl, {}, "x").kind == "sdxl"
    refiner = {
        name.replace("embedders.1.", "embedders.0."): shape
        for name, shape in _lacking(xl, "conditioner.embedders.0").items()
    }
    for shapes, why in (
        (one | {first: (8, 9, 3, 3)}, "inpainting model"),
        (one | {first: (8, 8, 3, 3)}, "InstructPix2Pix"),
        (one | {f"{head}label_emb.0.0.weight": (8, 8)}, "unCLIP"),
        (_lacking(one, "first_stage_model"), "has no VAE"),
        (_lacking(one, "cond_stage_model"), "has no text encoder"),
        (_lacking(xl, "conditioner"), "has no text encoders"),
        (refiner, "refiner of SDXL"),
        (xl | {"edm_mean": (4,)}, "Playground"),
        ({f"{head}joint_blocks.0.x": (1,)}, "Stable Diffusion 3"),
        ({"double_blocks.0.x": (1,)}, "FLUX"),
        ({"control_model.input_blocks.0.0.weight": (1,)}, "a ControlNet"),
        ({f"down_blocks.{i}.resnets.0.conv1.weight": (1,) for i in range(5)}, "one part of a model"),
        ({f"layer{i}": (1, 1, 1) for i in range(5)}, "unknown names"),
    ):
        with pytest.raises(IntakeError, match=why):
            file_kind(shapes, {}, "x")


@pytest.mark.slow
def test_a_file_that_lacks_weights_is_refused(file: Path, tmp_path: Path) -> None:
    state = load_file(file)
    save_file({n: one for n, one in state.items() if "encoder.mid.attn_1.q" not in n}, tmp_path / "less.safetensors")
    save_file({**state, "model.diffusion_model.gligen": torch.ones(1)}, tmp_path / "more.safetensors")
    for name, why in (
        ("less", "lacks weights of its U-Net, VAE or text"),
        ("more", "a U-Net of an unknown architecture"),
    ):
        with pytest.raises(IntakeError, match=why):
            convert(tmp_path / f"{name}.safetensors", tmp_path / "out")
    assert not (tmp_path / "out").exists()
