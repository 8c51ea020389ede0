"""Frames as files that players open: MP4 (H.264) by PyAV, animated WebP by Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import av
from PIL import Image

SHOWN = 256
"""Small pictures are enlarged by a whole factor to this side or more: players blur what they enlarge themselves."""


def enlarged(frame: Image.Image) -> Image.Image:
    """RGB, enlarged by a whole factor until its shorter side is SHOWN or more, both sides even, as H.264 wants them."""
    factor = max(1, ceil(SHOWN / min(frame.size)))
    factor *= 1 if all(side * factor % 2 == 0 for side in frame.size) else 2
    size = (frame.width * factor, frame.height * factor)
    return frame.convert("RGB").resize(size, Image.Resampling.NEAREST)


def write_mp4(path: Path, frames: Sequence[Image.Image], fps: int) -> None:
    """Write frames of one size, `fps` a second. One thread: the same frames give the same file."""
    shown = [enlarged(frame) for frame in frames]
    with av.open(str(path), "w", format="mp4") as file:
        stream = file.add_stream("libx264", rate=fps, options={"crf": "12", "preset": "medium", "threads": "1"})
        stream.width, stream.height = shown[0].size
        stream.pix_fmt = "yuv420p"  # what every player and browser decodes
        for frame in shown:
            file.mux(stream.encode(av.VideoFrame.from_image(frame)))
        file.mux(stream.encode())


def write_webp(path: Path, frames: Sequence[Image.Image], fps: int) -> None:
    """Write frames of one size without loss, `fps` a second, again and again."""
    first, *others = [enlarged(frame) for frame in frames]
    first.save(
        path, "WEBP", save_all=True, append_images=others, duration=round(1000 / fps), loop=0, lossless=True, method=4
    )
