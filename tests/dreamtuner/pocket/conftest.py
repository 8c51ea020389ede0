"""One training of everything at the scale of seconds, for all tests of the recipe."""

from pathlib import Path

import pytest

from dreamtuner.pocket.recipe import train_pocket


@pytest.fixture(scope="session")
def work_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished training at the smoke scale, report and all."""
    folder = tmp_path_factory.mktemp("workshop")
    assert train_pocket("all", "cpu", "smoke", folder, say=lambda line: None)
    return folder
