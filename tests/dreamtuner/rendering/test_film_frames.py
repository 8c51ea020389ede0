"""Frames of films: videos, animated images and folders, evenly in time, and what cannot be read."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dreamtuner.rendering.film_frames import FilmError, film_frames, resampled
from dreamtuner.rendering.video_file import write_mp4

LEVELS = (0, 40, 80, 120, 160, 200)


def grey(level: int) -> Image.Image:
    return Image.new("RGB", (64, 48), (level, level, level))


@pytest.fixture
def films(tmp_path: Path) -> dict[str, Path]:
    """One film of six grey levels in every form; in the folder, numbers decide the order."""
    frames = [grey(level) for level in LEVELS]
    made = {name: tmp_path / f"a.{name}" for name in ("mp4", "gif", "png", "webp")}
    write_mp4(made["mp4"], frames, 5)
    more = {"save_all": True, "append_images": frames[1:], "duration": 200}
    frames[0].save(made["gif"], **more)
    frames[0].save(made["png"], **more)
    frames[0].save(made["webp"], lossless=True, **more)
    folder = made["folder"] = tmp_path / "frames"
    folder.mkdir()
    for i, frame in enumerate(frames):
        frame.save(folder / f"f{8 + i}.png")
    (folder / "notes.txt").write_text("no frame")
    return made


def levels(film: Path | bytes, count: int | None = None, *, loop: bool = False) -> list[int]:
    found = film_frames(film, count, loop=loop)
    return [round(float(np.asarray(one.image).mean()) / 40) * 40 for one in found]


@pytest.mark.parametrize("kind", ["mp4", "gif", "png", "webp", "folder"])
def test_a_film_in_every_form_evenly_in_time(films: dict[str, Path], kind: str) -> None:
    film = films[kind]
    assert levels(film) == list(LEVELS)
    assert levels(film, 3) == [0, 80, 200]
    assert levels(film, 3, loop=True) == [0, 80, 160]
    assert levels(film, 11)[::2] == list(LEVELS), "more frames than there are repeat some"
    last = film_frames(film, 2)[-1]
    assert last.index == 5
    assert last.seconds == pytest.approx(5.0 if kind == "folder" else 1.0, abs=0.01)
    if kind != "folder":
        assert levels(film.read_bytes(), 3) == [0, 80, 200], "what lies elsewhere comes as bytes"


def test_frames_of_uneven_length_are_taken_by_their_times() -> None:
    assert resampled([0.0, 1.0, 1.1, 1.2], 1.3, 3) == [0, 0, 3]
    assert resampled([5.0, 6.0], 2.0, 4, loop=True) == [0, 0, 1, 1]


def test_what_is_no_film_is_refused_with_the_remedy(films: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "words.mp4").write_text("not a film")
    grey(9).save(tmp_path / "one.png")
    (films["folder"] / "f9.png").write_bytes(b"damaged")
    for film, said in {
        tmp_path / "none.mp4": "is neither a file nor a folder",
        tmp_path / "empty": "is a folder without images; name them in their order",
        tmp_path / "words.mp4": r"cannot be read .*; give a video, an animated image or a folder",
        tmp_path / "one.png": "has 1 frame; give a film of two or more",
        films["folder"]: r"f9\.png in it cannot be read",
    }.items():
        with pytest.raises(FilmError, match=said):
            film_frames(film)
    cut = tmp_path / "cut.gif"
    cut.write_bytes(films["gif"].read_bytes()[:120])
    with pytest.raises(FilmError, match=r"damaged|cannot be read"):
        film_frames(cut)
