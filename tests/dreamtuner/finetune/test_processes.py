"""Several processes come to what one comes to, whether each holds all trained weights or a part of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from dreamtuner.finetune.factory import FineTuneFactory
from dreamtuner.finetune.run import fine_tune, loop_settings
from dreamtuner.train.log import log_lines
from dreamtuner.train.loop import train
from dreamtuner.train.stage import Events

Learning = Callable[..., FineTuneFactory]
CPU = torch.device("cpu")
RATES = {"unet": 1e-3, "text_encoder": 1e-3, "resblocks": 1e-3, "word": 1e-3}


@pytest.mark.slow
def test_the_rows_of_all_processes_are_a_step(learning: Learning) -> None:
    stage = learning(mode="full", accumulate=2, batch=2, prior_weight=0.5).build(CPU)
    trained = [p for p in stage.learns.parameters() if p.requires_grad]

    def gradients(parts: list[list[int]]) -> list[torch.Tensor]:
        for part in parts:
            loss, _ = stage.loss_of(3, part, torch.Generator().manual_seed(7))
            (loss * len(part) / stage.batch).backward()
        found = [p.grad for p in trained]
        for p in trained:
            p.grad = None
        assert all(one is not None for one in found)
        return found  # type: ignore[return-value]

    assert stage.batch == 8
    whole = gradients(stage.parts(3, range(8)))
    shared = gradients([part for rows in (range(3), range(3, 8)) for part in stage.parts(3, rows)])
    for one, other in zip(whole, shared, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)


def test_weights_are_divided_in_blocks_where_the_optimizer_can(learning: Learning) -> None:
    stage = learning(mode="full").build(CPU)
    inside = [id(p) for block in stage.blocks for p in block.parameters()]
    assert len(inside) == len(set(inside)), "no block holds another"
    trained = [p for p in stage.learns.parameters() if p.requires_grad]
    assert sum(p.numel() for p in trained if id(p) in set(inside)) > 0.5 * sum(p.numel() for p in trained)
    assert not any(word.row is p for word in stage.learns.words.values() for b in stage.blocks for p in b.parameters())
    for changes in ({"mode": "lora"}, {"mode": "full", "optimizer": "adafactor"}, {"mode": "full", "unet_kept": 0.5}):
        stage.settings = stage.settings.model_validate({**stage.settings.model_dump(exclude={"alpha"}), **changes})
        assert stage.blocks == [], changes


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "full", "optimizer": "adamw16bit", "gradient_checkpointing": True},
        {"mode": "lora", "patience": 1},
    ],
)
def test_two_processes_begin_and_one_goes_on(learning: Learning, tmp_path: Path, changes: dict[str, Any]) -> None:
    changes = {"lr": RATES, "steps": 4, "preview_every": 2, "batch": 2, **changes}
    alone = fine_tune(learning("alone", **changes), report=_quiet)
    two = learning("two", **changes)
    saved: list[int] = []
    shown: list[int] = []
    logged: list[float] = []
    events = Events(
        lambda line: logged.append(line["seconds_left"]), saved.append, lambda step, file: shown.append(step)
    )
    settings = loop_settings(two)
    for processes in (2, 1):
        done = train(two, settings, two.folder, processes=processes, minutes=0.0, report=_quiet, events=events)
    assert done == 2
    assert (saved, shown) == ([1, 2], [2])
    both = fine_tune(two, processes=2, report=_quiet, events=events)
    assert (saved, shown) == ([1, 2, alone.steps], [2, 4][: alone.steps // 2])
    assert all(left >= 0 for left in logged)
    assert both.steps == alone.steps
    assert both.identities == pytest.approx(alone.identities, abs=0.02)
    # the one line of the unbroken training is the mean of four steps; the others' are of one, one and two
    losses = [[line["loss"] for line in log_lines(tmp_path / name)] for name in ("alone", "two")]
    assert losses[0][0] == pytest.approx((losses[1][0] + losses[1][1] + 2 * losses[1][2]) / 4, rel=0.01)
    assert len(log_lines(tmp_path / "two")) == 3
    one, other = (load_file(tmp_path / name / "state.safetensors") for name in ("alone", "two"))
    assert one.keys() == other.keys()
    far = {name: (value.float() - other[name].float()).abs().max().item() for name, value in one.items()}
    assert max(value for name, value in far.items() if name.startswith("weights/")) < 2e-3, far


def _quiet(line: str) -> None:
    pass
