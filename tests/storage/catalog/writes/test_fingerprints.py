"""Fingerprints of images: stored once an image, kept when there is nothing newer, and gone with the image."""

from collections.abc import Callable
from types import SimpleNamespace

from sqlalchemy import select

from storage.catalog import Catalog, views, writes
from storage.catalog.records import ImageFingerprint
from storage.catalog.schema import Fingerprint

IMAGE = "a" * 64


def test_an_embedding_stays_until_there_is_another_and_goes_when_the_image_is_forgotten(
    catalog: Catalog, planned: Callable[..., SimpleNamespace]
) -> None:
    plan = planned(2)
    bare = ImageFingerprint(image_sha256=IMAGE, phash="0" * 16, structure=b"s", hash_version="1")
    full = ImageFingerprint(
        image_sha256=IMAGE, phash="0" * 16, structure=b"s", hash_version="1", vector=b"12", model="clip-1"
    )
    unknown = ImageFingerprint(image_sha256="e" * 64, phash="0" * 16, structure=b"s", hash_version="1")
    with catalog.write() as s:
        writes.record_blob(s, sha256=IMAGE, size=1, content_type="image/png")
        writes.claim_cells(s, plan.digests, "me", 60)
        output = writes.finish_cell(s, plan.digests[0], owner="me", image_sha256=IMAGE, width=8, height=8)
        assert [one for one, _ in views.without_fingerprint(s, [output], hash_version="1", model=None)] == [IMAGE]
        writes.add_fingerprints(s, [bare, unknown])
        assert views.fingerprints(s, [output]) == {output: bare}
        assert views.without_fingerprint(s, [output], hash_version="1", model=None) == []
        assert len(views.without_fingerprint(s, [output], hash_version="2", model=None)) == 1
        assert len(views.without_fingerprint(s, [output], hash_version="1", model="clip-1")) == 1
        writes.add_fingerprints(s, [full])
        writes.add_fingerprints(s, [bare])
        assert views.fingerprints(s, [output]) == {output: full}
        (sign,) = views.signs_of(s, [output])
        assert (sign.phash, sign.vector, sign.model, sign.reference_vector) == ("0" * 16, b"12", "clip-1", None)
    with catalog.write() as s:
        writes.finish_run(s, plan.run, "completed")
        writes.forget_output(s, output, actor="ann")
    with catalog.read() as s:
        assert s.scalars(select(Fingerprint.image_sha256)).all() == []
