import os
from pathlib import Path
from typing import Any

import pytest

from storage.sources import SourceError, read_source


def read(source: str, max_bytes: int = 1000, base: Path | None = None) -> bytes:
    return read_source(source, max_bytes=max_bytes, base=base)


def test_a_path_is_relative_to_its_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a file.png").write_bytes(b"bytes")
    assert read("a file.png", base=tmp_path) == b"bytes"
    assert read(str(tmp_path / "a file.png"), base=Path("/nowhere")) == b"bytes"
    monkeypatch.chdir(tmp_path)
    assert read("a file.png") == b"bytes"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read("~/a file.png", base=Path("/nowhere")) == b"bytes"


def test_a_file_may_have_exactly_the_limit(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read("a", 5, tmp_path) == b"12345"
    with pytest.raises(SourceError, match="larger than the limit of 4 bytes"):
        read("a", 4, tmp_path)


def test_what_is_no_file_is_refused_and_never_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "/dev/zero"):
        with pytest.raises(SourceError, match=r"not a regular file|Is a directory"):
            read(name, base=tmp_path)
    for name in ("missing.png", "", "a\0b", "x" * 5000, "~nobody-of-this-name/a"):
        with pytest.raises(SourceError):
            read(name, base=tmp_path)
    with pytest.raises(SourceError, match=r"'missing\.png' cannot be read in .*: No such file or directory"):
        read("missing.png", base=tmp_path)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "gopher://127.0.0.1/", "FILE:///etc/passwd"])
def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(SourceError, match="give a path, an https:// or an s3:// URL"):
        read(url)


def test_an_object_is_read_from_its_bucket_within_the_limit(s3: Any) -> None:
    key = "Some Folder/é +1.png"
    s3.put_object(Bucket="pictures", Key=key, Body=b"bytes")
    assert read(f"s3://pictures/{key}", 5) == b"bytes"
    with pytest.raises(SourceError, match="larger than the limit of 4 bytes"):
        read(f"s3://pictures/{key}", 4)


@pytest.mark.parametrize(
    "url", ["s3://pictures/none.png", "s3://no-such-bucket/a", "s3://pictures", "s3://", "s3://UP/a"]
)
def test_an_object_that_cannot_be_read_is_named(s3: Any, url: str) -> None:
    with pytest.raises(SourceError, match=url):
        read(url)
