"""foreground_mask: whose mask wins, and which masks are refused."""

import io
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from dreamtuner.preprocess import ForegroundMask, ImageError, foreground_mask

PICTURE = Image.new("RGB", (96, 64), "teal")


@dataclass
class FixedMasker:
    """Answers with one mask and counts how often it was asked."""

    mask: Image.Image
    confidence: float = 0.9
    asked: int = 0
    name: str = "fixed"
    version: str = "1"

    def cut(self, image: Image.Image) -> ForegroundMask:
        self.asked += 1
        return ForegroundMask(self.mask, self.confidence, self.name, doubtful=False)


def box(
    left: int, top: int, right: int, bottom: int, size: tuple[int, int] = (96, 64), value: int = 255
) -> Image.Image:
    mask = Image.new("L", size)
    mask.paste(value, (left, top, right, bottom))
    return mask


def png(picture: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG", **options)
    return stream.getvalue()


LEFT, RIGHT, MIDDLE = box(0, 0, 40, 64), box(50, 0, 96, 64), box(30, 20, 60, 50)


def test_user_mask_wins_over_alpha_and_alpha_over_the_masker() -> None:
    masker = FixedMasker(MIDDLE)
    user = foreground_mask(PICTURE, alpha=RIGHT, user_mask=png(LEFT), masker=masker)
    alpha = foreground_mask(PICTURE, alpha=RIGHT, masker=masker)
    assert (user.method, user.confidence, user.doubtful) == ("user", 1.0, False)
    assert (alpha.method, alpha.confidence, alpha.doubtful) == ("alpha", 1.0, False)
    assert user.mask.tobytes() == LEFT.tobytes()
    assert alpha.mask.tobytes() == RIGHT.tobytes()
    assert masker.asked == 0
    cut = foreground_mask(PICTURE, masker=masker)
    assert cut == ForegroundMask(MIDDLE, 0.9, "fixed-1", False)
    assert masker.asked == 1


def test_masks_become_black_and_white() -> None:
    ramp = Image.fromarray(np.tile(np.linspace(0, 255, 96, dtype=np.uint8), (64, 1)))
    for found in (foreground_mask(PICTURE, user_mask=ramp), foreground_mask(PICTURE, alpha=ramp)):
        assert found.mask.mode == "L"
        assert found.mask.size == PICTURE.size
        assert np.array_equal(np.asarray(found.mask), np.where(np.asarray(ramp) >= 128, 255, 0))


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P", "I;16"])
def test_user_mask_in_any_mode(mode: str) -> None:
    mask = Image.fromarray(np.asarray(LEFT).astype(np.uint16) * 257) if mode == "I;16" else LEFT.convert(mode)
    assert foreground_mask(PICTURE, user_mask=png(mask)).mask.tobytes() == LEFT.tobytes()


def test_user_mask_given_as_a_cut_out_counts_by_its_transparency() -> None:
    cut_out = Image.new("RGBA", (96, 64), "black")  # a dark subject: its brightness would say background
    cut_out.putalpha(LEFT)
    assert foreground_mask(PICTURE, user_mask=png(cut_out)).mask.tobytes() == LEFT.tobytes()


def test_user_mask_is_turned_as_its_exif_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side: a quarter turn clockwise sets it upright
    stored = LEFT.transpose(Image.Transpose.ROTATE_90)
    assert foreground_mask(PICTURE, user_mask=png(stored, exif=exif)).mask.tobytes() == LEFT.tobytes()


@pytest.mark.parametrize("size", [(48, 32), (64, 96), (97, 64)])
def test_mask_of_another_size_is_refused_with_both_sizes(size: tuple[int, int]) -> None:
    mask = Image.new("L", size, 255)
    named = rf"{size[0]} x {size[1]} pixels, the picture 96 x 64"
    with pytest.raises(ImageError, match="the mask is " + named):
        foreground_mask(PICTURE, user_mask=png(mask))
    with pytest.raises(ImageError, match="the alpha channel is " + named):
        foreground_mask(PICTURE, alpha=mask)


@pytest.mark.parametrize("mask", [box(0, 0, 0, 0), box(3, 3, 7, 8), box(0, 0, 96, 64, value=1)])
def test_all_background_is_refused_whoever_says_so(mask: Image.Image) -> None:
    with pytest.raises(ImageError, match=r"marks nothing as subject.*paint the subject white"):
        foreground_mask(PICTURE, user_mask=mask)
    with pytest.raises(ImageError, match="transparent all over"):
        foreground_mask(PICTURE, alpha=mask)
    if max(mask.getextrema()) != 1:
        with pytest.raises(ImageError, match=r"nothing stands out.*mask of your own"):
            foreground_mask(PICTURE, masker=FixedMasker(mask))


def test_all_foreground_is_doubtful_whoever_says_so() -> None:
    full = box(0, 0, 96, 64)
    for found in (
        foreground_mask(PICTURE, user_mask=full),
        foreground_mask(PICTURE, alpha=full),
        foreground_mask(PICTURE, masker=FixedMasker(full)),
    ):
        assert found.doubtful
        assert found.confidence == 0.0


def test_unreadable_mask_file_names_the_mask() -> None:
    with pytest.raises(ImageError, match="the mask cannot be used, the file is not an image"):
        foreground_mask(PICTURE, user_mask=b"mask.png")


@pytest.mark.parametrize("colour", ["black", "white", "teal"])
def test_constant_picture_is_refused_by_the_default_masker(colour: str) -> None:
    with pytest.raises(ImageError, match="nothing stands out"):
        foreground_mask(Image.new("RGB", (80, 64), colour))
