"""What moves between two poses, how much the rest flickers, frames as references, and the files that players open."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw

from dreamtuner.rendering.film_strip import FRAME, MOST, Strip, film_strip
from dreamtuner.rendering.video_file import SHOWN, Codec, enlarged, write_mp4, write_webp
from dreamtuner.sampling.video import MARGIN, flicker, frame_reference, moving

Skeleton = Callable[..., Image.Image]


def arm(x: int, side: int = 64) -> Image.Image:
    """A body that stands still in the middle, and one dot that is elsewhere each time."""
    image = Image.new("RGB", (side, side))
    unit = side // 64
    ImageDraw.Draw(image).line([unit * 32, unit * 20, unit * 32, unit * 60], "yellow", 2 * unit)
    ImageDraw.Draw(image).point([(x, 4)], "cyan")
    return image


def grey(level: int) -> Image.Image:
    return Image.new("RGB", (64, 64), (level, level, level))


def test_what_moves_lies_around_the_bones_that_are_not_as_they_were() -> None:
    moved = moving(arm(8), arm(40), (64, 64))
    reach = round(MARGIN * 64)
    assert moved[4, 8]
    assert moved[4, 40]
    assert moved[4, 8 + reach]
    assert not moved[4, 9 + reach]
    assert not moved[40:].any(), "the body stands still"
    assert not moving(arm(8), arm(8), (64, 64)).any()
    large = arm(8, 64).resize((256, 256), Image.Resampling.NEAREST)
    assert np.array_equal(moving(large, arm(40), (64, 64)), moved)


def test_flicker_is_the_mean_change_of_what_stands_still_alone() -> None:
    poses = [arm(8), arm(40), arm(8)]
    assert flicker([grey(100), grey(103), grey(98)], poses) == pytest.approx(4.0)
    waved = [grey(100) for _ in poses]
    moved = moving(poses[0], poses[1], (64, 64))
    pixels = np.asarray(waved[1]).copy()
    pixels[moved] = 255
    assert flicker([waved[0], Image.fromarray(pixels), waved[2]], poses) == 0


def test_flicker_of_what_is_no_video_is_refused() -> None:
    with pytest.raises(ValueError, match="frames: 1 with 1 poses; give two or more"):
        flicker([grey(1)], [arm(8)])
    with pytest.raises(ValueError, match="frames: 2 with 3 poses"):
        flicker([grey(1)] * 2, [arm(8)] * 3)
    everywhere = Image.effect_noise((64, 64), 90).convert("L")
    wild = Image.merge("RGB", [everywhere.point(lambda v: 255 if v > 150 else 0), *[Image.new("L", (64, 64))] * 2])
    assert flicker([grey(1), grey(2)], [arm(8), wild]) is None, "nothing is static"
    assert flicker([grey(1), grey(2), grey(4)], [arm(8), wild, wild]) == 2


def test_a_frame_is_a_reference_without_mask_that_passes_in_its_own_pose(skeleton: Skeleton) -> None:
    pose = skeleton(64, 64).resize((256, 256), Image.Resampling.NEAREST)
    found = frame_reference(grey(9), "a bear", {"pose": pose})
    assert (found.mask, found.caption, found.image.size) == (None, "a bear", (64, 64))
    assert found.layouts["pose"].tobytes() == skeleton(64, 64).tobytes()


@pytest.mark.parametrize(("size", "shown"), [((64, 64), 256), ((63, 63), 630), ((512, 512), 512), ((301, 301), 602)])
def test_small_frames_grow_by_a_whole_factor_to_even_sides(size: tuple[int, int], shown: int) -> None:
    assert enlarged(Image.new("RGB", size)).size == (shown, shown)
    assert shown >= SHOWN
    assert shown % 2 == 0


@pytest.mark.parametrize(("given", "codec"), [({}, "vp9"), ({"codec": "h264"}, "h264")])
def test_the_files_hold_every_frame_at_its_time(tmp_path: Path, given: dict[str, Codec], codec: str) -> None:
    frames = [grey(level) for level in (0, 80, 160, 240, 40)]
    write_mp4(tmp_path / "a.mp4", frames, 5, **given)
    write_mp4(tmp_path / "b.mp4", frames, 5, **given)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    with av.open(str(tmp_path / "a.mp4")) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == (codec, "yuv420p")
        assert float(stream.average_rate or 0) == 5
        decoded = [np.asarray(frame.to_image(), dtype=int) for frame in file.decode(stream)]
    assert len(decoded) == 5
    assert all(np.abs(a - np.asarray(enlarged(b), dtype=int)).max() <= 6 for a, b in zip(decoded, frames, strict=True))
    write_webp(tmp_path / "a.webp", frames, 5)
    with Image.open(tmp_path / "a.webp") as image:
        assert image.n_frames == 5
        for i, frame in enumerate(frames):
            image.seek(i)
            image.load()
            assert image.info["duration"] == 200
            assert image.convert("RGB").tobytes() == enlarged(frame).tobytes()


def test_a_strip_shows_what_is_there_and_what_is_missing() -> None:
    poses = [arm(8), arm(40)]
    whole = film_strip("t", "d", [Strip("pip", poses, [("video", 1.5, [grey(7), grey(8)])])])
    colours = {colour: count for count, colour in whole.getcolors(whole.width * whole.height) or []}
    assert colours[7, 7, 7] == colours[8, 8, 8] == FRAME * FRAME
    lacking = film_strip("t", "d", [Strip("pip", poses, [("video", None, [grey(7), None])])])
    assert lacking.size == whole.size
    assert lacking.tobytes() != whole.tobytes()
    long = film_strip("t", "d", [Strip("pip", [arm(8)] * 50, [("video", 1.0, [grey(i) for i in range(50)])])])
    shown = {colour for _, colour in long.getcolors(long.width * long.height) or []}
    assert {(0, 0, 0), (49, 49, 49)} <= shown
    assert long.width < (MOST + 4) * FRAME * 1.2
