"""The dtype that models compute in: by name, by the device, and from files of another one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from dreamtuner.families.precision import torch_dtype
from dreamtuner.families.registry import load_backbone
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.families.unet.load import load_vae
from dreamtuner.models.profiles import Profile, folder_profile
from dreamtuner.models.weights import weights_digest
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.sampling import Sampling


@pytest.fixture
def halves(tmp_path: Path, tiny_profile: Profile, tiny: UNetBackbone) -> Profile:
    """The tiny model as a download of its fp16 variant alone."""
    folder = tmp_path / "halves"
    shutil.copytree(tiny_profile.weights, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    for part in ("unet", "vae", "text_encoder"):
        model = torch.nn.Module.to(getattr(load_backbone(tiny_profile), part), torch.float16)
        model.save_pretrained(folder / part, variant="fp16")
    return folder_profile(folder, name="halves").model_copy(update={"variant": "fp16"})


@pytest.mark.parametrize(
    ("device", "has", "chosen"),
    [
        ("cpu", {"amx_bf16": True}, torch.bfloat16),
        ("cpu", {"avx512_bf16": True, "amx_bf16": False}, torch.bfloat16),
        ("cpu", {"avx2": True}, torch.float32),
        ("mps", {}, torch.float16),
    ],
)
def test_auto_is_what_the_device_has_units_for(
    device: str, has: dict[str, bool], chosen: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    assert torch_dtype("auto", device) == chosen
    assert torch_dtype("float16", device) == torch.float16


@pytest.mark.parametrize(("bfloat16", "chosen"), [(True, torch.bfloat16), (False, torch.float16)])
def test_auto_on_a_gpu_goes_by_its_capability(
    bfloat16: bool, chosen: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bfloat16)
    assert torch_dtype("auto", "cuda:0") == chosen


def test_a_profile_states_the_dtype_that_it_is_loaded_in(tiny_profile: Profile) -> None:
    halved = tiny_profile.model_copy(update={"natural": Sampling(dtype="bfloat16")})
    assert load_backbone(tiny_profile).unet.dtype == torch.float32
    assert load_backbone(halved).unet.dtype == torch.bfloat16
    assert load_backbone(halved, dtype=torch.float32).unet.dtype == torch.float32


def test_files_of_a_variant_are_loaded_in_any_dtype(tiny: UNetBackbone, halves: Profile, pip: Reference) -> None:
    loaded = load_backbone(halves, dtype=torch.float32)
    for name, parameter in tiny.unet.named_parameters():
        assert torch.equal(parameter.half().float(), loaded.unet.get_parameter(name))
    assert loaded.weights_digest == weights_digest(halves)
    sampling = Sampling(steps=1, w_ref=3.0)

    def pixels(backbone: UNetBackbone) -> np.ndarray:
        [picture] = generate(backbone, pip, [Cell("a bear", 1)], sampling)
        return np.asarray(picture).astype(int)

    exact = pixels(tiny)
    assert np.abs(pixels(loaded) - exact).mean() < 1
    assert np.abs(pixels(load_backbone(halves, dtype=torch.bfloat16)) - exact).mean() < 4


def test_an_autoencoder_that_overflows_in_float16_computes_in_float32(tiny_profile: Profile, tmp_path: Path) -> None:
    folder = tmp_path / "vae"
    shutil.copytree(tiny_profile.weights / "vae", folder)
    config = json.loads((folder / "config.json").read_text())
    for upcast, dtype, computed in (
        (True, torch.float16, torch.float32),
        (True, torch.bfloat16, torch.bfloat16),
        (False, torch.float16, torch.float16),
    ):
        (folder / "config.json").write_text(json.dumps(config | {"force_upcast": upcast}))
        assert load_vae(folder, device="cpu", dtype=dtype).dtype == computed
