"""Paired differences of Table 1, on made-up results whose answer is known."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dreamtuner.evaluation.held_out import MeasuredSubject
from dreamtuner.evaluation.result import EvaluationResult
from dreamtuner.evaluation.table1.differences import differences, headline
from dreamtuner.evaluation.table1.page import write_page
from dreamtuner.evaluation.table1.summary import summary
from dreamtuner.pocket.training.shards import Picture
from dreamtuner.pocket.world import TEST, Context

BASE = np.linspace(0.2, 0.9, 40)
"""Subjects that differ by far more than the methods do."""


def results(identity: Sequence[float], **others: Sequence[float]) -> list[EvaluationResult]:
    """One result for each subject, of two images whose mean is the value given."""
    each = []
    for i in range(len(identity)):
        measures = {
            name: np.array([values[i] - 0.05, values[i] + 0.05])
            for name, values in {"identity": identity, **others}.items()
        }
        subject = Picture(TEST[i], Context("in the snow", "standing", "natural"))
        each.append(EvaluationResult(MeasuredSubject(subject, [Image.new("RGB", (8, 8))] * 2, measures), i, 1.0 + i))
    return each


def test_a_small_even_gain_is_told_where_the_means_intervals_overlap() -> None:
    table = {"base": results(BASE), "better": results(BASE + 0.02), "worse": results(BASE - 0.5 / 30)}
    found = differences(table, "base")
    assert list(found) == ["better", "worse"]
    for name, gain in (("better", 0.02), ("worse", -0.5 / 30)):
        one = found[name]["identity"]
        assert (one.value, one.low, one.high) == pytest.approx((gain, gain, gain))
    means = {name: summary(ours)["identity"] for name, ours in table.items()}
    assert means["better"].low < means["base"].high
    assert headline(found["better"], {"identity": "identity", "prompt": "prompt"}) == "identity +2.0 (+2.0 to +2.0)"


def test_the_interval_is_that_of_the_paired_mean() -> None:
    gains = np.tile([0.1, -0.06], 20)  # mean 0.02, deviation 0.08
    one = differences({"base": results(BASE), "other": results(BASE + gains)}, "base")["other"]["identity"]
    half = 1.96 * 0.08 / np.sqrt(40)
    assert one.value == pytest.approx(0.02)
    assert (one.low, one.high) == pytest.approx((0.02 - half, 0.02 + half), abs=0.004)
    assert one.low < 0 < one.high


def test_only_what_both_have_of_every_subject_is_compared() -> None:
    table = {"base": results(BASE, prompt=BASE), "other": results(BASE), "other@300": results(BASE[:6])}
    found = differences(table, "base")
    assert list(found) == ["other"]
    assert set(found["other"]) == {"identity", "prepare_s", "picture_s"}
    with pytest.raises(KeyError):
        differences(table, "masactrl")


def test_the_page_has_the_differences_and_marks_those_beyond_chance(tmp_path: Path) -> None:
    flat = np.full(40, 0.5)
    rest = dict.fromkeys(("copying", "clip_t", "clip_i", "hat", "emblem"), flat)
    table = {
        "masactrl": results(BASE, prompt=flat, **rest),
        "training-free": results(BASE + 0.02, prompt=flat + np.tile([0.1, -0.1], 20), **rest),
    }
    names = {"masactrl": "MasaCtrl", "training-free": "ours, without training"}
    text = write_page(tmp_path / "t.html", "T", "d", table, names, [], {}, 2, "masactrl").read_text()
    assert "Differences to MasaCtrl, subject by subject" in text
    assert "<b>+2.0</b> <small>(+2.0 to +2.0)</small>" in text
    assert "<td>+0.0 <small>(-3.0 to +3.0)</small></td>" in text or "<td>-0.0 <small>" in text
    assert "Differences to" not in write_page(tmp_path / "u.html", "T", "d", table, names, [], {}, 2).read_text()
