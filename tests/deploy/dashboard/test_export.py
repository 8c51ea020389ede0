"""Exports: as a zip and into a bucket of a real S3 server, with and without how the pictures were made."""

import csv
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from deploy.dashboard.exports.lineage import weights_of_output
from deploy.dashboard.exports.manifest import entry
from storage.catalog import views
from storage.catalog.views.output_subjects import OutputReference
from tests.deploy.dashboard.conftest import Site
from tests.storage.conftest import s3, s3_server

__all__ = ["s3", "s3_server"]

MADE = ("prompt", "seed", "digest", "settings", "scores", "weights_digest")
"""What the manifest says of how a picture was made."""


def approve(site: Site, *outputs: int) -> None:
    for output in outputs:
        site.say("operator", output, "approved", 1)


def check(files: Mapping[str, bytes], *, kept: bool) -> None:
    """Three pictures that open, and two manifests that say the same of them."""
    lines = [json.loads(line) for line in files["manifest.jsonl"].splitlines()]
    assert [line["output_id"] for line in lines] == [3, 2, 1]
    assert files["manifest.csv"].startswith(b"\xef\xbb\xbf")  # by which Excel knows UTF-8
    rows = list(csv.DictReader(io.StringIO(files["manifest.csv"].decode("utf-8-sig"))))
    assert [(row["file"], row["subject"]) for row in rows] == [(line["file"], line["subject"]) for line in lines]
    assert any(b"a photo of a bear" in data for data in files.values()) is kept
    assert any("seed" in line["file"] for line in lines) is kept
    assert set(files) == {"manifest.jsonl", "manifest.csv", "notice.txt", *(line["file"] for line in lines)}
    for line in lines:
        Image.open(io.BytesIO(files[line["file"]])).load()
        assert (b'{"made": "up"}' in files[line["file"]]) is kept
        assert {name for name in MADE if name in line} == (set(MADE) if kept else set())


@pytest.mark.parametrize("metadata", ["keep", "strip"])
def test_the_approved_ones_as_a_zip(site: Site, metadata: str) -> None:
    with site.client("reviewer") as client:
        assert client.post("/export/zip").status_code == 400  # nothing is approved
        approve(site, 1, 2, 3)
        answer = client.post("/export/zip", data={"metadata": metadata})
    assert answer.headers["content-disposition"].startswith("attachment")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert {one.external_attr >> 16 for one in archive.infolist()} == {0o100644}
        check({name: archive.read(name) for name in archive.namelist()}, kept=metadata == "keep")


@pytest.mark.parametrize("metadata", ["keep", "strip"])
def test_the_approved_ones_below_a_prefix_of_a_bucket(site: Site, s3: Any, metadata: str) -> None:
    approve(site, 1, 2, 3)
    with site.client("operator", follow_redirects=True) as client:
        order = {"url": f"s3://pictures/for/{metadata}/", "metadata": metadata, "subject_id": "1"}
        said = client.post("/export/bucket", data=order).text
    assert f"6 files uploaded to s3://pictures/for/{metadata}/" in said
    found = s3.list_objects_v2(Bucket="pictures", Prefix=f"for/{metadata}/")["Contents"]
    (folder,) = {one["Key"].split("/")[2] for one in found}
    bodies = {one["Key"]: s3.get_object(Bucket="pictures", Key=one["Key"]) for one in found}
    files = {key.removeprefix(f"for/{metadata}/{folder}/"): one["Body"].read() for key, one in bodies.items()}
    check(files, kept=metadata == "keep")
    kinds = {key.rpartition(".")[2]: one["ContentType"] for key, one in bodies.items()}
    assert kinds == {"png": "image/png", "jsonl": "application/x-ndjson", "csv": "text/csv", "txt": "text/plain"}
    with site.catalog.read() as s:
        (audit,) = views.audit_page(s, action="export").rows
    assert (audit.actor, audit.after["pictures"], audit.after["metadata"]) == ("operator", 3, metadata == "keep")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("file:///tmp/x", "is not s3://bucket/prefix"),
        ("", "is not s3://bucket/prefix"),
        ("s3://", "is not s3://bucket/prefix"),
        ("s3:///prefix", "is not s3://bucket/prefix"),
        ("s3:/pictures/x", "is not s3://bucket/prefix"),
        ("S3://pictures/x", "is not s3://bucket/prefix"),
        ("s3://pictures/Upper Case", "is not s3://bucket/prefix"),
        ("s3://nowhere-at-all/x", "nowhere"),
    ],
)
def test_a_bucket_that_cannot_be_is_named(site: Site, s3: Any, url: str, said: str) -> None:
    approve(site, 1)
    with site.client("operator") as client:
        answer = client.post("/export/bucket", data={"url": url})
    assert 400 <= answer.status_code <= 502
    assert said in answer.text.replace("&#39;", "'")
    assert not list(Path().glob("[sS]3:*"))


