"""Reads frames of a film, evenly in time: videos by PyAV, animated images by Pillow, or a folder of images."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
"""Endings of the files of a folder that are frames."""
MOST = 1000
"""Frames that are read of a film at most."""
_BROKEN = (OSError, SyntaxError, ValueError, EOFError)


class FilmError(ValueError):
    """A film that cannot be read; the message says why and how to mend it."""


@dataclass(frozen=True)
class FilmFrame:
    """One frame: its position in the film, from 0, the seconds at which it is shown, and the picture, RGB."""

    index: int
    seconds: float
    image: Image.Image


@dataclass(frozen=True)
class _Film:
    """When each frame is shown, seconds, in order; how long all last; and a reader of frames by ascending index."""

    starts: Sequence[float]
    length: float
    read: Callable[[Sequence[int]], Iterator[Image.Image]]


def film_frames(film: Path | bytes, count: int | None = None, *, loop: bool = False) -> list[FilmFrame]:
    """Return `count` frames of a film, evenly in time; None: each of its frames.

    The first is the film's first, and the last its last; of a loop the last comes one step before the first again. More
    frames than the film has repeat some. A folder's images count as evenly spaced, in the order of their names, of
    which numbers are compared as numbers.

    Raises:
        FilmError: it is no film, damaged, too short or too long.
        ModuleNotFoundError: a video file, and PyAV is not installed.
    """
    source = _opened(film)
    total = len(source.starts)
    if total < 2:
        raise FilmError(f"has {total} frame{'' if total == 1 else 's'}; give a film of two or more")
    if count is None and total > MOST:
        raise FilmError(f"has {total:,} frames; say how many of them to take, {MOST:,} at most")
    chosen = list(range(total)) if count is None else resampled(source.starts, source.length, count, loop=loop)
    wanted = sorted(set(chosen))
    try:
        read = dict(zip(wanted, source.read(wanted), strict=True))
    except _BROKEN as error:
        raise FilmError(f"is damaged ({error}); export it again") from error
    return [FilmFrame(i, source.starts[i], read[i]) for i in chosen]


def resampled(starts: Sequence[float], length: float, count: int, *, loop: bool = False) -> list[int]:
    """Return the positions of the frames that are shown at `count` even times. `starts`: seconds, ascending."""
    last = length if loop else starts[-1] - starts[0]
    steps = count if loop else count - 1
    times = [starts[0] + last * k / max(steps, 1) for k in range(count)]
    return [max(i for i, start in enumerate(starts) if start <= time + 1e-6) for time in times]


def _opened(film: Path | bytes) -> _Film:
    if isinstance(film, Path) and film.is_dir():
        return _folder(film)
    if isinstance(film, Path) and not film.is_file():
        raise FilmError("is neither a file nor a folder; give the path of a film, or of a folder of images")
    try:
        with Image.open(film if isinstance(film, Path) else io.BytesIO(film)):
            image = Image.open(io.BytesIO(film.read_bytes() if isinstance(film, Path) else film))
    except UnidentifiedImageError:
        return _video(film)
    except _BROKEN as error:
        raise FilmError(f"cannot be read ({error}); give a video, an animated image or a folder of images") from error
    return _animation(image)


def _folder(folder: Path) -> _Film:
    files = sorted((one for one in folder.iterdir() if one.suffix.lower() in IMAGES and one.is_file()), key=_by_numbers)
    if not files:
        raise FilmError(
            f"is a folder without images; name them in their order and give them as {', '.join(sorted(IMAGES))}"
        )

    def read(wanted: Sequence[int]) -> Iterator[Image.Image]:
        for i in wanted:
            try:
                with Image.open(files[i]) as image:
                    yield _rgb(ImageOps.exif_transpose(image))
            except (*_BROKEN, UnidentifiedImageError) as error:
                raise FilmError(f"{files[i].name} in it cannot be read ({error}); replace or remove it") from error

    return _Film([float(i) for i in range(len(files))], float(len(files)), read)


def _by_numbers(file: Path) -> list[tuple[int, str]]:
    """Compare 2.png before 10.png."""
    parts = re.findall(r"\d+|\D+", file.name.lower())
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def _animation(image: Image.Image) -> _Film:
    """Frames of an animated image; one without durations shows each for a tenth of a second, as browsers do."""
    starts, now = [], 0.0
    try:
        for frame in ImageSequence.Iterator(image):
            frame.load()  # of WebP only then its duration is known
            starts.append(now)
            now += (float(frame.info.get("duration") or 0) or 100.0) / 1000
    except _BROKEN as error:
        raise FilmError(f"is damaged ({error}); export it again") from error

    def read(wanted: Sequence[int]) -> Iterator[Image.Image]:
        for i in wanted:
            image.seek(i)
            yield _rgb(image)

    return _Film(starts, now, read)


def _rgb(image: Image.Image) -> Image.Image:
    """Return the image on white where it is transparent."""
    shown = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB")


def _video(film: Path | bytes) -> _Film:
    import av  # only videos need it: the extra `video`

    def opened() -> Any:
        return av.open(str(film) if isinstance(film, Path) else io.BytesIO(film))

    try:
        with opened() as file:
            if not file.streams.video:
                raise FilmError("has no pictures; give a video, an animated image or a folder of images")
            stream = file.streams.video[0]
            stamps = sorted({one.pts for one in file.demux(stream) if one.pts is not None})
            base, rate = float(stream.time_base), float(stream.average_rate or 0)
    except (av.FFmpegError, OSError) as error:
        raise FilmError(f"cannot be read ({error}); give a video, an animated image or a folder of images") from error
    starts = [(one - stamps[0]) * base for one in stamps]
    gap = 1 / rate if rate else (starts[-1] / max(len(starts) - 1, 1) if starts else 0.0)

    def read(wanted: Sequence[int]) -> Iterator[Image.Image]:
        left = [stamps[i] for i in wanted]
        try:
            with opened() as file:
                for frame in file.decode(file.streams.video[0]):
                    while left and frame.pts is not None and frame.pts >= left[0]:
                        left.pop(0)
                        picture: Image.Image = frame.to_image()
                        yield picture.rotate(getattr(frame, "rotation", 0), expand=True)
                    if not left:
                        return
        except av.FFmpegError as error:
            raise FilmError(f"is damaged ({error}); export it again") from error
        raise FilmError(f"ends after {len(wanted) - len(left)} of {len(wanted)} frames; export it again")

    return _Film(starts, (starts[-1] if starts else 0.0) + gap, read)
