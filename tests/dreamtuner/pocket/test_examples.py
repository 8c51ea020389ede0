"""The example references are what the world draws of held-out identities."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dreamtuner.pocket.examples import EXAMPLES, draw_example
from dreamtuner.pocket.world import TEST

FOLDER = Path(__file__).parents[3] / "examples" / "references"


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_shipped_reference_is_the_drawn_one(name: str):
    assert EXAMPLES[name].identity_seed in TEST
    shipped = np.asarray(Image.open(FOLDER / f"{name}.png"), dtype=int)
    assert np.abs(shipped - np.asarray(draw_example(name), dtype=int)).max() <= 2
