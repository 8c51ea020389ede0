"""Names by a template, pictures in other formats, captions, and who reviewed."""

import io
import json
import zipfile
from typing import Any

import pytest

from deploy.dashboard.exports.options import ExportOptions, check_keys
from storage.catalog.records import CatalogError
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.test_export import approve


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("{folder}/{seed}", "use {id} or {n}"),
        ("{id}/{nothing}", "{nothing} is not known"),
        ("{id!r}", "is not known"),
        ("{id:>9}", "is not known"),
        ("{id", "brace"),
        ("/etc/{id}", "no name of a file or folder"),
        ("../{id}", "no name of a file or folder"),
        ("a//{id}", "no name of a file or folder"),
        ("{id}:x", "is not portable"),
        ("{id}" + "x" * 200, "longer than 200"),
        (".{id}", "no name of a file or folder"),
        ("notice.txt/{n}", "the folder 'notice.txt' may be called notice.txt"),
        ("Manifest.CSV/{n}", "may be called manifest.csv"),
        ("{run}.jsonl/{n}", "may be called manifest.jsonl"),
        ("{prompt}" * 4 + "{id}", "longer than 240 characters"),
    ],
)
def test_a_template_that_names_no_file_is_refused(names: str, said: str) -> None:
    with pytest.raises(CatalogError) as error:
        ExportOptions(names=names)
    assert said in str(error.value)


@pytest.mark.parametrize("names", ["notice/{n}", "manifest.csv-{id}", "{run}/{n}", "a/notice.txt/{n}"])
def test_a_template_beside_the_manifests_is_none_of_them(names: str) -> None:
    assert ExportOptions(names=names).template == names


@pytest.mark.parametrize("stem", ["Bears/000001", "a b/000001", "_a/000001", "x" * 510])
def test_what_is_no_key_is_refused_for_a_bucket(stem: str) -> None:
    with pytest.raises(CatalogError, match=r"names: '.*' cannot be a name in a bucket; write lower-case"):
        check_keys(["pip-1/000001-seed7", stem])
    check_keys(["pip-1/000001-seed7"])


@pytest.mark.parametrize("more", [{"names": "{id}-{prompt}"}, {"names": "{id}-{seed}"}, {"captions": True}])
def test_without_metadata_no_name_and_no_caption_tells_it(more: dict[str, Any]) -> None:
    with pytest.raises(CatalogError, match="without metadata"):
        ExportOptions(metadata=False, **more)


def test_an_export_is_named_encoded_and_captioned_as_asked_and_says_who_reviewed(site: Site) -> None:
    approve(site, 1, 2)
    with site.client("reviewer") as client:
        wrong = client.post("/export/zip", data={"names": "{x}"})
        assert (wrong.status_code, "{x} is not known" in wrong.text) == (400, True)
        asked = {"names": "{subject}/{n} {prompt}", "pictures": "jpeg", "quality": "80", "captions": "yes"}
        answer = client.post("/export/zip", data=asked)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        names = archive.namelist()
        lines = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
        assert [line["file"] for line in lines] == [
            f"pip/{n:05d} a-photo-of-a-bear-on-the-beach.jpg" for n in (1, 2)
        ]  # fmt: skip
        assert archive.read(names[0]).startswith(b"\xff\xd8")
        assert archive.read(names[1]) == b"a photo of a bear on the beach\n"
    assert {(line["reviewer"], *line["approved_by"]) for line in lines} == {("operator", "operator")}
    assert all(line["reviewed_at"] > line["created_at"] for line in lines)
