"""Keys and values kept between calls: one reference pass a subject, and the images of a pass of their own."""

from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.reference_cache import ReferenceCache, SubjectFeatures
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.sampling import Sampling

CELLS = [Cell("a bear on the beach", 1), Cell("a bear, waving", 2)]
S = Sampling(steps=3, p_r=0.6, w_r=2.0, w_c=4.0)


def one_by_one(
    tiny: UNetBackbone, reference: Reference, cache: ReferenceCache, kv_bytes: int | None = None
) -> list[Image.Image]:
    """The cells, each in a call of its own."""
    images = []
    for cell in CELLS:
        cache.open("all else is equal")
        images += generate(tiny, reference, [cell], S, reference_cache=cache, kv_bytes=kv_bytes)
    return images


def test_calls_share_one_pass_and_give_the_same_images(tiny: UNetBackbone, pip: Reference) -> None:
    cache = ReferenceCache()
    images = one_by_one(tiny, pip, cache)
    assert cache.passes == 1
    assert cache.nbytes > 0
    for image, cell in zip(images, CELLS, strict=True):
        assert np.array_equal(image, generate(tiny, pip, [cell], S)[0])


def test_another_key_is_another_pass_and_frees_the_first(tiny: UNetBackbone, pip: Reference) -> None:
    cache = ReferenceCache()
    cache.open("pip")
    generate(tiny, pip, CELLS[:1], S, reference_cache=cache)
    held = cache.nbytes
    other = replace(pip, image=pip.image.rotate(180), mask=None)
    cache.open("other")
    assert cache.nbytes == 0
    [image] = generate(tiny, other, CELLS[:1], S, reference_cache=cache)
    assert cache.passes == 2
    assert cache.nbytes > held, "without a mask all tokens are kept"
    assert np.array_equal(image, generate(tiny, other, CELLS[:1], S)[0])


def test_what_the_budget_does_not_hold_is_captured_by_each_call(tiny: UNetBackbone, pip: Reference) -> None:
    whole = ReferenceCache()
    images = one_by_one(tiny, pip, whole)
    small = ReferenceCache()
    again = one_by_one(tiny, pip, small, kv_bytes=whole.nbytes // 2)
    assert small.passes == len(CELLS)
    assert small.nbytes <= whole.nbytes // 2
    assert all(np.array_equal(a, b) for a, b in zip(images, again, strict=True))


def test_cells_of_several_kinds_share_one_budget(tiny: UNetBackbone, pip: Reference) -> None:
    """Held under other kinds of control image, keys and values are part of the budget; images do not change."""
    whole = ReferenceCache()
    generate(tiny, pip, CELLS, S, reference_cache=whole)
    budget = whole.nbytes
    for others, kept in ((budget, 0), (budget // 4, budget // 4)):
        features = SubjectFeatures()
        held = replace(
            next(iter(whole._open._held.values()))[0], rows={}, layers={"one": (torch.zeros(others // 8),) * 3}
        )
        features.held((("pose",), 0)).append(held)
        assert features.room((), budget, 1) == budget - kept
        assert features.nbytes == kept
        assert features.room(("pose",), budget, 1) == budget, "its own part is not counted twice"
        features.held((("pose",), 0)).append(held)
        assert features.room((), budget, 4) == budget, "a step of each of four references is left"