def test_names_that_a_bucket_cannot_hold_are_refused_before_the_audit(site: Site, s3: Any) -> None:
    approve(site, 1)
    with site.client("operator") as client:
        answer = client.post("/export/bucket", data={"url": "s3://pictures/x", "names": "Bears/{id}"})
    assert answer.status_code == 400
    said = answer.text.replace("&#39;", "'")
    assert "Names: 'Bears/000001' cannot be a name in a bucket" in said
    with site.catalog.read() as s:
        assert views.audit_page(s, action="export").rows == []


def test_a_picture_that_the_store_lost_is_named_in_the_manifest(site: Site) -> None:
    approve(site, 1, 2)
    with site.catalog.read() as s:
        sha256 = views.output(s, 1).image_sha256
    next((site.home / "objects/blobs").rglob(sha256)).unlink()
    with site.client("reviewer") as client:
        answer = client.post("/export/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        lines = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
        assert [(line["output_id"], "error" in line) for line in lines] == [(2, False), (1, True)]
        assert len(archive.namelist()) == 4


def test_a_cell_of_the_manifest_is_no_formula(site: Site) -> None:
    from deploy.dashboard.exports.manifest import _cell

    given = ("=1+1", "@x", "-2", " +1", "\t=1", "\r=1", "＝1", "a", 3, -3, "a=1")
    wanted = ["'=1+1", "'@x", "'-2", "' +1", "'\t=1", "'\r=1", "'＝1", "a", 3, -3, "a=1"]
    assert [_cell(one) for one in given] == wanted


def test_weights_behind_an_edit_are_those_behind_its_picture_too(shared: Site) -> None:
    with shared.catalog.read() as s:
        one = views.output(s, 5, licences=True)
    source = replace(one, profile="other", licence="CC-BY-NC-4.0")
    settings = {**one.settings, "edit": {"cell": source.digest, "masker": "nobody's", "weight": 1.0}}
    edited = replace(one, settings=settings, lineage={"edit": replace(one, lineage={"first": source})})
    own, found = set(weights_of_output(one, {})), set(weights_of_output(edited, {}))
    assert own < found
    assert {(weight.name, weight.licence.name) for weight in found - own} >= {("other", "CC-BY-NC-4.0")}
    assert {weight.name for weight in found - own if weight.role == "masker"} == {"nobody's"}


def test_the_manifest_names_further_references_with_their_weights(shared: Site) -> None:
    with shared.catalog.read() as s:
        one = views.output(s, 1, licences=True)
    assert "further_references" not in entry(one, one.subjects[0], "a.png", metadata=True)
    about = {"source": "", "mask_version": 1, "newer_mask": False}
    further = [
        OutputReference(reference_id=7, sha256="a" * 64, mask_sha256="b" * 64, caption="a back", **about),
        OutputReference(reference_id=8, sha256="c" * 64, mask_sha256=None, caption="a side", **about),
    ]
    recipe = [{"reference": "a" * 64, "mask": "b" * 64, "caption": "a back", "weight": 0.5}, {"reference": "c" * 64}]
    link = replace(one.subjects[0], further=further)
    said = entry(replace(one, settings={**one.settings, "references": recipe}), link, "a.png", metadata=True)
    assert said["further_references"] == [
        {"reference_sha256": "a" * 64, "mask_sha256": "b" * 64, "caption": "a back", "weight": 0.5},
        {"reference_sha256": "c" * 64, "mask_sha256": None, "caption": "a side", "weight": 1.0},
    ]
    assert "further_references" not in entry(one, link, "a.png", metadata=False)
