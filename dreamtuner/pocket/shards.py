"""Training pictures rendered ahead: shards of a fixed size on disk, the same bytes for the same settings."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreamtuner.pocket.world import HELD_OUT, STYLES, TRAIN, Context, Identity, render

PER_IDENTITY = 4


@dataclass(frozen=True)
class Picture:
    """What is true of one rendered picture: its identity's seed and its context."""

    identity_seed: int
    context: Context

    @property
    def identity(self) -> Identity:
        return Identity.from_seed(self.identity_seed)


@dataclass(frozen=True)
class Shards:
    """Pictures in memory: ``images`` (N, 64, 64, 3) uint8, ``masks`` (N, 64, 64) uint8, ``pictures`` their truth.

    On disk each shard also holds the layouts of its pictures (``load_layouts``).

    Pictures of one identity stand together, ``PER_IDENTITY`` at a time, all in one style: any two of them make a sheet.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    pictures: list[Picture]


def draw_pictures(rng: random.Random, seeds: range, identities: int) -> list[Picture]:
    """``identities`` seeds drawn from ``seeds``, each in ``PER_IDENTITY`` contexts of one style."""
    pictures = []
    for _ in range(identities):
        seed = rng.choice(seeds)
        style = rng.choice(STYLES)
        pictures += [Picture(seed, Context.draw(rng, style=style)) for _ in range(PER_IDENTITY)]
    return pictures


def _bytes(values: Tensor) -> NDArray[np.uint8]:
    return (values * 255).round().byte().numpy()


def _render_shard(folder: Path, index: int, identities: int, held_out: bool) -> None:
    torch.set_num_threads(1)
    final = folder / f"{index:05d}.npz"
    if final.exists():
        return
    seeds = HELD_OUT if held_out else TRAIN
    pictures = draw_pictures(random.Random(f"pocket shard {held_out} {index}"), seeds, identities)
    images, masks, depth, pose = [], [], [], []
    for start in range(0, len(pictures), 128):
        part = pictures[start : start + 128]
        drawn = render([p.identity for p in part], [p.context for p in part])
        images.append(_bytes(drawn.image.permute(0, 2, 3, 1)))
        masks.append(_bytes(drawn.mask[:, 0]))
        depth.append(_bytes(drawn.depth.permute(0, 2, 3, 1)))
        pose.append(_bytes(drawn.pose.permute(0, 2, 3, 1)))
    truth = json.dumps([{"seed": p.identity_seed, "context": asdict(p.context)} for p in pictures])
    partial = folder / f".{index:05d}.{os.getpid()}.npz"
    np.savez(
        partial,
        images=np.concatenate(images),
        masks=np.concatenate(masks),
        depth=np.concatenate(depth),
        pose=np.concatenate(pose),
        truth=np.array(truth),
    )
    partial.rename(final)


def render_shards(
    folder: Path, count: int, *, identities: int, held_out: bool = False, processes: int = 2
) -> Iterator[int]:
    """Render what is missing of ``count`` shards of so many ``identities`` into ``folder``.

    Yields how many shards are done, as they finish.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_render_shard, folder, i, identities, held_out) for i in range(count)]
        for done, job in enumerate(jobs, start=1):
            job.result()
            yield done


def load_truth(folder: Path, count: int) -> list[Picture]:
    """What is true of every picture of the first ``count`` shards, without loading the pictures."""
    pictures = []
    for index in range(count):
        with np.load(folder / f"{index:05d}.npz") as shard:
            truth = json.loads(str(shard["truth"]))
        pictures += [Picture(t["seed"], Context(**t["context"])) for t in truth]
    return pictures


def load_images(folder: Path, index: int) -> NDArray[np.uint8]:
    """The pictures of one shard, (n, 64, 64, 3)."""
    with np.load(folder / f"{index:05d}.npz") as shard:
        images: NDArray[np.uint8] = shard["images"]
    return images


def load_layouts(folder: Path, count: int, kind: Literal["depth", "pose"]) -> NDArray[np.uint8]:
    """The layouts of the first ``count`` shards' pictures: depth (N, 64, 64, 1) or drawn skeletons (N, 64, 64, 3)."""
    layouts = []
    for index in range(count):
        with np.load(folder / f"{index:05d}.npz") as shard:
            layouts.append(shard[kind])
    return np.concatenate(layouts)


def load_shards(folder: Path, count: int) -> Shards:
    """Load the first ``count`` shards. Raises FileNotFoundError where one was not rendered."""
    images, masks = [], []
    for index in range(count):
        with np.load(folder / f"{index:05d}.npz") as shard:
            images.append(shard["images"])
            masks.append(shard["masks"])
    return Shards(np.concatenate(images), np.concatenate(masks), load_truth(folder, count))
