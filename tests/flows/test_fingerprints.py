"""What culling works with: hashes come with images, embeddings with their scores, and old images are filled in."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import delete

from flows.catalog import catalog
from flows.execution.culling.fingerprints import embedding_version
from flows.resources import Resources
from flows.score import score_choice
from flows.settings import Settings
from flows.spec.model import Spec
from storage.catalog import views
from storage.catalog.schema import Fingerprint


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
