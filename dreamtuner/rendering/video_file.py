"""Frames as files that players open: MP4 by PyAV, animated WebP by Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Literal

import av
from PIL import Image

Codec = Literal["vp9", "h264"]
ENCODERS: dict[Codec, tuple[str, dict[str, str]]] = {
    "vp9": ("libvpx-vp9", {"b": "0", "deadline": "good", "cpu-used": "2", "row-mt": "0"}),
    "h264": ("libx264", {"preset": "medium"}),
}
"""FFmpeg's encoder and its options. VP9's is under a BSD licence, and browsers play what it makes; H.264's is under the
GPL, and players that know no VP9, Apple's QuickTime among them, play what that makes."""
SHOWN = 256
"""Small pictures are enlarged by a whole factor to this side or more: players blur what they enlarge themselves."""


def enlarged(frame: Image.Image) -> Image.Image:
    """RGB, enlarged by a whole factor until its shorter side is SHOWN or more, both sides even, as 4:2:0 wants them."""
    factor = max(1, ceil(SHOWN / min(frame.size)))
    factor *= 1 if all(side * factor % 2 == 0 for side in frame.size) else 2
    size = (frame.width * factor, frame.height * factor)
    return frame.convert("RGB").resize(size, Image.Resampling.NEAREST)


def write_mp4(path: Path, frames: Sequence[Image.Image], fps: int, codec: Codec = "vp9") -> None:
    """Write frames of one size, `fps` a second. One thread: the same frames give the same file."""
    encoder, options = ENCODERS[codec]
    shown = [enlarged(frame) for frame in frames]
    with av.open(str(path), "w", format="mp4") as file:
        stream = file.add_stream(encoder, rate=fps, options={"crf": "12", "threads": "1", **options})
        assert isinstance(stream, av.VideoStream)
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
