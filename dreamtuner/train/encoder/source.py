"""Prepared images as the source of stage 1: the rows of every step, read one step ahead."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from dreamtuner.families.text_states import TextStates
from dreamtuner.models.layouts import Kind
from dreamtuner.train.data.captions import TagSettings
from dreamtuner.train.data.order import Order, by_size
from dreamtuner.train.data.prepared import PreparedImages
from dreamtuner.train.data.sample import Sample, pixels_of
from dreamtuner.train.encoder.stage import Examples


class PreparedSource:
    """The rows of prepared images in an order, moved to `device`. `kind`: of control images; None: without."""

    def __init__(
        self,
        images: PreparedImages,
        order: Order,
        *,
        at_once: int,
        kind: Kind | None,
        tags: TagSettings | None,
        device: torch.device,
    ) -> None:
        self._images, self._order, self._at_once, self._kind = images, order, at_once, kind
        self._tags, self._device = tags, device
        self._reader, self._ahead = ThreadPoolExecutor(1), dict[tuple[int, tuple[int, ...]], Future[list[Sample]]]()
        self.batch, self._own = order.batch, range(order.batch)
        self.numbers = max(images[row].x0.numel() for row in _one_of_each_size(images))

    def parts(self, step: int, rows: range) -> list[list[int]]:
        self._own = rows
        return self._parts(step, rows)

    def draw(self, step: int, rows: Sequence[int], generator: torch.Generator) -> Examples:
        seed = int(torch.randint(2**62, (1,), generator=generator))
        waiting = self._ahead.pop((step, tuple(rows)), None)
        samples = self._read(step, rows) if waiting is None else waiting.result()
        if not any(later == step + 1 for later, _ in self._ahead):
            self._ahead = {
                (step + 1, tuple(part)): self._reader.submit(self._read, step + 1, part)
                for part in self._parts(step + 1, self._own)
            } | self._ahead
        captions = [self._caption(one, seed + row) for one, row in zip(samples, rows, strict=True)]
        return examples(samples, captions, self._kind, self._device)

    def _parts(self, step: int, rows: range) -> list[list[int]]:
        chosen = self._order.batch_of(step)
        return by_size(rows, self._images.sizes([int(chosen[row]) for row in rows]), self._at_once)

    def _read(self, step: int, rows: Sequence[int]) -> list[Sample]:
        chosen = self._order.batch_of(step)
        return [self._images[int(chosen[row])] for row in rows]

    def _caption(self, sample: Sample, seed: int) -> str:
        if self._tags is None:
            return sample.caption
        return self._tags.changed(sample.caption, torch.Generator().manual_seed(seed % 2**63))


def examples(samples: Sequence[Sample], captions: list[str], kind: Kind | None, device: torch.device) -> Examples:
    """Put samples of one size into a batch."""
    layout = None
    if kind is not None:
        layout = kind, torch.stack([pixels_of(one.controls[kind]) for one in samples]).to(device)
    texts = [one.text for one in samples if one.text is not None]
    return Examples(
        torch.stack([pixels_of(one.subject) for one in samples]).to(device),
        torch.stack([one.x0 for one in samples]).to(device),
        captions,
        layout,
        text=TextStates.cat(texts).to(device) if len(texts) == len(samples) else None,
    )


def _one_of_each_size(images: PreparedImages) -> list[int]:
    first: dict[tuple[int, int], int] = {}
    for row, size in enumerate(images.sizes(list(range(len(images))))):
        first.setdefault(size, row)
    return list(first.values())
