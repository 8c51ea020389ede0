"""Danbooru tags by a small tagger in the published layout, against its published processing by Pillow and NumPy."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dreamtuner.models.auxiliary import AUXILIARY, auxiliary_place
from dreamtuner.models.auxiliary.fetch import fetch_auxiliary
from dreamtuner.models.intake.sources import hub_source
from dreamtuner.models.weights import WeightsMissingError
from dreamtuner.plugins import PluginError
from dreamtuner.preprocess.backends.captioners.wd_tagger import Tag, chosen_tags, written
from dreamtuner.preprocess.captioners import CAPTIONERS, Caption, captioned
from tests.auxiliary_models import in_cache
from tests.onnx_graphs import CHARACTERS, GENERAL, RATINGS, write_tagger, write_tags, write_wd_tagger

VARIABLE = "DREAMTUNER_WD_VIT_TAGGER_V3_WEIGHTS"

pytest.importorskip("onnxruntime")


@pytest.fixture
def tagger(empty_cache: Path) -> Path:
    """The folder of a fetched tagger."""
    folder = in_cache(empty_cache, hub_source(AUXILIARY["wd-vit-tagger-v3"].source).repository)
    write_tagger(folder)
    (folder / "config.json").write_text("{}")
    fetch_auxiliary("wd-vit-tagger-v3")
    place = auxiliary_place("wd-vit-tagger-v3")
    assert place is not None
    return place


def caption(image: Image.Image) -> Caption:
    return captioned(CAPTIONERS["wd14"], lambda: image, class_word="Girl", style_word="drawing")


def published(folder: Path, image: Image.Image) -> np.ndarray:
    """The published processing: a white square, bicubic, channels turned round, 0..255."""
    import onnxruntime

    side = max(image.size)
    left, top = (side - image.width) // 2, (side - image.height) // 2
    padded = np.pad(
        np.asarray(image),
        ((top, side - image.height - top), (left, side - image.width - left), (0, 0)),
        constant_values=255,
    )
    resized = np.asarray(Image.fromarray(padded).resize((448, 448), Image.Resampling.BICUBIC))
    given = np.flip(resized, 2).astype(np.float32)[None]
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    return session.run(None, {"input": np.ascontiguousarray(given)})[0][0]


def test_tags_and_confidence_are_those_of_the_published_processing(tagger: Path, image: Image.Image) -> None:
    likely = published(tagger, image)
    names = {i: f"tag number {i - RATINGS}" for i in range(RATINGS, RATINGS + GENERAL)}
    people = {i: f"person {i - RATINGS - GENERAL}" for i in range(RATINGS + GENERAL, len(likely))}
    general = sorted((i for i in names if likely[i] > 0.35), key=lambda i: -likely[i])
    characters = sorted((i for i in people if likely[i] > 0.85), key=lambda i: -likely[i])
    assert 0 < len(general) < GENERAL
    assert 0 < len(characters) < CHARACTERS
    assert (likely[:RATINGS] > 0.35).any(), "a rating would be a tag if it were not left out"
    chosen = [*characters, *general][:20]
    found = caption(image)
    assert found.text == ", ".join(["a drawing of a Girl", *((names | people)[i] for i in chosen)])
    assert found.confidence == pytest.approx(likely[chosen].mean(), abs=1e-4)
    assert found.method.startswith("wd14-1-")
    assert caption(image.rotate(180)).text != found.text


def test_at_most_twenty_tags_the_likeliest_ones_are_written() -> None:
    tags = (*(Tag(f"tag_{i}", "0") for i in range(30)), Tag("someone", "4"), Tag("explicit", "9"))
    likely = np.array([*np.linspace(0.4, 0.99, 30), 0.86, 0.99], np.float32)
    names = [tag.name for tag, _ in chosen_tags(tags, likely)]
    assert names == ["someone", *(f"tag_{i}" for i in range(29, 10, -1))]
    assert chosen_tags(tags, np.full(32, 0.3, np.float32)) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("long_hair", "long hair"),
        ("^_^", "^_^"),
        ("|_|", "|_|"),
        ("saber_(fate)", "saber"),
        (":d", ":d"),
        ("(o)_(o)", ""),
        (":)", ""),
    ],
)
def test_a_tag_has_no_bracket_which_prompts_could_read_as_a_weight(name: str, words: str) -> None:
    assert written(name) == words


def test_without_a_sure_tag_the_class_word_remains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_cache: Path, image: Image.Image
) -> None:
    write_tagger(tmp_path / "own", bias=-1000)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "own"))
    found = caption(image)
    assert (found.text, found.confidence) == ("a drawing of a Girl", 0)


def test_files_that_are_missing_or_do_not_fit_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_cache: Path, image: Image.Image
) -> None:
    with pytest.raises(WeightsMissingError, match="dreamtuner models fetch wd-vit-tagger-v3"):
        caption(image)
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv(VARIABLE, str(own))
    write_tags(own / "selected_tags.csv")
    assert CAPTIONERS["wd14"].version == "1-missing"
    with pytest.raises(WeightsMissingError, match=r"wd-vit-tagger-v3 lacks model\.onnx in .*models fetch"):
        caption(image)
    (own / "model.onnx").write_bytes(b"no model")
    with pytest.raises(PluginError, match=r"model\.onnx cannot be read as an ONNX model"):
        caption(image)
    write_wd_tagger(own / "model.onnx", 7)
    with pytest.raises(PluginError, match=r"output of shape \(1, 7\), and selected_tags\.csv has 50 tags"):
        caption(image)
    (own / "selected_tags.csv").write_text("id;tag\n1;hair\n")
    with pytest.raises(PluginError, match=r"selected_tags\.csv is no list of tags with name and category"):
        caption(image)
