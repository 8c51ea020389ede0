"""What tests of stage 1 share: drawn images, a tiny CLIP model, a preparation, a training, and how two compare."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file
from transformers import CLIPConfig, CLIPModel, CLIPVisionConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from dreamtuner.models.profiles import Profile
from dreamtuner.train.data.manifest import Manifest
from dreamtuner.train.data.prepare import Preparer
from dreamtuner.train.encoder.settings import EncoderSettings
from dreamtuner.train.log import log_lines
from flows.ingestion.choice import ingestion_choice
from flows.settings import Settings
from flows.training.eyes import PrepareOptions, plan_of, preparer_of
from flows.training.places import places_of
from flows.training.preparation import PreparedSet
from flows.training.run import train_encoder
from flows.training.sources import chunks_of
from storage.objects import open_store
from tests.dreamtuner.conftest import text_config

OPTIONS = PrepareOptions(given=("depth",), per_shard=4)
SETTINGS = EncoderSettings.model_validate(
    {
        **{"batch": 4, "at_once": 2, "width": 16, "validation": 2, "validation_steps": 2, "window": 2},
        "loop": {"steps": 8, "lr": 1e-3, "warmup": 2, "log_every": 1, "save_every": 2, "preview_every": 4},
    }
)


def draw(folder: Path, count: int) -> Path:
    folder.mkdir()
    for i in range(count):
        size = (64, 64) if i % 3 else (88, 64)
        image, depth, mask = Image.new("RGB", size, "#90b070"), Image.new("L", size, 30), Image.new("L", size)
        box = (16 + i % 5, 8, 48, 58)
        for canvas, colour in ((image, ("red", "blue", "purple")[i % 3]), (depth, 200), (mask, 255)):
            ImageDraw.Draw(canvas).ellipse(box, fill=colour)
        image.save(folder / f"{i:02d}.png")
        depth.save(folder / f"{i:02d}.depth.png")
        mask.save(folder / f"{i:02d}.mask.png")
        (folder / f"{i:02d}.txt").write_text(f"a {('red', 'blue', 'purple')[i % 3]} ball")
    (folder / "cut.png").write_bytes((folder / "00.png").read_bytes()[:80])
    (folder / "cut.txt").write_text("a ball")
    return folder


class Kitchen:
    """Prepares the data of a test for its profile."""

    def __init__(self, profile: Profile, settings: Settings, options: PrepareOptions = OPTIONS) -> None:
        self.profile, self.choice, self.options = profile, ingestion_choice(settings, profile), options
        self.preparer: Preparer = preparer_of(profile, self.plan("x"), options, self.choice, "cpu")

    def plan(self, data: str) -> Any:
        return plan_of(data, self.profile, self.options, self.choice)

    def prepare(self, data: str, out: str) -> Manifest:
        prepared, plan, chunks = PreparedSet(open_store(out)), self.plan(data), chunks_of(data, self.options.per_shard)
        prepared.begin(plan)
        for number, chunk in enumerate(chunks):
            list(prepared.prepare(number, chunk, self.preparer, self.options.per_shard))
        return prepared.finish(len(chunks), plan)


def train(profile: Profile, data: str, out: Path, settings: EncoderSettings = SETTINGS, **more: Any) -> Any:
    places = places_of(data, out.parent / "cache")
    return train_encoder(profile, places, settings, out, device="cpu", say=lambda line: None, **more)


def same(one: Path, other: Path) -> None:
    first, second = (load_file(place / "state.safetensors") for place in (one, other))
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        torch.testing.assert_close(tensor, second[name], msg=name)
    losses = [[line["loss"] for line in log_lines(place)] for place in (one, other)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def write_deep_clip(folder: Path) -> None:
    """Write a tiny CLIP model that has the five depths a subject-encoder reads."""
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 6, "num_attention_heads": 2}
    with torch.random.fork_rng():
        torch.manual_seed(3)
        tower = CLIPModel(
            CLIPConfig(
                text_config=text_config(),
                vision_config=CLIPVisionConfig(**vision, image_size=32, patch_size=8).to_dict(),
                projection_dim=16,
            )
        )
    tower.save_pretrained(folder)
    size = {"height": 32, "width": 32}
    CLIPImageProcessorPil(size=size, crop_size=size).save_pretrained(folder)
