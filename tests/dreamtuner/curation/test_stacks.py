"""Near-duplicates: copies are alike, other pictures are not, and no chain becomes a stack."""

import io

import numpy as np
import pytest
from PIL import Image

from dreamtuner.curation.perceptual_hash import BYTES, perceptual_hash, structure
from dreamtuner.curation.stacks import MOST_STACKED, Look, alike, stacks


def picture(number: int, side: int = 96) -> Image.Image:
    """Blocks of random colours, smoothed: detail at every size."""
    draw = np.random.default_rng(number)
    layers = [Image.fromarray(draw.integers(0, 256, (n, n, 3), dtype=np.uint8)).resize((side, side)) for n in (4, 12)]
    return Image.blend(*layers, 0.5)


def look(image: Image.Image) -> Look:
    small = structure(image)
    return Look(phash=perceptual_hash(small), structure=small)


def encoded(image: Image.Image, kind: str) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, kind, quality=70)
    return Image.open(buffer).convert("RGB")


def cropped(image: Image.Image, share: float, left: float = 0.5) -> Image.Image:
    cut, side = round(share * image.width), image.width
    at = round(left * cut)
    return image.crop((at, cut - at, at + side - cut, side - at))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "half", "double", "cropped", "corner"])
def test_a_copy_is_alike_and_another_picture_is_not(kind: str) -> None:
    image = picture(1)
    copies = {
        "half": image.resize((48, 48)),
        "double": image.resize((192, 192)),
        "cropped": cropped(image, 0.05),
        "corner": cropped(image, 0.04, left=0.0),
    }
    copy = copies.get(kind) or encoded(image, kind)
    found = alike([look(image), look(copy), look(picture(2))])
    assert set(found) == {0, 1}
    assert found[0][1] == found[1][0] <= 1 + 1e-6


def test_the_same_shapes_in_other_colours_are_another_picture() -> None:
    image = picture(1)
    red, green, blue = image.split()
    assert alike([look(image), look(Image.merge("RGB", (blue, red, green)))]) == {}


def test_the_best_is_on_top_and_what_is_unknown_is_in_no_stack() -> None:
    image = picture(3)
    looks = [look(picture(4)), None, look(image), look(picture(5)), look(encoded(image, "JPEG")), look(image)]
    assert stacks(looks) == [[2, 4, 5]]
    assert stacks([]) == stacks([None]) == []


def test_a_chain_of_similar_pictures_is_not_one_stack() -> None:
    """Each is shifted a little against the one before; the ends have little in common."""
    wide = picture(6, 160)
    chain = [look(wide.crop((left, 0, left + 96, 96))) for left in range(0, 24, 2)]
    near = alike(chain)
    assert all(i + 1 in near[i] for i in range(len(chain) - 1)), "each is alike the next one"
    assert len(chain) - 1 not in near[0]
    found = stacks(chain)
    assert max(len(one) for one in found) < len(chain)
    assert all(b in near[a] for one in found for a in one for b in one if a != b)


def test_a_stack_has_a_bound_and_grey_pictures_of_any_size_have_a_structure() -> None:
    same = look(picture(7))
    assert [len(one) for one in stacks([same] * (MOST_STACKED + 2))] == [MOST_STACKED, 2]
    flat = Image.new("LA", (1, 700), 90)
    assert len(structure(flat)) == BYTES
    assert len(perceptual_hash(structure(flat))) == 16
