"""Triage: the bound on lost keepers holds, too few decisions hide nothing, and a model is what was stored."""

import json

import numpy as np
import pytest
from PIL import Image

from dreamtuner.curation.logistic import fit_logistic, probabilities
from dreamtuner.curation.palette import NAMES as PALETTE
from dreamtuner.curation.palette import palette
from dreamtuner.curation.perceptual_hash import structure
from dreamtuner.curation.risk_control import hiding_threshold, keepers_needed
from dreamtuner.curation.signs import Signs
from dreamtuner.curation.triage import FEWEST, Triage, fit_triage


def signs(draw: np.random.Generator, kept: bool, count: int) -> dict[str, Signs]:
    """Pictures whose score and embedding say, with noise, whether they are kept."""
    found = {}
    for i in range(count):
        vector = draw.normal(size=8).astype(np.float32) + kept
        reference = np.ones(8, dtype=np.float32)
        about = {"subject": f"s{i % 3}", "prompt": f"p{i % 5}", "scores": {"clip_i": float(draw.normal() + kept)}}
        found[f"{kept} {i}"] = Signs(**about, vector=vector, reference=reference, model="m")  # type: ignore[arg-type]
    return found


def test_fitting_finds_what_made_the_data_and_both_classes_weigh_the_same() -> None:
    draw = np.random.default_rng(0)
    x = np.hstack([np.ones((4000, 1)), draw.normal(size=(4000, 2))])
    y = (draw.random(4000) < probabilities(x, np.array([-2.0, 1.5, 0.0]))).astype(float)
    found = fit_logistic(x, y, np.array([0.0, 1e-3, 1e-3]))
    assert found[1:] == pytest.approx([1.5, 0.0], abs=0.2)
    assert abs(probabilities(x, found)[y == 1].mean() + probabilities(x, found)[y == 0].mean() - 1) < 0.1
    with pytest.raises(ValueError, match="both classes"):
        fit_logistic(x, np.ones(4000), np.zeros(3))


def test_the_next_keeper_is_hidden_no_more_often_than_the_bound_says() -> None:
    draw = np.random.default_rng(1)
    hidden = []
    for _ in range(4000):
        chances = draw.random(150)
        limit = hiding_threshold(chances[:149].tolist(), 0.05)
        assert limit is not None
        hidden.append(chances[149] < limit)
    assert np.mean(hidden) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(hidden))
    assert np.mean(hidden) > 0.02, "the bound is not idle"


def test_too_few_keepers_hide_nothing() -> None:
    needed = keepers_needed(0.01)
    assert needed == 99
    assert hiding_threshold([0.5] * (needed - 1), 0.01) is None
    assert hiding_threshold([0.1, *[0.5] * (needed - 1)], 0.01) == 0.1
    with pytest.raises(ValueError, match=r"0\.\.1"):
        hiding_threshold([0.5], 0.0)


def test_a_model_orders_from_twenty_of_each_kind_and_hides_from_ninety_nine_keepers() -> None:
    draw = np.random.default_rng(2)
    keepers, rejects = signs(draw, True, 400), signs(draw, False, 300)
    some = dict(list(keepers.items())[: FEWEST - 1])
    assert fit_triage(some, rejects) is None
    early = fit_triage(dict(list(keepers.items())[:98]), rejects)
    assert early is not None
    assert (early.hides_below, early.checked) == (None, 0), "no bound can rest on so few"
    model = fit_triage(dict(list(keepers.items())[:250]), rejects)
    assert model is not None
    assert (model.checked, model.fitted) == (250, (250, 300))
    assert model.hides_below is not None
    rest = list(keepers.values())[250:]
    assert (model.chances(rest) < model.hides_below).mean() <= 0.05
    assert (model.chances(list(signs(draw, False, 100).values())) < model.hides_below).mean() > 0.5


def test_keepers_that_a_model_has_not_seen_are_hidden_no_more_often_than_the_bound_says() -> None:
    draw = np.random.default_rng(4)
    lost, hidden = [], []
    for _ in range(25):
        model = fit_triage(signs(draw, True, 60), signs(draw, False, 60), risk=0.1)
        assert model is not None
        assert model.hides_below is not None
        lost.append((model.chances(list(signs(draw, True, 100).values())) < model.hides_below).mean())
        hidden.append((model.chances(list(signs(draw, False, 100).values())) < model.hides_below).mean())
    assert np.mean(lost) <= 0.1 + 3 * np.std(lost) / np.sqrt(len(lost))
    assert np.mean(lost) > 0.04, "the bound is not idle"
    assert np.mean(hidden) > 0.5


def test_the_same_decisions_give_the_same_model_and_it_is_read_as_it_was_stored() -> None:
    draw = np.random.default_rng(3)
    keepers, rejects = signs(draw, True, 240), signs(draw, False, 60)
    model = fit_triage(keepers, rejects)
    again = fit_triage(dict(reversed(keepers.items())), dict(reversed(rejects.items())))
    assert model is not None
    assert again is not None
    assert json.dumps(model.as_json()) == json.dumps(again.as_json())
    read = Triage.from_json(json.loads(json.dumps(model.as_json())))
    unseen = [*signs(draw, True, 5).values(), Signs(subject="new", prompt="new")]
    assert read.chances(unseen) == pytest.approx(model.chances(unseen), abs=1e-4)
    assert 0 < read.chances(unseen)[-1] < 1, "what nothing is known of counts as average"


def test_colours_that_touch_otherwise_are_found_as_colours_and_not_as_patches() -> None:
    draw = np.random.default_rng(5)
    colours = draw.integers(40, 216, (4, 3))
    rows = np.repeat(np.repeat(colours[[[0, 1], [2, 3]]], 32, axis=0), 32, axis=1)
    other = np.repeat(np.repeat(colours[[[0, 3], [1, 2]]], 32, axis=0), 32, axis=1)
    one, another = (structure(Image.fromarray(of.astype(np.uint8))) for of in (rows, other))
    same = dict(zip(PALETTE, palette(one, one), strict=True))
    assert same["mean"] == same["2 x 2 mean"] == 0
    assert same["share found"] == same["2 x 2 share found"] == same["share of the reference's"] == 1
    found = dict(zip(PALETTE, palette(another, one), strict=True))
    assert found["mean"] < 3, "all its colours are there"
    assert found["2 x 2 worst tenth"] > 20, "where they meet, they meet others"
