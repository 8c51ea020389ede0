"""Raw training images from a folder, tables and shards: the same images, whatever holds them."""

import io
import json
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from dreamtuner.train.data.raw import Raw
from flows.spec.problems import InputError
from flows.training.sources import chunks_of
from storage.sources import SourceError


def _png(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 4), colour).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "images"
    (place / "more").mkdir(parents=True)
    for name, colour in (("a", "red"), ("more/b", "blue")):
        (place / f"{name}.png").write_bytes(_png(colour))
        (place / f"{name}.txt").write_text(f"a {colour} thing")
    (place / "a.mask.png").write_bytes(_png("white"))
    (place / "a.depth.png").write_bytes(_png("grey"))
    (place / "notes.txt").write_text("no image")
    return place


def _facts(images: list[Raw]) -> list[tuple[str | None, bytes, bytes | None, list[str]]]:
    return [(one.caption, one.read(), one.mask() if one.mask else None, sorted(one.controls)) for one in images]


EXPECTED = [
    ("a red thing", _png("red"), _png("white"), ["depth"]),
    ("a blue thing", _png("blue"), None, []),
]


def _all(data: str, per_chunk: int = 100) -> list[Raw]:
    return [raw for chunk in chunks_of(data, per_chunk) for raw in chunk.images()]


def test_a_folder(folder: Path):
    found = _all(str(folder))
    assert [one.key for one in found] == ["a", "more/b"]
    assert _facts(found) == EXPECTED
    assert len(chunks_of(str(folder), 1)) == 2


def test_tables(folder: Path):
    csv = folder / "list.csv"
    csv.write_text("image,caption,mask,depth\na.png,a red thing,a.mask.png,a.depth.png\nmore/b.png,a blue thing,,\n")
    assert _facts(_all(str(csv))) == EXPECTED
    jsonl = folder / "list.jsonl"
    rows = [
        {"image": "a.png", "text": "a red thing", "mask": "a.mask.png", "depth": "a.depth.png", "width": 4},
        {"image": "more/b.png", "text": ["a blue thing"]},
    ]
    jsonl.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    assert _facts(_all(str(jsonl))) == EXPECTED


def test_a_shard_is_read_front_to_back(folder: Path, tmp_path: Path):
    shards = tmp_path / "shards"
    shards.mkdir()
    with tarfile.open(shards / "0.tar", "w") as tar:
        for file in sorted(folder.rglob("*.*")):
            tar.add(file, file.relative_to(folder))
    for data in (str(shards), str(shards / "0.tar"), str(shards / "*.tar")):
        found = [_facts([raw])[0] for raw in _all(data)]  # one after the other, as a stream gives them
        assert found == EXPECTED


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.csv", "picture\na.png\n", r"line 2: the column image is missing"),
        ("broken.jsonl", "{\n", r"line 1: it is not JSON"),
        ("list.jsonl", "[1]\n", r"line 1: it is not an object"),
        ("nothing", None, r"is not a folder"),
    ],
)
def test_what_is_no_data_is_said(tmp_path: Path, name: str, content: str | None, said: str):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=said):
        chunks_of(str(tmp_path / name), 10)


def test_a_damaged_shard_is_said(tmp_path: Path):
    (tmp_path / "0.tar").write_bytes(b"no archive" * 200)
    with pytest.raises(SourceError, match=r"damaged \.tar"):
        _all(str(tmp_path / "0.tar"))
