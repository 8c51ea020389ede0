"""Every part of the recipe learns: after a few steps its loss on what it has seen is lower."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from dreamtuner.pocket.training.autoencoder import AutoencoderFactory
from dreamtuner.pocket.training.clip import ClipFactory
from dreamtuner.pocket.training.controlnet import LayoutFactory
from dreamtuner.pocket.training.oracle import OracleFactory
from dreamtuner.pocket.training.subject_encoder import EncoderFactory
from dreamtuner.pocket.training.unet import DenoiserFactory
from dreamtuner.train.loop import train
from dreamtuner.train.settings import LoopSettings
from dreamtuner.train.stage import Stage, StageFactory
from dreamtuner.train.state import load_state, trainable

pytestmark = pytest.mark.slow  # they train, or generate hundreds of images

STEPS = 8


FACTORIES: dict[str, Callable[[Path], StageFactory]] = {
    "vae": lambda w: AutoencoderFactory(w / "data/train", 1, 4),
    "tower": lambda w: ClipFactory(w / "data/train", 1, 16),
    "oracle": lambda w: OracleFactory(w / "data/train", 1, 16),
    "unet": lambda w: DenoiserFactory(w / "data/train", 1, w / "latents.npy", w / "vae", 8),
    "controlnet": lambda w: LayoutFactory("depth", w / "unet", w / "data/train", 1, w / "latents.npy", 8),
    "encoder": lambda w: EncoderFactory(w / "weights", w / "data/train", 1, w / "latents.npy", 8),
}


def _loss(stage: Stage) -> float:
    """The mean loss on the batches of the first steps."""
    with torch.no_grad():
        losses = [stage.loss(step, torch.Generator().manual_seed(step * 64))[0] for step in range(STEPS)]
    return float(torch.stack(losses).mean())


@pytest.mark.parametrize("part", FACTORIES)
def test_the_loss_falls(work_dir: Path, tmp_path: Path, part: str):
    factory = FACTORIES[part](work_dir)
    torch.manual_seed(0)  # as the loop seeds what it builds
    before = _loss(factory.build(torch.device("cpu")))
    settings = LoopSettings(steps=STEPS, lr=2e-3, warmup=0, cooldown=0, log_every=STEPS)
    train(factory, settings, tmp_path, report=lambda line: None)
    stage = factory.build(torch.device("cpu"))
    load_state(tmp_path, stage.learns, torch.optim.AdamW(trainable(stage.learns).values()))
    assert _loss(stage) < before


def test_distillation_measures_what_has_changed_since_the_start_alone(work_dir: Path):
    given = (work_dir / "data/train", 1, work_dir / "latents.npy", work_dir / "vae", 8, work_dir / "weights")
    stage = DenoiserFactory(*given, keep_words=True, contrast=("emblem",), distillation=1.0).build(torch.device("cpu"))
    losses = []
    for factor in (1.0, 1.5):
        with torch.no_grad():
            for name, weight in stage.model.unet.named_parameters():
                if ".attn2.to_v" in name:
                    weight *= factor
            losses.append(stage.loss(0, torch.Generator().manual_seed(0))[1]["distance"])
    assert losses[0] == 0.0 < losses[1]
