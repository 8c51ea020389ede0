"""The order in which prepared images are read: a pure function of the step, so that a run resumes to the image.

An epoch reads its shards in a random order, a window of them at a time, and shuffles the images of a window. A batch
holds images of one size as far as there are enough of them; what is left over at the end of an epoch makes mixed ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


class Order:
    """The batches of images by step. `shard` and `size` say of each image which shard and which size it has.

    `chosen`: the images to read; `window`: shards that are read together.

    Raises:
        ValueError: there are fewer images than a batch holds.
    """

    def __init__(self, shard: Rows, size: Rows, chosen: Rows, *, batch: int, seed: int, window: int = 16) -> None:
        if len(chosen) < batch:
            raise ValueError(
                f"data: {len(chosen)} images to train on are fewer than a batch of {batch}; give more images, or a "
                "smaller batch"
            )
        self._shard, self._size, self._chosen = shard[chosen], size[chosen], chosen
        self.batch, self.seed, self.window = batch, seed, window
        self._epochs, self._lock = dict[int, list[Rows]](), Lock()

    @property
    def steps_per_epoch(self) -> int:
        """The steps of an epoch: less than a batch of images is left out of each, not always the same ones."""
        return len(self._chosen) // self.batch

    def batch_of(self, step: int) -> Rows:
        """Return the images of a step's batch. Safe in several threads."""
        epoch, place = divmod(step, self.steps_per_epoch)
        with self._lock:
            if epoch not in self._epochs:
                last = {one: batches for one, batches in self._epochs.items() if one == epoch - 1}
                self._epochs = {**last, epoch: self._batches(epoch)}
            return self._epochs[epoch][place]

    def _batches(self, epoch: int) -> list[Rows]:
        rng = np.random.default_rng([self.seed, epoch])
        shards = rng.permutation(np.unique(self._shard))
        over: dict[int, Rows] = {}
        batches: list[Rows] = []
        for start in range(0, len(shards), self.window):
            inside = np.flatnonzero(np.isin(self._shard, shards[start : start + self.window]))
            full: list[Rows] = []
            for size in np.unique(self._size[inside]).tolist():
                ours = rng.permutation(inside[self._size[inside] == size])
                ours = np.concatenate([over.pop(size, ours[:0]), ours])
                cut = len(ours) // self.batch * self.batch
                full += np.split(ours[:cut], cut // self.batch) if cut else []
                over[size] = ours[cut:]
            batches += [full[i] for i in rng.permutation(len(full))]
        rest = np.concatenate([over[size] for size in sorted(over)])
        cut = len(rest) // self.batch * self.batch
        batches += np.split(rest[:cut], cut // self.batch) if cut else []
        return [self._chosen[one] for one in batches]


def held_out(images: int, count: int) -> tuple[Rows, Rows]:
    """Divide images into those to train on and `count` for validation, spread evenly over the set."""
    if not count:
        return np.arange(images), np.arange(0)
    apart = np.unique(np.linspace(0, images - 1, num=min(count, images), dtype=np.int64))
    return np.setdiff1d(np.arange(images), apart), apart


def by_size(rows: Sequence[int], sizes: Sequence[tuple[int, int]], at_once: int) -> list[list[int]]:
    """Divide rows into parts of one size and at most `at_once` rows, in the order of their first rows."""
    groups: dict[tuple[int, int], list[int]] = {}
    for row, size in zip(rows, sizes, strict=True):
        groups.setdefault(size, []).append(row)
    return [ours[i : i + at_once] for ours in groups.values() for i in range(0, len(ours), at_once)]
