"""saliency: high on what stands apart from the border, nothing on a flat picture."""

import numpy as np
import pytest

from dreamtuner.preprocess.saliency import saliency, superpixels


def square(background: tuple[int, int, int], subject: tuple[int, int, int]) -> np.ndarray:
    picture = np.full((120, 160, 3), background, dtype=np.uint8)
    picture[40:80, 60:100] = subject
    return picture


@pytest.mark.parametrize(("background", "subject"), [((20, 20, 20), (240, 240, 240)), ((90, 160, 90), (160, 90, 160))])
def test_subject_is_salient_and_border_is_background(
    background: tuple[int, int, int], subject: tuple[int, int, int]
) -> None:
    salient, behind = saliency(square(background, subject))
    assert salient.shape == behind.shape == (120, 160)
    assert salient.min() >= 0
    assert salient.max() == pytest.approx(1)
    assert salient[45:75, 65:95].min() > 0.7 > 0.3 > salient[:30].max()
    assert behind[45:75, 65:95].max() < 0.2
    assert behind[:30].min() > 0.8


def test_both_parts_of_a_two_part_background_are_background() -> None:
    picture = square((120, 190, 240), (220, 40, 40))
    picture[70:, :60] = picture[70:, 100:] = picture[80:] = (230, 210, 150)
    salient, behind = saliency(picture)
    assert behind[90:, :].min() > 0.5
    assert behind[:30].min() > 0.5
    assert salient[45:75, 65:95].mean() > 5 * salient[90:].mean()


def test_flat_picture_has_no_saliency() -> None:
    salient, behind = saliency(square((100, 100, 100), (104, 104, 104)))
    assert salient.max() == 0
    assert behind.min() == 1


def test_superpixels_are_numbered_and_described() -> None:
    patches = superpixels(square((20, 20, 20), (240, 240, 240)), count=60)
    count = len(patches.colour)
    assert np.array_equal(np.unique(patches.labels), np.arange(count))
    assert patches.colour.shape == (count, 3)
    assert patches.place.shape == (count, 2)
    assert patches.border.shape == (count,)
    assert patches.border[patches.labels[0]].all()
    assert not patches.border[patches.labels[60, 80]]
    assert (patches.pairs[:, 0] < patches.pairs[:, 1]).all()
    assert patches.place.min() > 0
    assert patches.place.max() < 1
