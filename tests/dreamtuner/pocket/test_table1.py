"""Table 1: its figures are of the units, and its page needs nothing but itself."""

from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dreamtuner.baselines.dreamtuner import dreamtuner
from dreamtuner.baselines.registry import methods_of, swept
from dreamtuner.baselines.training_free import Attending
from dreamtuner.evaluation.held_out import MeasuredSubject, held_out_subjects
from dreamtuner.evaluation.result import EvaluationResult
from dreamtuner.evaluation.run import PRIOR_METRIC
from dreamtuner.evaluation.table1.page import write_page
from dreamtuner.evaluation.table1.summary import claims, summary
from dreamtuner.models.profiles import get_profile
from dreamtuner.pocket.world import VALIDATION

SUBJECTS = held_out_subjects(2, seeds=VALIDATION)
SSA = Attending("S-S-A", {"beta": 0.0})


def unit(
    seed: int, *, prompt: Sequence[float], identity: float = 0.5, guard: Sequence[float] | None = None
) -> EvaluationResult:
    """A made-up unit: a subject and what was measured of it."""
    names = ("identity", "prompt", "clip_i", "clip_i_masked", "clip_t", "copying")
    measures = {name: np.full(len(prompt), identity) for name in names} | {"prompt": np.array(prompt)}
    if guard is not None:
        measures[PRIOR_METRIC] = np.array(guard)
    subject = replace(SUBJECTS[0], identity_seed=VALIDATION[seed])
    return EvaluationResult(
        MeasuredSubject(subject, [Image.new("RGB", (64, 64), "red")] * 2, measures), 2.0 + seed, 0.5
    )


def test_claims_compare_subject_by_subject() -> None:
    table = {
        "plain": [unit(i, prompt=[1.0, 0.0, 0.8, 0.0]) for i in range(3)],
        "masactrl": [unit(i, prompt=[0.6] * 4) for i in range(3)],
        "dreambooth": [unit(i, prompt=[0.6] * 4, identity=0.5 + 0.1 * i) for i in range(3)],
        "dreamtuner": [unit(i, prompt=[0.5] * 4, identity=0.6 + 0.1 * i, guard=[0.885, 0.885]) for i in range(3)],
    }
    found = {one.words.partition(":")[0]: one for one in claims(table)}
    assert [words.partition(",")[0] for words in found] == [
        "identity",
        "CLIP-I",
        "prompt",
        "CLIP-T",
        "class prompts",
    ]
    identity, clip_i, prompt, clip_t, guard = found.values()
    assert (clip_i.measure, clip_t.measure) == ("clip_i", "clip_t")
    assert clip_t.difference.value == pytest.approx(0.2)  # against MasaCtrl, 0.5
    assert identity.met
    assert identity.difference.value == pytest.approx(0.1)
    assert identity.difference.low == pytest.approx(0.1)  # equal in every subject, though subjects differ
    assert not prompt.met
    assert prompt.difference.value == pytest.approx(-0.1)
    assert guard.met
    assert guard.difference.value == pytest.approx(-0.015)
    row = summary(table["dreamtuner"])
    assert row["prepare_s"].value == pytest.approx(3.0)
    assert row["identity"].value == pytest.approx(0.7)
    assert row["identity"].low < 0.7 < row["identity"].high


class _Page(HTMLParser):
    """What a page refers to, and how many pictures it has."""

    def __init__(self) -> None:
        super().__init__()
        self.refers: list[str] = []
        self.tags: list[str] = []
        self.alts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        held = dict(attrs)
        self.refers += [held[name] or "" for name in ("src", "href", "xlink:href") if name in held]
        self.alts += bool(held.get("alt"))


def test_the_page_is_one_file_that_asks_for_nothing(tmp_path: Path) -> None:
    table = {
        "plain": [unit(i, prompt=[0.9, 0.9]) for i in range(2)],
        "dreamtuner": [unit(i, prompt=[0.8, 0.8], guard=[0.9]) for i in range(2)],
        "dreamtuner@300": [unit(0, prompt=[0.8, 0.8])],  # a curve may be of fewer subjects
    }
    names = {"plain": "plain", "dreamtuner": "Dream<Tuner>", "dreamtuner@300": "Dream<Tuner> (300 steps)"}
    sweep = {"Dream<Tuner>": {0: "plain", 300: "dreamtuner@300"}}
    path = write_page(tmp_path / "new" / "page.html", "Table", "detail", table, names, claims(table), sweep, 2)
    page = _Page()
    text = path.read_text()
    page.feed(text)
    assert all(where.startswith(("data:image/webp;base64,", "#")) for where in page.refers), page.refers
    assert page.tags.count("svg") == 3
    assert page.tags.count("img") == page.alts == 2 * (1 + 2 * 2)  # the swept row is a point of a curve alone
    assert "Dream&lt;Tuner&gt;" in text
    assert "Dream<Tuner>" not in text


def test_every_method_of_the_profile_has_a_file_name_and_a_place() -> None:
    methods = methods_of(get_profile("pocket"))
    curves = swept(get_profile("pocket"))
    heads = [method.name for method in methods.values()]
    assert len(set(heads)) == len(heads)
    assert all(len({repr(method) for _, method in points.values()}) == len(points) for points in curves.values())


def test_without_the_encoder_it_is_off_while_learning_and_while_drawing() -> None:
    profile = get_profile("pocket").model_copy(update={"finetuned_sampling": {"beta": 0.3, "p_r": 0.5}})
    without = dreamtuner(profile, encoder=False)
    assert (without.settings.beta, without.changes["beta"], dict(without.drawing)) == (0, 0, {"beta": 0.0, "p_r": 0.5})
    assert dreamtuner(profile).drawing == profile.finetuned_sampling
