"""The presets are valid, show as many images, and a wrong file names its key."""

from pathlib import Path

import pytest

from dreamtuner.pocket.training.scale import SCALES
from dreamtuner.train.encoder.settings import PRESETS


def test_presets_train_on_as_many_images():
    cards = [PRESETS.load(name) for name in ("one-24gb", "one-80gb", "eight-80gb")]
    assert {one.batch * one.loop.steps for one in cards} == {3_200_000}
    assert cards[0].batch == 16
    assert cards[0].loop.lr == 1e-5  # the paper's
    for name in PRESETS.names():
        settings = PRESETS.load(name)
        assert settings.batch % settings.processes == 0
        assert settings.description


def test_a_wrong_file_names_its_key(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text("batch: 0\nloop: {steps: 1, lr: 1.0}\n")
    with pytest.raises(ValueError, match=r"mine.yaml: batch: .*greater than 0"):
        PRESETS.load(str(file))
    with pytest.raises(ValueError, match="one-24gb"):
        PRESETS.load("24gb")
    for text in ("- batch", "batch: [", "\\x00"):
        file.write_text(text)
        with pytest.raises(ValueError, match=r"mine.yaml.*(the file|not YAML)"):
            SCALES.load(str(file))
