"""Stage 1 by rows: parts of a batch add up to its gradient, also where activations are computed again."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from transformers import CLIPVisionConfig, CLIPVisionModel

from dreamtuner.families.text_states import TextStates
from dreamtuner.families.unet import build
from dreamtuner.families.unet.denoiser import UNetDenoiser
from dreamtuner.families.unet.subject_encoder import SubjectEncoder
from dreamtuner.train.encoder.normalise import Normalise
from dreamtuner.train.encoder.stage import EncoderStage, Examples, Frozen, chunks


class _Source:
    """Four random rows."""

    def __init__(self) -> None:
        g = torch.Generator().manual_seed(0)
        self.batch, self.numbers = 4, 4 * 8 * 8
        self._x0, self._subjects = torch.randn(4, 4, 8, 8, generator=g), torch.rand(4, 3, 16, 16, generator=g)
        self._text = TextStates(torch.randn(4, 3, 8, generator=g))

    def parts(self, step: int, rows: range) -> list[Sequence[int]]:
        return chunks(rows, 2)

    def draw(self, step: int, rows: Sequence[int], generator: torch.Generator) -> Examples:
        chosen = list(rows)
        return Examples(self._subjects[chosen], self._x0[chosen], ["a bear"] * len(chosen), text=self._text[chosen])


def _stage() -> EncoderStage:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vision = CLIPVisionModel(
            CLIPVisionConfig(
                **{"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 5, "num_attention_heads": 1},
                image_size=16,
                patch_size=8,
            )
        )
        unet = build.new_unet(
            sample_size=8,
            block_out_channels=(8, 8),
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            layers_per_block=1,
            norm_num_groups=4,
            cross_attention_dim=8,
            attention_head_dim=2,
        )
        encoder = SubjectEncoder.for_unet(unet, vision, width=8)
        for layer in encoder.layers.values():
            torch.nn.init.normal_(layer.to_out.weight, std=0.5)
    denoiser = UNetDenoiser(unet.requires_grad_(False), encoder=encoder)
    empty = TextStates(torch.zeros(1, 3, 8))
    frozen = Frozen(denoiser, lambda words: empty, vision, Normalise((0.5,) * 3, (0.5,) * 3), build.new_scheduler())
    return EncoderStage(encoder, frozen, _Source())


def _gradient(stage: EncoderStage, parts: Sequence[Sequence[int]]) -> torch.Tensor:
    stage.learns.zero_grad()
    for rows in parts:
        loss, _ = stage.loss_of(3, rows, torch.Generator().manual_seed(9))
        (loss * len(rows) / stage.batch).backward()
    return torch.cat([p.grad.flatten() for p in stage.learns.parameters() if p.grad is not None])


def test_parts_add_up_to_the_batch(monkeypatch: pytest.MonkeyPatch):
    # kornia loads slowly; tests/dreamtuner/train/test_augment.py holds that a row is changed alike in any part
    monkeypatch.setattr("dreamtuner.train.encoder.stage.augment", lambda pictures, seed, **rows: pictures)
    stage: Any = _stage()
    whole = _gradient(stage, [range(4)])
    assert whole.abs().max() > 0
    torch.testing.assert_close(_gradient(stage, stage.parts(3, range(4))), whole, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(_gradient(stage, [[3], [1, 0], [2]]), whole, rtol=1e-3, atol=1e-6)
    stage.frozen.denoiser.unet.enable_gradient_checkpointing()
    torch.testing.assert_close(_gradient(stage, [[0, 1], [2, 3]]), whole, rtol=1e-3, atol=1e-6)
