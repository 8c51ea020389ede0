"""Renders training images into shards of a fixed size on disk; equal settings give equal bytes."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreamtuner.pocket.world import HELD_OUT, STYLES, TRAIN, Context, Identity, draw_pair, render, render_together
from dreamtuner.settings.recipe_fields import to_fields

PER_IDENTITY = 4


@dataclass(frozen=True)
class Picture:
    """The ground truth of one rendered image: the seed of its identity, and its context."""

    identity_seed: int
    context: Context

    @property
    def identity(self) -> Identity:
        return Identity.from_seed(self.identity_seed)


Pair = tuple[Picture, Picture]
"""The ground truth of an image of two subjects, from back to front."""


@dataclass(frozen=True)
class Shards:
    """Images in memory: ``images`` (N, 64, 64, 3) uint8, ``masks`` (N, 64, 64) uint8, ``pictures`` their ground truth.

    On disk, each shard also contains the control images (``load_layouts``). The ``PER_IDENTITY`` images of an identity
    are consecutive and have the same style, so that any two of them make a character sheet.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    pictures: list[Picture]


def draw_pictures(rng: random.Random, seeds: range, identities: int) -> list[Picture]:
    """Sample ``identities`` seeds from ``seeds``, each in ``PER_IDENTITY`` contexts of one style."""
    pictures = []
    for _ in range(identities):
        seed = rng.choice(seeds)
        style = rng.choice(STYLES)
        pictures += [Picture(seed, Context.draw(rng, style=style)) for _ in range(PER_IDENTITY)]
    return pictures


SEEN: dict[tuple[str, str], float] = {
    ("front", "full"): 0.25,
    ("side", "full"): 0.22,
    ("back", "full"): 0.22,
    ("front", "bust"): 0.08,
    ("front", "close-up"): 0.10,
    ("side", "bust"): 0.03,
    ("side", "close-up"): 0.05,
    ("back", "bust"): 0.02,
    ("back", "close-up"): 0.03,
}
"""Share of the images in a shard of views, by view and framing."""
SAME_CLASS = 0.25  # share of pairs whose subjects differ only in identity


def draw_views(rng: random.Random, seeds: range, identities: int) -> list[Picture]:
    """Sample like ``draw_pictures``, with views and framings from ``SEEN``, which hide part of the identity."""
    pictures = []
    for picture in draw_pictures(rng, seeds, identities):
        ((view, framing),) = rng.choices(list(SEEN), list(SEEN.values()))
        pictures.append(Picture(picture.identity_seed, replace(picture.context, view=view, framing=framing)))
    return pictures


def draw_pairs(rng: random.Random, seeds: range, count: int) -> list[Pair]:
    """Sample ``count`` images of two identities of ``seeds``, from back to front."""
    pairs = []
    for _ in range(count):
        first, second = rng.choice(seeds), rng.choice(seeds)
        alike = rng.random() < SAME_CLASS
        while alike and Identity.from_seed(second).class_word != Identity.from_seed(first).class_word:
            second = rng.choice(seeds)
        behind, before = draw_pair(rng)
        pairs.append((Picture(first, behind), Picture(second, before)))
    return pairs


def _bytes(values: Tensor) -> NDArray[np.uint8]:
    return (values * 255).round().byte().numpy()


Kind = Literal["plain", "views", "pairs"]
"""What the images of a shard show: one subject from the front, one subject in any view, or two subjects."""
_PREFIX: dict[Kind, str] = {"plain": "", "views": "views-", "pairs": "pairs-"}


def shard_file(folder: Path, index: int, kind: Kind = "plain") -> Path:
    """Return the file of a shard."""
    return folder / f"{_PREFIX[kind]}{index:05d}.npz"


def shard_files(folder: Path, count: int, views: int = 0) -> list[Path]:
    """Return the files of ``count`` plain shards and ``views`` shards of views, in loading order."""
    return [
        *(shard_file(folder, i) for i in range(count)),
        *(shard_file(folder, i, "views") for i in range(views)),
    ]


