"""Weights that processes divide among them come to what one process comes to, and any number of them goes on."""

import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from dreamtuner.train.divided_tensor import is_divided, local, put, whole
from dreamtuner.train.log import log_lines
from dreamtuner.train.loop import train
from dreamtuner.train.processes.shards import blocks_of
from dreamtuner.train.settings import LoopSettings
from dreamtuner.train.stage import Events


class _Deep:
    """Two blocks between layers of which one has a single row; a frozen layer of another precision stays whole."""

    def __init__(self) -> None:
        wide = nn.Conv2d(1, 5, 1).to(memory_format=torch.channels_last)
        parts = [wide, nn.Sequential(nn.Linear(4, 7), nn.Linear(7, 4)), nn.Linear(4, 4), nn.Linear(4, 1)]
        self.learns, self.batch = nn.ModuleList(parts), 6
        self.learns.add_module("frozen", nn.Linear(2, 2).to(torch.bfloat16).requires_grad_(False))
        self.learns.register_buffer("previews", torch.zeros(()))

    @property
    def blocks(self) -> list[nn.Module]:
        return [self.learns[1], self.learns[2]]

    def preview(self) -> Image.Image:
        self.learns.previews += 1
        with torch.no_grad():
            shade = self.result(torch.ones(1, 4))
        return Image.new("L", (1, 1), int(shade.abs().clamp(0, 1) * 255))

    def result(self, x: Tensor) -> Tensor:
        wide, *others = list(self.learns)[:4]
        x = wide(x[:, None, :, None]).mean(1)[..., 0]
        for one in others:
            x = one(x)
        return x

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        return self.loss_of(step, range(self.batch), generator)

    def parts(self, step: int, rows: range) -> list[range]:
        return [rows]

    def loss_of(self, step: int, rows: Sequence[int], generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        x = torch.randn(self.batch, 4, generator=generator)[list(rows)]
        divided = sum(is_divided(p) for p in self.learns[1].parameters())
        return (self.result(x) - 3 * x.sum(1, keepdim=True)).square().mean(), {"divided": float(divided)}


@dataclass(frozen=True)
class _Factory:
    def build(self, device: torch.device) -> _Deep:
        return _Deep()


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "adamw16bit"])
def test_two_processes_begin_and_one_goes_on(tmp_path: Path, optimizer: str) -> None:
    settings = LoopSettings.model_validate(
        {"steps": 6, "lr": 0.02, "warmup": 2, "log_every": 1, "save_every": 2, "preview_every": 2, "ema": 0.9}
        | {"optimizer": optimizer, "seed": 3}
    )
    train(_Factory(), settings, tmp_path / "alone", report=_quiet)
    for processes in (2, 1, 2):
        train(_Factory(), settings, tmp_path / "many", processes=processes, minutes=0.0, report=_quiet)
    train(_Factory(), settings, tmp_path / "many", processes=2, report=_quiet)
    one, other = (load_file(tmp_path / name / "state.safetensors") for name in ("alone", "many"))
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], rtol=0.02, atol=2e-3, msg=name)
    lines = [log_lines(tmp_path / name) for name in ("alone", "many")]
    for alone, many in zip(*lines, strict=True):
        assert many["loss"] == pytest.approx(alone["loss"], rel=1e-3)
        assert many["grad_norm"] == pytest.approx(alone["grad_norm"], rel=1e-3)
    assert len(list((tmp_path / "many").glob("preview-*.png"))) == 3


@pytest.mark.slow
def test_no_process_goes_on_after_an_error_of_the_one_that_started_them(tmp_path: Path) -> None:
    settings = LoopSettings(steps=10**6, lr=1e-6, log_every=1, save_every=1)

    def fail(step: int) -> None:
        raise OSError("the store is away")

    with pytest.raises(OSError, match="away"):
        train(_Factory(), settings, tmp_path, processes=2, report=_quiet, events=Events(saved=fail))
    assert not multiprocessing.active_children()


def test_blocks_are_the_smallest_that_are_placed_together_without_embeddings() -> None:
    class Inner(nn.Linear):
        pass

    class Outer(nn.Sequential):
        pass

    class Words(nn.Embedding):
        pass

    model: Any = nn.Sequential(Outer(Inner(2, 2), Inner(2, 2)), Words(2, 2), Inner(2, 2).requires_grad_(False))
    model._no_split_modules = ["Inner", "Outer", "Words"]
    assert blocks_of([model, nn.Linear(2, 2)]) == list(model[0])


def test_plain_tensors_are_whole() -> None:
    one, other = torch.rand(3), torch.rand(3)
    put(one, other)
    assert torch.equal(one, other)
    assert local(one) is one
    assert whole(one) is one


def _quiet(line: str) -> None:
    pass
