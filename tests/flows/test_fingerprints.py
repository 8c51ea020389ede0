"""What culling works with: hashes come with images, embeddings with their scores, and old images are filled in."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import delete

from flows.catalog import catalog
from flows.execution.culling import fingerprints
from flows.execution.culling.fingerprints import embedding_version, fingerprint_missing
from flows.resources import Resources
from flows.score import score_choice
from flows.settings import Settings
from flows.spec.model import Spec
from storage.catalog import views
from storage.catalog.schema import Fingerprint
from storage.ingest import storing
from storage.keys import blob_key


def order(references: Path, *metrics: str) -> Spec:
    pip = {"name": "pip", "class_word": "bear", "reference": str(references / "pip.png")}
    given = {"name": "t", "subjects": (pip,), "prompts": ("a {subject}",), "seeds": (1, 2), "sampling": {"steps": 2}}
    return Spec.model_validate({**given, "score": metrics})


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_api")
def test_images_have_hashes_and_scored_ones_embeddings_and_what_is_missing_is_filled_in(
    settings: Settings, references: Path
) -> None:
    resources = Resources.open(settings)
    run = catalog(order(references))
    with resources.catalog.read() as s:
        ids = [one.output_id for one in views.cells_of_run(s, run.run) if one.output_id is not None]
        made = views.signs_of(s, ids)
    assert [(len(one.phash or ""), one.vector) for one in made] == [(16, None)] * 2
    catalog(order(references, "clip_i", "clip_t"))
    with resources.catalog.read() as s:
        scored = views.signs_of(s, ids)
    assert [one.phash for one in scored] == [one.phash for one in made]
    assert {one.model for one in scored} == {embedding_version(resources, "pocket")}
    for one in scored:
        assert one.vector is not None
        assert one.reference_vector is not None
        both = [np.frombuffer(each, "<f2").astype(float) for each in (one.vector, one.reference_vector)]
        assert both[0] @ both[1] == pytest.approx(one.scores["clip_i"], abs=2e-3)
    with resources.catalog.write() as s:
        s.execute(delete(Fingerprint))  # a catalog of an earlier version
    score_choice(["clip_i"])
    with resources.catalog.read() as s:
        again = views.signs_of(s, ids)
    assert [(one.phash, one.vector) for one in again] == [(one.phash, one.vector) for one in scored]


def test_damaged_images_and_references_are_omitted_like_missing_ones(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = Resources.open(settings)

    def stored(colour: str) -> str:
        buffer = io.BytesIO()
        Image.new("RGB", (16, 16), colour).save(buffer, "PNG")
        with storing(resources.catalog, resources.store, (buffer.getvalue(), "image/png")) as (_, [sha256]):
            return str(sha256)

    whole, damaged, reference = stored("red"), stored("blue"), stored("green")
    for sha256 in (damaged, reference):
        (settings.home / "objects" / blob_key(sha256)).write_bytes(b"half of it")
    monkeypatch.setattr(fingerprints, "embedding_version", lambda *_: "clip-1")
    monkeypatch.setattr(
        fingerprints.views, "without_fingerprint", lambda *_, **__: [(damaged, reference), (whole, reference)]
    )
    looked_at: list[str] = []

    def embedded(_: Resources, __: str, ___: str, pictures: dict[str, Image.Image]) -> list[object]:
        looked_at.extend(pictures)
        return []

    monkeypatch.setattr(fingerprints, "_embedded", embedded)
    assert fingerprint_missing(resources, "pocket", [1, 2]) == 0
    assert looked_at == [whole]
