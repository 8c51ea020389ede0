"""Half of a URL is refused: it would become a folder, or a file that is not there."""

from pathlib import Path

import pytest

from flows.settings import Settings, SettingsError
from storage.objects import DiskStore, StoreError, open_store
from storage.sources import SourceError, read_source


@pytest.mark.parametrize(
    "url", ["s3:", "s3:/", "s3://", "s3:///x", "s3:bucket", "s3:/bucket/x", "S3://bucket", "file:x", "file://", " ", ""]
)
def test_no_store_is_opened(url: str) -> None:
    with pytest.raises(StoreError, match="bucket"):
        open_store(url)


def test_a_folder_may_be_called_anything_if_one_insists() -> None:
    for given, root in (
        ("./s3:x", Path("s3:x")),
        ("file:///tmp/a%20b", Path("/tmp/a b")),
        ("objects", Path("objects")),
    ):
        store = open_store(given)
        assert isinstance(store, DiskStore)
        assert store.root == root.absolute()


@pytest.mark.parametrize("source", ["s3:bucket/key.png", "s3:/bucket/key.png", "https:/host/pip.png", "HTTP:pip.png"])
def test_no_source_is_read(source: str) -> None:
    with pytest.raises(SourceError, match="an incomplete URL"):
        read_source(source, max_bytes=10)


def test_the_data_folder_is_no_bucket() -> None:
    with pytest.raises(SettingsError, match="DREAMTUNER_STORE_URL"):
        Settings.load({"DREAMTUNER_HOME": "s3://bucket/home"})
