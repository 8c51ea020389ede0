"""Edits and sets: what is asked, and figures on made-up images whose readings are made up, too."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from dreamtuner.baselines.method import Given
from dreamtuner.baselines.training_free import Attending
from dreamtuner.evaluation import run
from dreamtuner.evaluation.cache import EvaluationCache
from dreamtuner.evaluation.cells import ImageRequest, Measured
from dreamtuner.evaluation.from_pictures.consistency import EACH_ALONE, Set, measure_sets, set_figures, set_rows
from dreamtuner.evaluation.from_pictures.edits import (
    ALL,
    AXES,
    BY_PROMPT,
    PROMPT_ALONE,
    Edited,
    edit_figures,
    edit_rows,
    edits_of,
    measure_edits,
)
from dreamtuner.evaluation.from_pictures.method import Editing
from dreamtuner.evaluation.from_pictures.sheet import edit_sheet, set_sheet
from dreamtuner.evaluation.held_out import held_out_subjects
from dreamtuner.evaluation.measures import IDENTITY
from dreamtuner.evaluation.untrained.views import hiding_subjects
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.models.profiles import get_profile
from dreamtuner.pocket.world import VALIDATION
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.recipe_fields import to_literal
from dreamtuner.settings.sampling import Sampling
from tests.dreamtuner.evaluation.cells_in_memory import CellsInMemory


class Reads:
    """Stands in for the oracle: an image's red says what is read of it; its subject is the left half."""

    def __init__(self, readings: Sequence[dict[str, str]]) -> None:
        self._readings = readings

    def read(self, x: Tensor) -> list[dict[str, str]]:
        return [self._readings[round(float((one[0, 0, 0] + 1) / 2 * 255))] for one in x]

    def silhouette(self, x: Tensor) -> Tensor:
        inside = torch.zeros(len(x), 64, 64, dtype=torch.bool)
        inside[:, :, :32] = True
        return inside


def picture(number: int) -> Image.Image:
    return Image.new("RGB", (64, 64), (number, 0, 0))


def reading(**other: str) -> dict[str, str]:
    return dict.fromkeys((*IDENTITY, "class_word", "style", *AXES), "x") | other


def test_edits_change_one_part_at_the_same_seed() -> None:
    for subject in held_out_subjects(4, seeds=VALIDATION):
        edits = edits_of(subject, 2)
        assert [one.axis for one in edits] == [*AXES] * 2
        for one in edits:
            before, after = vars(one.original.context), vars(one.changed.context)
            assert {name for name in before if before[name] != after[name]} == {one.axis}
            assert one.original.seed == one.changed.seed
            assert after["expression"] != "neutral" or one.axis != "expression"
            assert one.changed.context.scene != subject.context.scene or one.axis != "scene"
        assert edits_of(subject, 1) == edits[:3], "a larger table keeps what was measured"


def test_every_setting_decides_the_key_of_a_measurement() -> None:
    subject = held_out_subjects(1, seeds=VALIDATION)[0]
    original = edits_of(subject, 1)[0].original
    rows = edit_rows([1, 3])
    assert [one.name for one in rows] == [
        PROMPT_ALONE, "weight 1", "weight 3",
        "background kept alone", "weight 1, background kept", "weight 3, background kept",
        f"{PROMPT_ALONE}, other seed", "weight 1, other seed", "weight 3, other seed",
    ]  # fmt: skip
    assert [("scene" in one.axes) for one in rows] == [True] * 3 + [False] * 3 + [True] * 3
    edit = edits_of(subject, 1)[0]
    assert [one.cell(edit).seed == edit.original.seed for one in rows] == [True] * 6 + [False] * 3
    keys = {(to_literal(one.method(subject, original)), one.cell(edit)) for one in rows}
    assert len(keys) == len(rows)
    hiding = hiding_subjects(1, VALIDATION)[0]
    assert len({to_literal(one) for one in set_rows(hiding, 4, [1, 3], worded=False).values()}) == 3


