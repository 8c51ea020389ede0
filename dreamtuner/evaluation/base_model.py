"""Evaluates pocket weights on identities that training never saw: the metrics of `bench pocket`."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dreamtuner.evaluation.intervals import MetricValue, decibels, mean_share, share
from dreamtuner.evaluation.measures import IDENTITY
from dreamtuner.families.registry import load_backbone
from dreamtuner.families.unet.build import with_controlnet
from dreamtuner.families.unet.load import read_autoencoder, read_controlnet, read_pipeline
from dreamtuner.models.layouts import OWN_FIELDS, Kind, part_of
from dreamtuner.models.profiles import get_profile
from dreamtuner.pocket.training.autoencoder import pictures_to_model
from dreamtuner.pocket.training.oracle import CONTEXT, HEADS, truth
from dreamtuner.pocket.training.shards import Picture
from dreamtuner.pocket.world import EXPRESSIONS, TEST, Context, caption, render
from dreamtuner.pocket.world.captions import detailed_caption
from dreamtuner.pocket.world.render import Rendered
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell
from dreamtuner.score.oracle import Oracle
from dreamtuner.settings.sampling import Sampling

GUIDANCE = 4.0  # tuned on validation identities
STEPS = 20
BATCH = 20
CONTEXT_READ = 0.95
PROMPTS_FOLLOWED = {"scene": 0.97, "class_word": 0.90, "style": 0.95, "pose": 0.85, "expression": 0.80}


@dataclass(frozen=True)
class HeldOutSet:
    """Held-out images and their renderings, the ground truth for generated ones."""

    pictures: list[Picture]
    drawn: Rendered

    @classmethod
    def sample(cls, count: int, seeds: range = TEST, seed: int = 0) -> HeldOutSet:
        """Sample ``count`` identities of ``seeds``, each in one random context."""
        rng = random.Random(f"asked {seed}")
        pictures = [Picture(rng.choice(seeds), Context.draw(rng)) for _ in range(count)]
        parts = [
            render([p.identity for p in part], [p.context for p in part])
            for part in (pictures[i : i + 128] for i in range(0, count, 128))
        ]
        fields = ("image", "mask", "depth", "pose", "joints")
        return cls(pictures, Rendered(*(torch.cat([getattr(p, f) for p in parts]) for f in fields)))


def _rightly(oracle: Oracle, x: Tensor, requested: HeldOutSet) -> dict[str, NDArray[np.bool_]]:
    """Return which images x (N, 3, 64, 64) in -1..1 the oracle classifies as requested, by attribute."""
    read = [seen for part in x.split(100) for seen in oracle.read(part)]
    return {
        name: np.array([seen[name] == truth(p)[name] for seen, p in zip(read, requested.pictures, strict=True)])
        for name in HEADS
    }


def _overlap(a: Tensor, b: Tensor) -> list[float]:
    """Return the intersection over union of boolean masks (N, H, W), one per pair."""
    return [float((p & q).sum() / (p | q).sum().clamp_min(1)) for p, q in zip(a, b, strict=True)]


@torch.no_grad()
def oracle_metrics(oracle: Oracle, requested: HeldOutSet) -> list[MetricValue]:
    """Measure how well the oracle classifies rendered images and segments their subjects."""
    x = requested.drawn.image * 2 - 1
    right = _rightly(oracle, x, requested)
    outlines = torch.cat([oracle.silhouette(part) for part in x.split(100)])
    return [
        *(
            share("oracle on renderings", name, right[name], CONTEXT_READ if name in CONTEXT else 0.90)
            for name in HEADS
        ),
        mean_share("oracle on renderings", "silhouette IoU", _overlap(outlines, requested.drawn.mask[:, 0] > 0.5)),
    ]


@torch.no_grad()
def autoencoder_metrics(weights: Path, oracle: Oracle, requested: HeldOutSet) -> list[MetricValue]:
    """Measure the PSNR of whole images and of the subject, and the largest loss of oracle accuracy."""
    vae = read_autoencoder(weights / "vae").eval()
    x, inside = requested.drawn.image * 2 - 1, requested.drawn.mask > 0.5
    y = torch.cat([vae.decode(vae.encode(part).latent_dist.mode()).sample for part in x.split(50)]).clamp(-1, 1)
    error = (y - x).square().mean(1, keepdim=True).double()
    subject = torch.stack([e[m].mean() for e, m in zip(error, inside, strict=True)])
    before, after = _rightly(oracle, x, requested), _rightly(oracle, y, requested)
    lost = {name: float(before[name].mean() - after[name].mean()) for name in HEADS}
    worst = max(lost, key=lambda name: lost[name])
    return [
        decibels("autoencoder", "PSNR", error.mean((1, 2, 3)).numpy(), 28.0),
        decibels("autoencoder", "PSNR of the subject", subject.numpy(), 25.0),
        MetricValue(
            "autoencoder",
            f"readings lost, at worst ({worst})",
            *(lost[worst],) * 3,
            unit="share",
            wanted=0.03,
            at_most=True,
        ),
    ]


def draw(
    pipe: Any, prompts: Sequence[str], say: Callable[[str], None], layouts: Tensor | None = None
) -> list[Image.Image]:
    """Generate images by a stock pipeline, one per prompt, seeded by position. layouts: (N, 3, 64, 64) in 0..1."""
    pipe.set_progress_bar_config(disable=True)
    pictures: list[Image.Image] = []
    for start in range(0, len(prompts), BATCH):
        part = list(prompts[start : start + BATCH])
        given = {} if layouts is None else {"image": layouts[start : start + BATCH]}
        generators = [torch.Generator().manual_seed(start + i) for i in range(len(part))]
        out = pipe(part, num_inference_steps=STEPS, guidance_scale=GUIDANCE, generator=generators, **given)
        pictures += out.images
        say(f"{len(pictures)}/{len(prompts)} pictures")
    return pictures


def prompt_metrics(oracle: Oracle, images: list[Image.Image], requested: HeldOutSet) -> list[MetricValue]:
    """Measure whether generated images show what their plain captions say."""
    right = _rightly(oracle, pictures_to_model(images), requested)
    rows = [share("prompts followed", name, right[name], wanted) for name, wanted in PROMPTS_FOLLOWED.items()]
    for expression in EXPRESSIONS:
        chosen = np.array([p.context.expression == expression for p in requested.pictures])
        if chosen.any():
            rows.append(share("prompts followed", f"expression: {expression}", right["expression"][chosen]))
    return rows


def detail_metrics(oracle: Oracle, images: list[Image.Image], requested: HeldOutSet) -> list[MetricValue]:
    """Measure whether images generated from captions that describe the whole identity show it."""
    right = _rightly(oracle, pictures_to_model(images), requested)
    return [share("detailed prompts followed", name, right[name]) for name in IDENTITY]


def layout_metrics(oracle: Oracle, images: list[Image.Image], requested: HeldOutSet, kind: Kind) -> list[MetricValue]:
    """Measure whether images with a control image, from captions without the pose, have its pose and outline."""
    x = pictures_to_model(images)
    right = _rightly(oracle, x, requested)
    overlap = _overlap(oracle.silhouette(x), requested.drawn.mask[:, 0] > 0.5)
    group = f"with the {kind} ControlNet, pose unsaid"
    return [
        share(group, "pose", right["pose"], 0.95),
        share(group, "scene", right["scene"]),
        mean_share(group, "silhouette IoU", overlap, 0.85 if kind == "depth" else None),
    ]


@dataclass(frozen=True)
class Measurement:
    """Metrics, and the images that they were computed from, by the kind of generation."""

    figures: list[MetricValue]
    pictures: dict[str, list[Image.Image]]
    requested: HeldOutSet


def measure_weights(weights: Path, prompts: int, say: Callable[[str], None], *, seeds: range = TEST) -> Measurement:
    """Compute all metrics of pocket weights on ``prompts`` held-out images of the identities ``seeds``."""
    oracle, requested = Oracle.load(weights / "oracle"), HeldOutSet.sample(prompts, seeds)
    figures = [*oracle_metrics(oracle, requested), *autoencoder_metrics(weights, oracle, requested)]
    pipe = read_pipeline(weights)
    words = [caption(p.identity, p.context) for p in requested.pictures]
    drawn = {"prompt": draw(pipe, words, lambda line: say(f"prompts: {line}"))}
    figures += prompt_metrics(oracle, drawn["prompt"], requested)
    detailed = [detailed_caption(p.identity, p.context) for p in requested.pictures]
    figures += detail_metrics(oracle, draw(pipe, detailed, lambda line: say(f"detailed prompts: {line}")), requested)
    unsaid = [w.replace(f", {p.context.pose}", "", 1) for w, p in zip(words, requested.pictures, strict=True)]
    for kind in OWN_FIELDS:
        led = with_controlnet(pipe, read_controlnet(weights / part_of(kind)))
        layouts = {"depth": requested.drawn.depth.expand(-1, 3, -1, -1), "pose": requested.drawn.pose}[kind]
        drawn[kind] = draw(led, unsaid, lambda line, kind=kind: say(f"{kind}: {line}"), layouts)  # type: ignore[misc]
        figures += layout_metrics(oracle, drawn[kind], requested, kind)
    return Measurement(figures, drawn, requested)


def seconds_for_cells(weights: Path, count: int) -> MetricValue:
    """Time ``count`` cells of STEPS steps with guidance by the project's own loop, after a warm-up."""
    backbone = load_backbone(get_profile("pocket").model_copy(update={"weights": weights}))
    cells = [Cell("a photo of a bear on the beach", seed) for seed in range(count)]
    numbers = Sampling(steps=STEPS, w_c=GUIDANCE)
    generate(backbone, None, cells[:2], numbers.model_copy(update={"steps": 2}))
    begun = time.perf_counter()
    generate(backbone, None, cells, numbers)
    seconds = time.perf_counter() - begun
    return MetricValue("speed", f"{count} cells of {STEPS} steps", *(seconds,) * 3, unit="s", wanted=40.0, at_most=True)
