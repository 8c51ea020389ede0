"""The ladder's arithmetic: subjects are what varies, and rungs are compared subject by subject."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from dreamtuner.evaluation.ablations import SHOWN, ablation_steps, means
from dreamtuner.evaluation.ablations_page import format_difference, write_page
from dreamtuner.evaluation.held_out import MeasuredSubject, held_out_subjects

PROMPTS = 2
PLAIN, BOTH = [0.1, 0.3, 0.5, 0.2], [0.6, 0.8, 1.0, 0.8]


def _drawn(values: list[float]) -> list[MeasuredSubject]:
    """One value of every measure for each subject, the same in all of its pictures."""
    return [
        MeasuredSubject(
            subject,
            [Image.new("RGB", (64, 64), "white")] * PROMPTS,
            {name: np.full(PROMPTS, value) for name in SHOWN},
        )
        for subject, value in zip(held_out_subjects(len(values)), values, strict=True)
    ]


def test_an_interval_is_students_over_subjects_however_many_pictures_each_has():
    mean = means(_drawn(PLAIN))["identity"]
    low, high = stats.t.interval(0.95, len(PLAIN) - 1, np.mean(PLAIN), stats.sem(PLAIN))
    assert (mean.value, mean.low, mean.high) == pytest.approx((np.mean(PLAIN), low, high))


def test_rungs_are_compared_subject_by_subject():
    ((low, high, step),) = ablation_steps({"plain": _drawn(PLAIN), "+ SE": _drawn(BOTH)}, "clip_i_masked")
    assert (low, high) == ("plain", "+ SE")
    assert step.value == pytest.approx(0.525)
    assert step.high - step.low < 0.2  # those of the two variants alone are 0.5 wide
    assert format_difference("identity", step)[0] == "+52.5"
    assert format_difference("clip_i_masked", step)[0] == "+0.525"


def test_the_page_states_every_variant_and_both_comparisons(tmp_path: Path):
    page = write_page(tmp_path, "Ladder", "four", {"plain": _drawn(PLAIN), "+ SE": _drawn(BOTH)}).read_text()
    assert "| plain | 27.5 ± " in page
    assert "| plain to + SE | +52.5 | " in page
    assert "| plain to + SE | +0.525 | " in page
    assert (tmp_path / "pictures.jpg").is_file()


def test_one_variant_alone_is_compared_with_nothing(tmp_path: Path):
    assert "from, to" not in write_page(tmp_path, "Ladder", "one", {"plain": _drawn(PLAIN)}).read_text()
