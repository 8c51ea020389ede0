"""tidy: one whole subject out of a ragged cut."""

import numpy as np

from dreamtuner.preprocess.grabcut import tidy


def canvas() -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros((100, 100), dtype=bool)
    mask[20:80, 30:70] = True
    return mask, np.where(mask, 1.0, 0.1)


def test_whole_mask_is_left_alone_but_for_its_corners() -> None:
    mask, salient = canvas()
    assert (tidy(mask, salient) == mask).all()


def test_faint_pieces_and_crumbs_go_and_salient_pieces_stay() -> None:
    mask, salient = canvas()
    hand, lamp, crumb = np.s_[40:50, 80:90], np.s_[2:12, 2:12], np.s_[95, 95]
    for piece, value in ((hand, 0.9), (lamp, 0.5), (crumb, 1.0)):
        mask[piece], salient[piece] = True, value
    found = tidy(mask, salient)
    assert found[hand].all()
    assert not found[lamp].any()
    assert not found[crumb]


def test_cracks_and_small_holes_close_and_large_holes_stay() -> None:
    mask, salient = canvas()
    mask[20:80, 49:52] = False  # a seam through the middle
    mask[30:37, 34:41] = False  # an eye
    assert tidy(mask, salient)[22:78, 30:70].all()
    ring, salient = canvas()
    ring[30:70, 38:62] = False
    assert not tidy(ring, salient)[45:55, 45:55].any()


def test_bay_that_opens_to_the_border_is_no_hole() -> None:
    mask = np.ones((60, 60), dtype=bool)
    mask[50:, 25:35] = False
    assert not tidy(mask, np.ones((60, 60)))[55:, 27:33].any()


def test_closing_does_not_reach_for_the_border() -> None:
    mask = np.zeros((60, 60), dtype=bool)
    mask[2:40, 20:40] = True
    assert not tidy(mask, mask.astype(float))[:2].any()


def test_empty_mask_stays_empty() -> None:
    assert not tidy(np.zeros((40, 40), dtype=bool), np.zeros((40, 40))).any()
