"""Memory of generating: the rules hold what is counted, portions follow what is free, pieces are the whole."""

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from dreamtuner.bench.shapes import LATENT, TEXT, new_sd15_unet
from dreamtuner.families import inference_memory
from dreamtuner.families.inference_memory import (
    KV_BYTES,
    MAX_CELLS,
    MAX_ROWS,
    MIN_KV_BYTES,
    Portions,
    images_at_once,
    portions,
)
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.families.unet.build import new_autoencoder
from dreamtuner.families.unet.memory import decode_bytes, row_bytes
from dreamtuner.sampling import generate as generating
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.sampling import Sampling

S = Sampling(steps=2, p_r=0.6, w_r=2.0, w_c=4.0)


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of the tensors that are alive, and their peak."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for one in tree_iter(out):
            if isinstance(one, torch.Tensor) and (key := (storage := one.untyped_storage())._cdata) not in self._seen:
                self._seen.add(key)
                self.now += storage.nbytes()
                self.peak = max(self.peak, self.now)
                weakref.finalize(storage, self._freed, key, storage.nbytes())
        return out

    def _freed(self, key: int, count: int) -> None:
        self._seen.discard(key)
        self.now -= count


def peak(run: Callable[[], object]) -> int:
    with torch.inference_mode(), LiveBytes() as live:
        run()
    return live.peak


def test_the_rules_hold_what_a_small_model_takes(tiny: UNetBackbone) -> None:
    for rows in (1, 4):
        x, c = torch.randn(rows, 8, 16, 16), torch.randn(rows, 24, 16)
        counted = peak(lambda x=x, c=c: tiny.unet(x, torch.tensor(5), c, return_dict=False))
        assert counted <= rows * tiny.row_bytes(64, 64) <= 3 * counted
        decoded = peak(lambda x=x: tiny.decode_pixels(x))
        assert decoded <= rows * tiny.decode_bytes(64, 64) <= 3 * decoded


@pytest.mark.slow
def test_the_rules_hold_what_stable_diffusion_takes() -> None:
    with FakeTensorMode(allow_non_fake_inputs=True):
        unet = new_sd15_unet().eval()
        x, c = torch.randn(2, *LATENT, dtype=unet.dtype), torch.randn(2, *TEXT, dtype=unet.dtype)
        counted = peak(lambda: unet(x, torch.tensor(5), c, return_dict=False))
        assert counted <= 2 * row_bytes(unet, LATENT[1:]) <= 1.3 * counted
        blocks = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
        vae = new_autoencoder(
            block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, **blocks
        ).eval()
        decoded = peak(lambda: vae.decode(torch.randn(1, *LATENT)))
        assert decoded <= decode_bytes(vae, 512, 512) <= 1.5 * decoded


def test_portions_follow_the_free_memory(tiny: UNetBackbone) -> None:
    row = tiny.row_bytes(64, 64)
    assert portions(tiny, 64, 64, free=None) == Portions(MAX_CELLS, MAX_ROWS, KV_BYTES)
    assert portions(tiny, 64, 64, free=1 << 40) == Portions(MAX_CELLS, MAX_ROWS, KV_BYTES)
    assert portions(tiny, 64, 64, free=0) == Portions(1, 1, MIN_KV_BYTES)  # tried; a lack of memory is said there
    assert portions(tiny, 64, 64, free=25 * row) == Portions(5, 10, MIN_KV_BYTES)
    assert portions(tiny, 64, 64, free=25 * row, controlnets=2) == Portions(2, 5, MIN_KV_BYTES)
    assert portions(tiny, 64, 64, free=3 << 30).kv_bytes == 3 << 29
    assert portions(tiny, 512, 512, free=1 << 40).rows == 2  # f = 4: as many positions as 1024 pixels at f = 8
    assert images_at_once(tiny, 64, 64, free=3 * tiny.decode_bytes(64, 64)) == 2
    assert images_at_once(tiny, 64, 64, free=0) == 1
    assert images_at_once(tiny, 64, 64, free=None) is None


def count_calls(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> list[None]:
    original, calls = getattr(owner, name), list[None]()

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(None)
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, counted)
    return calls


def test_with_little_memory_the_images_are_the_same(
    tiny: UNetBackbone, pip: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [Cell("a photo of a bear", seed) for seed in (1, 2, 3)]
    batches: list[int] = []
    original = generating.generate_batch

    def counted(backbone: Any, cells: Any, *args: Any, **kwargs: Any) -> Any:
        batches.append(len(cells))
        return original(backbone, cells, *args, **kwargs)

    monkeypatch.setattr(generating, "generate_batch", counted)
    plenty = generate(tiny, pip, cells, S)
    monkeypatch.setattr(generating, "free_bytes", lambda device: 12 * tiny.row_bytes(64, 64))
    monkeypatch.setattr(inference_memory, "free_bytes", lambda device: tiny.decode_bytes(64, 64))
    decodes = count_calls(monkeypatch, UNetBackbone, "decode")
    little = generate(tiny, pip, cells, S)
    one_by_one = generate(tiny, pip, cells, S, batch_size=1)
    assert batches == [3, 2, 1, 1, 1, 1]
    assert len(decodes) == 6
    for other in (little, one_by_one):
        apart = [np.abs(np.asarray(a).astype(int) - np.asarray(b)) for a, b in zip(plenty, other, strict=True)]
        assert max(one.max() for one in apart) <= 1


def test_the_free_memory_of_a_device_is_known_where_it_can_be() -> None:
    free = inference_memory.free_bytes(torch.device("cpu"))
    assert free is None or free > 0
    assert inference_memory.free_bytes(torch.device("meta")) is None
