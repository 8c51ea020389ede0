"""What a fine-tuning takes is counted before anything is loaded, and what does not fit is refused with what would."""

import pytest
import torch

from dreamtuner.families.unet.family import load_backbone
from dreamtuner.families.unet.finetune_memory import memory_need as need
from dreamtuner.finetune.memory import InsufficientMemoryError, memory_of, require_memory
from dreamtuner.models.profiles import Profile


def test_weights_and_what_learns_are_counted_exactly(seeing_profile: Profile) -> None:
    backbone = load_backbone(seeing_profile)
    parts = (backbone.unet, backbone.text_encoder, backbone.vae)
    full = need(seeing_profile, seeing_profile.finetuning("full"), 32)
    text = sum(p.numel() for p in backbone.text_encoder.parameters())
    text -= backbone.text_encoder.get_input_embeddings().weight.numel()
    assert full.learning == 16 * (sum(p.numel() for p in backbone.unet.parameters()) + text)
    assert full.weights >= 4 * sum(p.numel() for part in parts for p in part.parameters())
    lora = need(seeing_profile, seeing_profile.finetuning("lora"), 32)
    assert lora.learning < full.learning


def test_a_step_takes_more_where_pictures_are_larger_or_more(seeing_profile: Profile) -> None:
    settings = seeing_profile.finetuning("lora")
    small, large = (need(seeing_profile, settings, side).step for side in (32, 64))
    assert 3 * small < large < 5 * small
    alone = need(seeing_profile, settings.model_copy(update={"regular": "none"}), 32).step
    assert 1.8 * alone < small < 2.2 * alone


def test_the_step_is_counted_as_torch_counts_it(seeing_profile: Profile) -> None:
    backbone = load_backbone(seeing_profile)
    backbone.unet.requires_grad_(True)
    kept: dict[int, torch.Tensor] = {}

    def keep(one: torch.Tensor) -> torch.Tensor:
        if one.untyped_storage().data_ptr() not in own:
            kept[one.untyped_storage().data_ptr()] = one
        return one

    own = {p.untyped_storage().data_ptr() for p in backbone.unet.parameters()}
    x, c = torch.randn(2, 8, 8, 8), torch.randn(2, 24, 16)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        loss = backbone.unet(x, torch.tensor([5, 9]), c).sample.sum()
    real = sum(one.untyped_storage().nbytes() for one in kept.values())
    counted = need(seeing_profile, seeing_profile.finetuning("full"), 32).step
    assert loss.requires_grad
    assert 0.7 * real < counted < 1.5 * real


def test_what_does_not_fit_is_refused_with_what_would(seeing_profile: Profile) -> None:
    full, lora = (seeing_profile.finetuning(mode) for mode in ("full", "lora"))
    large, small = (need(seeing_profile, one, 32).total for one in (full, lora))
    require_memory(seeing_profile, full, 32, large)
    with pytest.raises(InsufficientMemoryError, match=r"mode: lora needs .* and fits"):
        require_memory(seeing_profile, full, 32, large - 1)
    with pytest.raises(InsufficientMemoryError, match=r"text_encoder: null"):
        require_memory(seeing_profile, lora, 32, small - 1)
    with pytest.raises(InsufficientMemoryError, match="use a device with more memory"):
        require_memory(seeing_profile, full, 32, 1000)


def test_this_machine_has_memory() -> None:
    assert memory_of("cpu") > 1e8
