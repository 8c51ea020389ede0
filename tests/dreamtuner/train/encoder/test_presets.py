"""The presets are valid, show as many images, and a wrong file names its key."""

from pathlib import Path

import pytest

from dreamtuner.train.encoder.settings import load_settings, preset_names


def test_presets_train_on_as_many_images():
    cards = [load_settings(name) for name in ("one-24gb", "one-80gb", "eight-80gb")]
    assert {one.batch * one.loop.steps for one in cards} == {3_200_000}
    assert cards[0].batch == 16
    assert cards[0].loop.lr == 1e-5  # the paper's
    for name in preset_names():
        settings = load_settings(name)
        assert settings.batch % settings.processes == 0
        assert settings.description


def test_a_wrong_file_names_its_key(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text("batch: 0\nloop: {steps: 1, lr: 1.0}\n")
    with pytest.raises(ValueError, match=r"mine.yaml: batch: .*greater than 0"):
        load_settings(str(file))
    with pytest.raises(ValueError, match="one-24gb"):
        load_settings("24gb")
