"""Figures and their intervals."""

import numpy as np
import pytest

from dreamtuner.evaluation.intervals import MetricValue, decibels, mean_share, share


def test_a_share_has_wilsons_interval():
    figure = share("prompts", "scene", [True] * 97 + [False] * 3, 0.95)
    # 97 of 100: Wilson's score interval
    assert (figure.value, round(figure.low, 4), round(figure.high, 4)) == (0.97, 0.9155, 0.9897)
    assert figure.met
    assert figure.words() == "97.0 % (91.5 to 99.0)"
    assert figure.wanted_words() == "at least 95 %"


def test_decibels_are_of_the_mean_error_and_fall_with_it():
    errors = np.random.default_rng(1).uniform(0.001, 0.003, 200)
    figure = decibels("autoencoder", "PSNR", errors, 40.0)
    assert figure.value == pytest.approx(10 * np.log10(4 / errors.mean()))
    assert figure.low < figure.value < figure.high
    assert figure.met is False
    assert decibels("autoencoder", "PSNR", errors * 10).value == pytest.approx(figure.value - 10)


def test_a_mean_of_equal_values_has_no_width():
    figure = mean_share("layout", "IoU", [0.5, 0.5, 0.5])
    assert (figure.low, figure.high) == (0.5, 0.5)
    assert figure.met is None
    assert figure.words() == "50.0 %"


def test_more_values_make_the_interval_narrower():
    values = np.random.default_rng(2).uniform(0, 1, 400).tolist()
    few, many = mean_share("a", "b", values[:40]), mean_share("a", "b", values)
    assert many.high - many.low < few.high - few.low


def test_at_most_is_met_from_below():
    figure = MetricValue("speed", "64 cells", 30.0, 30.0, 30.0, "s", 40.0, at_most=True)
    assert figure.met
    assert figure.wanted_words() == "at most 40 s"