def _render_shard(folder: Path, index: int, identities: int, held_out: bool, kind: Kind) -> None:
    torch.set_num_threads(1)
    final = shard_file(folder, index, kind)
    if final.exists():
        return
    seeds = HELD_OUT if held_out else TRAIN
    layers: dict[str, list[NDArray[np.uint8]]] = {}
    if kind == "pairs":
        pairs = draw_pairs(random.Random(f"pocket pairs {held_out} {index}"), seeds, identities * PER_IDENTITY)
        for start in range(0, len(pairs), 128):
            casts = [[(p.identity, p.context) for p in pair] for pair in pairs[start : start + 128]]
            together = render_together(casts)
            _append(layers, together.image, together.masks, together.depth, together.pose)
            layers.setdefault("boxes", []).append(together.boxes.round().byte().numpy())
        truth = json.dumps([[_truth(p) for p in pair] for pair in pairs])
    else:
        draw, name = (draw_pictures, "shard") if kind == "plain" else (draw_views, kind)
        pictures = draw(random.Random(f"pocket {name} {held_out} {index}"), seeds, identities)
        for start in range(0, len(pictures), 128):
            part = pictures[start : start + 128]
            drawn = render([p.identity for p in part], [p.context for p in part])
            _append(layers, drawn.image, drawn.mask[:, 0], drawn.depth, drawn.pose)
        truth = json.dumps([_truth(p) for p in pictures])
    partial = folder / f".{_PREFIX[kind]}{index:05d}.{os.getpid()}.npz"
    joined: dict[str, Any] = {name: np.concatenate(parts) for name, parts in layers.items()}
    np.savez(partial, **joined, truth=np.array(truth))
    partial.rename(final)


def _append(
    layers: dict[str, list[NDArray[np.uint8]]], image: Tensor, masks: Tensor, depth: Tensor, pose: Tensor
) -> None:
    for name, values in (
        ("images", image.permute(0, 2, 3, 1)),
        ("masks", masks),
        ("depth", depth.permute(0, 2, 3, 1)),
        ("pose", pose.permute(0, 2, 3, 1)),
    ):
        layers.setdefault(name, []).append(_bytes(values))


def _truth(picture: Picture) -> dict[str, Any]:
    return {"seed": picture.identity_seed, "context": to_fields(picture.context)}


def _picture(truth: dict[str, Any]) -> Picture:
    return Picture(truth["seed"], Context(**truth["context"]))


def render_shards(
    folder: Path, count: int, *, identities: int, held_out: bool = False, processes: int = 2, kind: Kind = "plain"
) -> Iterator[int]:
    """Render the missing ones of ``count`` shards of one kind, with ``identities`` each, into ``folder``.

    Yields the number of finished shards as they finish.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_render_shard, folder, i, identities, held_out, kind) for i in range(count)]
        for done, job in enumerate(jobs, start=1):
            job.result()
            yield done


def load_truth(folder: Path, count: int, views: int = 0) -> list[Picture]:
    """Load the ground truth of the first ``count`` shards and of ``views`` shards of views, without the images."""
    pictures = []
    for file in shard_files(folder, count, views):
        with np.load(file) as shard:
            pictures += [_picture(truth) for truth in json.loads(str(shard["truth"]))]
    return pictures


def load_pair_truth(folder: Path, count: int) -> list[Pair]:
    """Load the ground truth of the first ``count`` shards of pairs."""
    pairs: list[Pair] = []
    for index in range(count):
        with np.load(shard_file(folder, index, "pairs")) as shard:
            pairs += [(_picture(first), _picture(second)) for first, second in json.loads(str(shard["truth"]))]
    return pairs


def load_layer(files: Iterable[Path], name: str) -> NDArray[np.uint8]:
    """Load one layer (images, masks, depth, pose, boxes) of shards, uint8, as stored."""
    layers = []
    for file in files:
        with np.load(file) as shard:
            layers.append(shard[name])
    return np.concatenate(layers)


def load_images(file: Path) -> NDArray[np.uint8]:
    """Load the images of one shard, (n, 64, 64, 3)."""
    return load_layer([file], "images")


def load_layouts(folder: Path, count: int, kind: str, views: int = 0) -> NDArray[np.uint8]:
    """Load the control images of the first shards: depth (N, 64, 64, 1) or skeletons (N, 64, 64, 3)."""
    return load_layer(shard_files(folder, count, views), kind)


def load_shards(folder: Path, count: int, views: int = 0) -> Shards:
    """Load the first ``count`` shards and ``views`` shards of views. Raises FileNotFoundError if one is missing."""
    files = shard_files(folder, count, views)
    return Shards(load_layer(files, "images"), load_layer(files, "masks"), load_truth(folder, count, views))
