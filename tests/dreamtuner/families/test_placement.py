"""Offloaded, compiled, with other kernels, in tiles: the same images, and nothing of it remains in the models."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch._dynamo
from PIL import Image
from torch._dynamo.utils import counters

from dreamtuner.families import inference_memory
from dreamtuner.families.compiled import compile_blocks
from dreamtuner.families.offload import Offload, Offloader
from dreamtuner.families.placement import attention_kernels, placed
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.families.unet.family import load_backbone
from dreamtuner.models.profiles import Profile
from dreamtuner.pipeline import DreamTunerPipeline
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.sampling import Sampling

S = Sampling(steps=3, p_r=0.6, w_r=2.0, w_c=4.0, beta=0.2)


def complete(profile: Profile, whole: DreamTunerPipeline) -> UNetBackbone:
    """A backbone of its own, so that hooks stay out of what other tests share."""
    optional = copy.deepcopy(
        {
            "encoder": whole.subject_encoder,
            "image_encoder": whole.image_encoder,
            "controlnets": {"pose": whole.controlnet_pose},
        }
    )
    return replace(load_backbone(profile), image_processor=whole.feature_extractor, **optional)


def images(backbone: UNetBackbone, pip: Reference, pose: Image.Image) -> list[bytes]:
    cells = [Cell("a bear, waving", 1, {"pose": pose}), Cell("a bear", 2, {"pose": pose})]
    posed = replace(pip, layouts={"pose": pose.resize(pip.image.size)})
    return [one.tobytes() for one in generate(backbone, posed, cells, S)]


@pytest.mark.parametrize("mode", [pytest.param("model", marks=pytest.mark.slow), "group"])
def test_offloaded_models_make_the_same_images(
    mode: Offload,
    tiny_profile: Profile,
    whole: DreamTunerPipeline,
    pip: Reference,
    skeleton: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turns: list[str] = []
    take = Offloader.take

    def noted(self: Offloader, model: Any, group: str) -> None:
        turns.extend([group] if turns[-1:] != [group] else [])
        take(self, model, group)

    monkeypatch.setattr(Offloader, "take", noted)
    pose = skeleton(64, 64)
    expected = images(complete(tiny_profile, whole), pip, pose)
    offloaded = placed(lambda device: complete(tiny_profile, whole), "cpu", offload=mode, compiled=False)
    assert images(offloaded, pip, pose) == expected
    if mode == "model":
        assert turns[0] == "vae"
        assert turns[-2:] == ["denoiser", "vae"]
        assert turns.count("denoiser") == 2  # for the subject's tokens, and for all steps
        assert images(offloaded, pip, pose) == expected


def test_models_of_a_group_stay_and_others_leave() -> None:
    class Watched(torch.nn.Linear):
        def to(self, *args: Any, **kwargs: Any) -> Any:
            moves.append((self.name, str(args[0])))
            return self

    moves: list[tuple[str, str]] = []
    offloader = Offloader("model", torch.device("meta"))
    models = {}
    for name, group in (("unet", "denoiser"), ("controlnet", "denoiser"), ("vae", "vae")):
        models[name] = Watched(1, 1)
        models[name].name = name
        offloader.add(models[name], group)
    moves.clear()
    for name in ("unet", "controlnet", "unet", "vae", "unet"):
        models[name](torch.zeros(1))
    assert moves == [
        ("unet", "meta"),
        ("controlnet", "meta"),
        ("unet", "cpu"),
        ("controlnet", "cpu"),
        ("vae", "meta"),
        ("vae", "cpu"),
        ("unet", "meta"),
    ]


class Plain:
    """A backbone of a family that can neither be offloaded nor compiled."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile


@pytest.mark.parametrize(("setting", "said"), [({"offload": "model"}, "OFFLOAD"), ({"compiled": True}, "COMPILE")])
def test_what_a_model_cannot_is_refused_by_name(tiny_profile: Profile, setting: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"DREAMTUNER_{said}: the model of tiny"):
        placed(lambda device: Plain(tiny_profile), "cpu", **{"offload": "none", "compiled": False, **setting})  # type: ignore[arg-type, return-value]


def test_other_kernels_make_nearly_the_same_images(tiny: UNetBackbone, pip: Reference) -> None:
    plain = S.model_copy(update={"beta": 0.0})
    one = np.asarray(generate(tiny, pip, [Cell("a bear", 1)], plain)[0]).astype(int)
    with attention_kernels("math"):
        assert not torch.backends.cuda.flash_sdp_enabled() or torch.backends.cuda.math_sdp_enabled()
        other = np.asarray(generate(tiny, pip, [Cell("a bear", 1)], plain)[0])
    assert np.abs(one - other).max() <= 1


def test_tiles_change_large_images_alone_and_only_where_they_are_wanted(tiny: UNetBackbone) -> None:
    plain = Sampling(steps=1, size="128x64")
    cells = [Cell("a bear", 1)]
    large = [generate(tiny, None, cells, plain.model_copy(update={"vae_tiling": on}))[0] for on in (False, True, False)]
    assert large[0].tobytes() == large[2].tobytes() != large[1].tobytes()
    assert large[1].size == (128, 64)
    small = [generate(tiny, None, cells, Sampling(steps=1, vae_tiling=on))[0].tobytes() for on in (False, True)]
    assert small[0] == small[1]
    assert not tiny.vae.use_tiling


@pytest.mark.slow
def test_compiled_blocks_are_compiled_once_whatever_the_step(
    tiny_profile: Profile, pip: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch._dynamo.reset()
    monkeypatch.setattr(inference_memory, "MAX_ROWS", 4)
    backbone = load_backbone(tiny_profile)
    s = Sampling(steps=12, p_r=0.6, w_r=2.0, w_c=4.0)
    cells = [Cell("a bear", 1), Cell("a bear", 2)]
    expected = generate(backbone, pip, cells, s)
    compile_blocks(backbone.unet, backend="eager")
    try:
        counters.clear()
        found = generate(backbone, pip, cells, s)
        graphs = counters["stats"]["unique_graphs"]
        assert 0 < graphs <= 5 * 3  # kinds of call, levels
        again = generate(backbone, pip, cells, s.model_copy(update={"steps": 11}))
        assert len(again) == 2
        assert counters["stats"]["unique_graphs"] <= graphs + 3  # another rest of the reference pass
        generate(backbone, pip, cells, s)
        assert counters["stats"]["unique_graphs"] <= graphs + 3
    finally:
        torch._dynamo.reset()
    apart = [np.abs(np.asarray(a).astype(int) - np.asarray(b)).max() for a, b in zip(expected, found, strict=True)]
    assert max(apart) <= 1
