"""A stage by row gives the same step to any number of processes, in parts of any size."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from dreamtuner.train.loop import train
from dreamtuner.train.processes.share import shares
from dreamtuner.train.settings import LoopSettings


class _Rows:
    """Fits 3x, a batch of six rows whose draws depend on the row alone."""

    def __init__(self, at_once: int) -> None:
        self.learns, self.batch, self.at_once = nn.Linear(4, 1), 6, at_once

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        return self.loss_of(step, range(self.batch), generator)

    def parts(self, step: int, rows: range) -> list[range]:
        return [rows[i : i + self.at_once] for i in range(0, len(rows), self.at_once)]

    def loss_of(self, step: int, rows: Sequence[int], generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        x = torch.randn(self.batch, 4, generator=generator)[list(rows)]
        error = (self.learns(x) - 3 * x.sum(1, keepdim=True)).square()
        return error.mean(), {"rows": float(len(rows))}


@dataclass(frozen=True)
class _Factory:
    at_once: int

    def build(self, device: torch.device) -> _Rows:
        return _Rows(self.at_once)


SETTINGS = LoopSettings(steps=12, lr=0.02, warmup=2, log_every=4, save_every=4)


@pytest.mark.parametrize("world", [1, 2, 3, 4])
@pytest.mark.parametrize("at_once", [1, 2, 6])
def test_the_parts_of_all_processes_are_the_batch(world: int, at_once: int):
    stage = _Rows(at_once)
    whole, _ = stage.loss_of(5, range(6), torch.Generator().manual_seed(5 * 64))
    expected = torch.autograd.grad(whole, stage.learns.weight)[0]
    summed = torch.zeros_like(expected)
    rows: list[int] = []
    for rank in range(world):
        for share in shares(stage, 5, SETTINGS, rank, world):
            loss, _ = share.loss()
            summed += torch.autograd.grad(loss * share.weight, stage.learns.weight)[0] / world
            assert share.rows is not None
            assert len(share.rows) <= at_once
            rows += share.rows
    assert rows == list(range(6))
    torch.testing.assert_close(summed, expected)


def test_more_processes_than_rows_are_refused():
    with pytest.raises(ValueError, match=r"batch: 6 .* 7 processes"):
        list(shares(_Rows(1), 0, SETTINGS, 0, 7))


@pytest.mark.slow
def test_a_run_resumes_on_another_number_of_processes(tmp_path: Path):
    train(_Factory(6), SETTINGS, tmp_path / "unbroken", report=lambda line: None)
    half = SETTINGS.model_copy(update={"cooldown": 0.2})
    train(_Factory(2), half, tmp_path / "moved", minutes=0.0, report=lambda line: None)
    assert train(_Factory(2), half, tmp_path / "moved", processes=2) == 12
    one, other = (load_file(tmp_path / name / "state.safetensors") for name in ("unbroken", "moved"))
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, other[name], msg=name)
