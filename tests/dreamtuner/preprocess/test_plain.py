"""PlainMasker: subjects on plain grounds are cut out whole, and what is not plain is said."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dreamtuner.evaluation.masks.drawings import drawing
from dreamtuner.preprocess.auto import AutoMasker
from dreamtuner.preprocess.ground import filled, ground_of
from dreamtuner.preprocess.plain import PlainMasker


def iou(found: Image.Image, truth: Image.Image) -> float:
    a, b = np.asarray(found) > 0, np.asarray(truth) > 0
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize(
    ("kind", "ground"),
    [
        ("white", "white"),
        ("gaps", "jpeg"),
        ("thin", "gradient"),
        ("strands", "vignette"),
        ("cropped", "noise"),
        ("coloured", "shadow"),
    ],
)
def test_characters_on_plain_grounds(kind: str, ground: str) -> None:
    image, truth = drawing(kind, ground, 7)
    found = PlainMasker().cut(image)
    assert found.mask.mode == "L"
    assert set(np.unique(np.asarray(found.mask))) == {0, 255}
    assert iou(found.mask, truth) > 0.9


def test_an_outline_that_is_open_wide_is_doubted() -> None:
    image = Image.new("RGB", (512, 512), "white")
    draw = ImageDraw.Draw(image)
    draw.arc((130, 130, 380, 380), 20, 340, fill="black", width=6)
    found = PlainMasker().cut(image)
    assert found.mask.getpixel((255, 255)) == 0
    assert found.doubtful


def test_a_ring_may_be_one_or_a_disc_and_is_doubted() -> None:
    image = Image.new("RGB", (512, 512), "white")
    ImageDraw.Draw(image).ellipse((100, 100, 410, 410), outline="#803020", width=60)
    assert PlainMasker().cut(image).doubtful


def test_the_ground_between_strands_is_not_the_subject() -> None:
    image = Image.new("RGB", (512, 512), "#d0c8b0")
    draw = ImageDraw.Draw(image)
    draw.ellipse((180, 250, 330, 400), fill="#402040")
    for x in (190, 220, 250, 280, 310):
        draw.line((255, 300, x * 2 - 255, 120), fill="#402040", width=5)
    mask = PlainMasker().cut(image).mask
    row = np.asarray(mask)[150] > 0
    assert (np.diff(row.astype(int)) == 1).sum() == 5


def test_a_quadratic_ground_is_fitted_although_a_subject_reaches_the_border() -> None:
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    grey = 150 + 20 * x - 30 * y**2
    rgb = np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)
    rgb[200:, 90:160] = (200, 30, 40)
    ground = ground_of(rgb)
    truth = np.zeros((256, 256), dtype=bool)
    truth[200:, 90:160] = True
    assert ground.plainness == 1
    assert ground.apart[~cv2.dilate(truth.astype(np.uint8), np.ones((9, 9))).astype(bool)].max() < ground.tolerance
    subject: NDArray[np.bool_] = filled(ground, 3).subject
    assert subject[205:, 95:155].all()


def test_noise_all_over_is_no_plain_ground() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    found = PlainMasker().cut(Image.fromarray(noise))
    assert (found.confidence, found.mask.getextrema(), found.mask.size) == (0, (0, 0), (64, 64))


@pytest.mark.parametrize("size", [(64, 64), (40, 900)])
def test_one_colour_all_over_has_no_subject(size: tuple[int, int]) -> None:
    for masker in (PlainMasker(), AutoMasker()):
        found = masker.cut(Image.new("RGB", size, "teal"))
        assert (found.confidence, found.doubtful, found.mask.getextrema()) == (0, True, (0, 0))


@pytest.mark.parametrize(
    "panels", [[(20, 20, 240, 490), (260, 20, 490, 240), (260, 260, 490, 490)], [(20, 20, 490, 490)]]
)
def test_panels_of_a_page_and_a_framed_scene_are_no_subject(panels: list[tuple[int, int, int, int]]) -> None:
    page = Image.new("RGB", (512, 512), "white")
    draw = ImageDraw.Draw(page)
    for left, top, right, bottom in panels:
        draw.rectangle((left, top, right, bottom), fill="#a0c0e0", outline="black", width=4)
        draw.ellipse((left + 60, top + 60, left + 140, bottom - 40), fill="#a03020")
    assert PlainMasker().cut(page).confidence == 0


def test_a_box_is_a_subject() -> None:
    image = Image.new("RGB", (512, 512), "white")
    ImageDraw.Draw(image).rectangle((120, 150, 390, 380), fill="#806020", outline="#302010", width=8)
    assert not PlainMasker().cut(image).doubtful
