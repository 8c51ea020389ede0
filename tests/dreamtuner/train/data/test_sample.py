"""A prepared image survives its archive, and the archive is one that tarfile and WebDataset read."""

import io
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from dreamtuner.families.text_states import TextStates
from dreamtuner.train.data.manifest import Index, Shard
from dreamtuner.train.data.sample import Sample, end_of_archive, pack, pixels_of, unpack


def _sample(key: str = "a/bär") -> Sample:
    image = Image.fromarray(np.arange(8 * 16 * 3, dtype=np.uint8).reshape(8, 16, 3))
    g = torch.Generator().manual_seed(1)
    states = TextStates(torch.randn(1, 3, 4, generator=g), torch.randn(1, 5, generator=g))
    return Sample(
        key, "a bear, naïve", torch.randn(4, 2, 3, generator=g), image, image.convert("L"), {"depth": image}, states
    )


def test_an_image_survives():
    one = _sample()
    found = unpack(pack(one, "00000003"))
    assert (found.key, found.caption, found.size) == (one.key, one.caption, (16, 8))
    assert torch.equal(found.x0, one.x0.half().float())
    assert found.text is not None
    assert one.text is not None
    assert torch.equal(found.text.states, one.text.states.half().float())
    assert found.text.pooled is not None
    assert found.subject.tobytes() == one.subject.tobytes()
    assert found.mask.tobytes() == one.mask.tobytes()
    assert found.controls["depth"].tobytes() == one.subject.tobytes()
    assert pack(one, "00000003") == pack(one, "00000003")


def test_shards_are_archives():
    parts = [pack(_sample(str(i)), f"{i:08d}") for i in range(3)]
    data = b"".join(parts)
    with tarfile.open(fileobj=io.BytesIO(data + end_of_archive(len(data)))) as tar:
        names = tar.getnames()
    assert len(names) == 18
    assert {name.partition(".")[0] for name in names} == {"00000000", "00000001", "00000002"}


def test_a_damaged_image_is_said():
    whole = pack(_sample(), "00000000")
    with pytest.raises(ValueError, match="prepare its shard again"):
        unpack(whole[:600])


def test_an_index_survives():
    shard = Shard(
        key="shards/00000-0000.tar",
        sha256="0" * 64,
        bytes=30,
        images=("a", "b"),
        offsets=(0, 10, 25),
        sizes=((8, 8), (16, 8)),
        faulty={"c": "is empty"},
        doubtful=0,
        own_captions=2,
    )
    found = Index.from_bytes(Index.of([shard, shard]).to_bytes())
    assert found.shard.tolist() == [0, 0, 1, 1]
    assert found.offset.tolist() == [0, 10, 0, 10]
    assert found.bytes.tolist() == [10, 15, 10, 15]
    assert found.width.tolist() == [8, 16, 8, 16]
    assert shard.raw == 3


def test_pixels_are_channels_first():
    image = Image.new("RGB", (2, 1))
    image.putpixel((1, 0), (255, 0, 51))
    assert pixels_of(image).tolist() == [[[0, 1]], [[0, 0]], [[0, pytest.approx(0.2)]]]
