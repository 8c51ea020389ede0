"""The guard: what it asks for, and that it sees what a model lost."""

from typing import Any

import pytest
from PIL import Image

from dreamtuner.evaluation import prior_check
from dreamtuner.pocket.training.oracle import HEADS
from dreamtuner.sampling.request import Cell
from dreamtuner.score.oracle import Oracle


class _Reader(Oracle):
    """Reads the same of every picture."""

    def __init__(self, **seen: str) -> None:
        super().__init__(HEADS)
        self.seen = seen

    def read(self, pictures: Any) -> list[dict[str, str]]:
        return [self.seen for _ in pictures]


def test_prompts_name_the_class_alone_in_every_scene_and_pose(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Cell] = []

    def draw(backbone: Any, reference: object, cells: list[Cell], sampling: Any, **_: object) -> list[Image.Image]:
        assert reference is None
        assert (sampling.w_ref, sampling.beta) == (0, 0)
        asked.extend(cells)
        return [Image.new("RGB", (64, 64)) for _ in cells]

    monkeypatch.setattr(prior_check, "generate", draw)
    right = {"class_word": "bear", "scene": "on the beach", "pose": "standing"}
    natural, anime = (
        prior_check.class_prompt_accuracy(tiny, _Reader(**right, style=one), "bear") for one in ("natural", "anime")
    )
    # the class is right in all, scene and pose in a sixth each, and of the styles one or the other
    assert natural + anime == pytest.approx((2 * (1 + 2 / 6) + 1) / 4)
    other = prior_check.class_prompt_accuracy(tiny, _Reader(**(right | {"class_word": "cat"}), style="natural"), "bear")
    assert natural - other == pytest.approx(1 / 4)
    once = asked[: prior_check.PICTURES]
    assert asked[prior_check.PICTURES : 2 * prior_check.PICTURES] == once, "the same prompts and seeds each time"
    assert len({cell.prompt.partition(" a bear ")[2] for cell in once}) == 36
    assert all(" a bear " in cell.prompt and "[S*]" not in cell.prompt for cell in once)
