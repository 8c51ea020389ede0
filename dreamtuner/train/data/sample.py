"""One prepared training image as members of a tar archive in WebDataset's convention: one stem, several endings.

00000012.safetensors   x0: C H W, scaled latents; text: L D and pooled: P, if captions do not change
00000012.subject.png   the subject on white, cut as the CLIP model's image processor cuts it
00000012.mask.png      m_r, of the image's size; 00000012.depth.png: a control image of that size
00000012.txt           the caption; 00000012.json: the image's key and size
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from PIL import Image
from safetensors.torch import load, save
from torch import Tensor

from dreamtuner.families.text_states import TextStates
from dreamtuner.models.layouts import Kind

_PARTS = ("safetensors", "txt", "json", "subject.png", "mask.png")


@dataclass(frozen=True, eq=False)
class Sample:
    """A prepared image. `x0`: C H W scaled latents; `text`: the states of its caption, one row, or None."""

    key: str
    caption: str
    x0: Tensor
    subject: Image.Image
    mask: Image.Image
    controls: Mapping[Kind, Image.Image] = field(default_factory=dict)
    text: TextStates | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the image, pixels."""
        return self.mask.size


def pack(sample: Sample, stem: str) -> bytes:
    """Return the sample as members of a tar archive. Equal samples give equal bytes; numbers become float16."""
    tensors = {"x0": sample.x0}
    if sample.text is not None:
        tensors["text"] = sample.text.states[0]
        if sample.text.pooled is not None:
            tensors["pooled"] = sample.text.pooled[0]
    about = {"key": sample.key, "size": list(sample.size)}
    images = {"subject": sample.subject, "mask": sample.mask, **sample.controls}
    files = {
        "safetensors": save({name: one.detach().cpu().half().contiguous() for name, one in tensors.items()}),
        "txt": sample.caption.encode(),
        "json": json.dumps(about).encode(),
        **{f"{name}.png": _png(image) for name, image in images.items()},
    }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for ending, data in files.items():
            member = tarfile.TarInfo(f"{stem}.{ending}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        end = tar.offset
    return out.getvalue()[:end]  # without the end of the archive, so that others can follow


def unpack(data: bytes) -> Sample:
    """Return the sample of these members.

    Raises:
        ValueError: a member is missing or damaged.
    """
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                found = tar.extractfile(member)
                files[member.name.partition(".")[2]] = found.read() if found is not None else b""
    except tarfile.TarError as error:
        raise ValueError(f"a prepared image is damaged ({error}); prepare its shard again") from error
    if lacking := [one for one in _PARTS if one not in files]:
        raise ValueError(f"a prepared image lacks {', '.join(lacking)}; prepare its shard again")
    tensors = {name: one.float() for name, one in load(files["safetensors"]).items()}
    pooled = tensors["pooled"][None] if "pooled" in tensors else None
    images = {name.removesuffix(".png"): _image(files[name]) for name in files if name.endswith(".png")}
    return Sample(
        json.loads(files["json"])["key"],
        files["txt"].decode(),
        tensors["x0"],
        images.pop("subject"),
        images.pop("mask"),
        images,
        TextStates(tensors["text"][None], pooled) if "text" in tensors else None,
    )


def end_of_archive(length: int) -> bytes:
    """Return what completes a tar archive of members of this many bytes: two empty blocks, and full records."""
    blank = 2 * tarfile.BLOCKSIZE
    return bytes(blank + -(length + blank) % tarfile.RECORDSIZE)


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _image(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def pixels_of(image: Image.Image) -> Tensor:
    """Return an image as 3 H W in 0..1."""
    rgb = image.convert("RGB")
    flat = torch.frombuffer(bytearray(rgb.tobytes()), dtype=torch.uint8)
    return flat.view(rgb.height, rgb.width, 3).permute(2, 0, 1).float().div(255)
