"""Finishing steps in a run: the stored image has them, its recipe says what made them, plan names what is missing."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from flows.catalog import catalog
from flows.planning.preview import preview
from flows.resources import Resources
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError
from storage.catalog import views
from storage.objects import get_blob


def order(references: Path, **sampling: object) -> Spec:
    pip = {"name": "pip", "class_word": "bear", "reference": str(references / "pip.png")}
    given = {"name": "t", "subjects": (pip,), "prompts": ("a {subject}",), "seeds": (1,), "score": ("clip_i",)}
    return Spec.model_validate({**given, "sampling": {"steps": 2, **sampling}})


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_api")
def test_a_larger_image_with_alpha_is_stored_and_scored(settings: Settings, references: Path) -> None:
    spec = order(references, second_pass=1.25, upscale=2, cutout="grabcut")
    run = catalog(spec)
    assert (run.made, run.failed) == (1, 0)
    resources = Resources.open(settings)
    with resources.catalog.read() as s:
        [cell] = [views.cell(s, one.digest) for one in views.cells_of_run(s, run.run)]
    assert set(cell.scores) == {"clip_i"}
    with Image.open(io.BytesIO(get_blob(resources.store, str(cell.image_sha256)))) as image:
        assert (image.mode, image.size) == ("RGBA", (160, 160))
        assert json.loads(image.info["dreamtuner"])["adapters"] == {"cutout grabcut": "grabcut-2"}
    assert (catalog(spec).made, catalog(spec).skipped) == (0, 1)


def test_a_recipe_says_what_finished_its_image(settings: Settings, references: Path) -> None:
    [plain] = preview(order(references), Resources.open(settings)).cells
    [cell] = preview(order(references, upscale=2, cutout="grabcut"), Resources.open(settings)).cells
    assert cell.recipe["adapters"] == {"cutout grabcut": "grabcut-2"}
    assert cell.recipe["sampling"].items() - plain.recipe["sampling"].items() == {
        ("upscale", 2.0),
        ("cutout", "grabcut"),
    }


def test_what_has_no_weights_is_refused_for_no_purpose(
    settings: Settings, references: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DREAMTUNER_PURPOSE", "commercial")
    spec = order(references, upscale=2, upscaler="lanczos", cutout="grabcut")
    assert len(preview(spec, Resources.open(settings)).cells) == 1


@pytest.mark.parametrize(
    ("sampling", "said"),
    [
        ({"upscale": 2, "upscaler": "esrgan"}, r"sampling\.upscaler: there is no upscaler 'esrgan'; choose one of"),
        ({"cutout": "scissors"}, r"sampling\.cutout: there is no masker 'scissors'; choose one of: grabcut"),
    ],
)
def test_what_is_missing_is_named_by_plan(
    settings: Settings, references: Path, sampling: dict[str, object], said: str
) -> None:
    with pytest.raises((InputError, ValueError), match=said):
        preview(order(references, **sampling), Resources.open(settings))