def test_figures_of_edits_compare_with_the_picture_before() -> None:
    subject = held_out_subjects(1, seeds=VALIDATION)[0]
    edits = edits_of(subject, 1)
    wanted = {one.axis: getattr(one.changed.context, one.axis) for one in edits}
    readings = [reading(), reading(expression=wanted["expression"]), reading(hat="y"), reading(scene=wanted["scene"])]
    images = {PROMPT_ALONE: [(one, picture(i + 1)) for i, one in enumerate(edits)]}
    one = Edited(subject, {edits[0].original: picture(0)}, images)
    found = {figure.axis: figure for figure in edit_figures([one], Reads(readings))}  # type: ignore[arg-type]
    assert [*found] == [ALL, *AXES]
    assert found["expression"].asked.value == found["expression"].kept.value == 1
    assert found["pose"].asked.value == 0
    assert found["pose"].attributes.value == pytest.approx(1 - 1 / len(IDENTITY))
    assert found["pose"].others.value == 1
    assert found["pose"].background.value == pytest.approx(2 / 255 / 3, abs=1e-4)
    assert found[ALL].asked.value == pytest.approx(2 / 3)
    assert (found[ALL].edits, found["scene"].edits) == (3, 1)
    assert edit_sheet([one]).height == 122


def test_the_baseline_is_the_picture_that_is_edited_by_the_profiles_settings(
    tiny: UNetBackbone, pip: Reference, tmp_path: Path
) -> None:
    given = Given(pip, "bear", "natural", "a photo of a red bear", Sampling(steps=2, inversion=0.7), tmp_path)
    cell = Cell("a photo of a bear on the beach", 1)
    methods = (BY_PROMPT, Editing("unseen", cell.prompt, cell.seed, weight=0.0), Attending("as printed"))
    ours, edited, printed = (one.prepare(tiny, given).generate([cell])[0].tobytes() for one in methods)
    assert ours == edited
    assert ours != printed
    assert to_literal(Attending("a")) == to_literal(Attending("a", printed=True))
    assert "printed" not in to_literal(Attending("a")), "what was measured before keeps its key"


def test_figures_of_sets_count_pairs_that_are_read_alike() -> None:
    subject = hiding_subjects(1, VALIDATION)[0]
    changed = dict.fromkeys(subject.hidden, "y")
    readings = [reading(), reading(**changed), reading()]
    images = {EACH_ALONE: [picture(i) for i in range(3)], "weight 1": [picture(0)] * 3}
    flat: dict[str, Any] = {name: np.ones(3) for name in (*IDENTITY, "prompt", "copying")}
    results: Any = dict.fromkeys(images, SimpleNamespace(drawn=SimpleNamespace(measures=flat)))
    alone, seen = set_figures([Set(subject, images, results)], Reads(readings))  # type: ignore[arg-type]
    assert (alone.unsaid.value, alone.said.value, alone.outline.value) == pytest.approx((1 / 3, 1, 0))
    assert (seen.unsaid.value, seen.gain.value) == pytest.approx((1, 2 / 3))
    assert (alone.images, alone.shown.value) == (3, 1)
    assert set_sheet([Set(subject, images, results)]).height == 222


def test_lost_images_of_edits_and_sets_are_generated_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All of them: sets of more than six prompts, and edits, which pages do not show."""

    def measured(_: Any, __: Any, ___: Any, cells: Sequence[ImageRequest], ____: Path) -> Iterator[Any]:
        found = Measured({"identity": 0.5, "prompt": 0.5}, 0.0, 0.1)
        yield cells, [found] * len(cells), [picture(cell.seed) for cell in cells]

    monkeypatch.setattr(run, "measure_cells", measured)
    bench: Any = SimpleNamespace(oracle=SimpleNamespace(heads={}))
    profile = get_profile("pocket")
    edits, sets = CellsInMemory(), CellsInMemory()
    said: list[str] = []
    for times in (1, 2):
        people = held_out_subjects(1, seeds=VALIDATION)
        [edited] = measure_edits(
            bench, EvaluationCache(tmp_path, edits, profile, pictured=False), people, 2, edit_rows([1.0]), said.append
        )
        assert len(edited.originals) == 2
        assert edits.saved == times * (2 + 2 * (3 + 3 + 2 + 2 + 3 + 3))
        edits.lose_all()
        cache = EvaluationCache(tmp_path, sets, profile)
        [one] = measure_sets(bench, cache, hiding_subjects(1, VALIDATION), 8, [1.0], said.append)
        assert [len(images) for images in one.images.values()] == [8, 8]
        assert sets.saved == times * 16
        sets.lose_all()
