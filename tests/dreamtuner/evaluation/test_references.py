"""Several references where one hides something: what is hidden is the renderer's truth; figures on made-up readings."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dreamtuner.evaluation.held_out import MeasuredSubject
from dreamtuner.evaluation.measures import IDENTITY
from dreamtuner.evaluation.result import EvaluationResult
from dreamtuner.evaluation.untrained import measure
from dreamtuner.evaluation.untrained.measure import ALL, Seen, figures, measure_references
from dreamtuner.evaluation.untrained.method import ALONE, FOUR, FRONT, SHOWS_FIRST, TWO, rows_of
from dreamtuner.evaluation.untrained.sheet import reference_sheet
from dreamtuner.evaluation.untrained.views import HIDING, HidingSubject, caption_of, hiding_subjects
from dreamtuner.pocket.world import VALIDATION, visible
from dreamtuner.pocket.world.identity import ATTRIBUTES
from dreamtuner.settings.recipe_fields import to_literal

HIDES = {"back": {"emblem", "eyes"}, "side": {"emblem"}, "bust": {"hat"}, "close-up": {"emblem"}}


@pytest.fixture(scope="module")
def people() -> list[HidingSubject]:
    """One subject of each kind."""
    return hiding_subjects(4, VALIDATION)


def seen(subject: HidingSubject, rows: Mapping[str, tuple[float, float]]) -> Seen:
    """Two images of each row, in which these shares of the hidden and of the shown attributes are read rightly."""
    results = {}
    for name, (hidden, shown) in rows.items():
        right = {one: np.array([hidden if one in subject.hidden else shown] * 2) for one in IDENTITY}
        flat = {"prompt": np.array([1.0, 0.5]), "copying": np.array([0.2, 0.4])}
        drawn = MeasuredSubject(subject.first, [Image.new("RGB", (64, 64), "red")] * 2, {**right, **flat})
        results[name] = EvaluationResult(drawn, 0.0, 1.0)
    return Seen(subject, results)


def test_each_kind_hides_what_its_view_hides(people: list[HidingSubject]) -> None:
    assert [one.kind for one in people] == list(HIDING)
    for one in people:
        assert set(one.hidden) >= HIDES[one.kind]
        assert {*one.hidden, *one.shown} == set(IDENTITY)
        assert not {*one.hidden} & {*one.shown}
        assert one.chance == pytest.approx(np.mean([1 / len(ATTRIBUTES[name]) for name in one.hidden]))
    back = people[0]
    assert visible(back.references[1].identity, back.references[1].context) >= set(IDENTITY), "the second shows all"


def test_rows_are_the_first_references_of_one_subject_in_one_scene(people: list[HidingSubject]) -> None:
    for one in people:
        rows = rows_of(one, worded=False, changes={})
        counts = {name: len(row.pictures) for name, row in rows.items()}
        assert counts == {ALONE: 1, TWO: 2, SHOWS_FIRST: 2, FOUR: 4, FRONT: 1}
        assert rows[FOUR].pictures == one.references
        assert rows[SHOWS_FIRST].pictures == (one.references[1], one.references[0])
        assert rows[FRONT].pictures == one.references[1:2]
        assert len({picture.identity_seed for picture in one.references}) == 1
        assert len({picture.context.scene for picture in one.references}) == 1
        assert len({(picture.context.view, picture.context.framing) for picture in one.references}) == 4


def test_references_decide_the_key_of_a_measurement(people: list[HidingSubject]) -> None:
    rows = [row for one in people for row in rows_of(one, worded=False, changes={}).values()]
    rows += list(rows_of(people[0], worded=False, changes={"inversion": 0.7}).values())
    assert len({to_literal(row) for row in rows}) == len(rows)


def test_a_weight_is_that_of_the_pictures_that_hide_beside_the_one_that_shows(people: list[HidingSubject]) -> None:
    rows = rows_of(people[0], worded=False, changes={}, weight=0.25)
    weights = {name: row.weights for name, row in rows.items()}
    assert weights == {
        ALONE: (),
        TWO: (0.25, 1.0),
        SHOWS_FIRST: (1.0, 0.25),
        FOUR: (0.25, 1.0, 0.25, 0.25),
        FRONT: (),
    }
    plain = rows_of(people[0], worded=False, changes={})
    assert to_literal(plain[TWO]) != to_literal(rows[TWO])
    assert "weights" not in to_literal(plain[TWO]), "what was measured without weights keeps its key"


def test_captions_name_the_view_only_to_models_that_learnt_it(people: list[HidingSubject]) -> None:
    back = people[0].first
    assert "behind" in caption_of(back, worded=True)
    assert "behind" not in caption_of(back, worded=False)


def test_figures_tell_hidden_from_shown_and_gain_from_one_picture(people: list[HidingSubject]) -> None:
    measured = [seen(one, {ALONE: (0.25 + 0.1 * i, 0.9), TWO: (0.75 + 0.1 * i, 0.95)}) for i, one in enumerate(people)]
    found = {(one.hides, one.row): one for one in figures(measured)}
    assert list(dict.fromkeys(hides for hides, _ in found)) == [ALL, *HIDING]
    alone, two = found[ALL, ALONE], found[ALL, TWO]
    assert (alone.subjects, alone.images) == (4, 8)
    assert alone.hidden.value == pytest.approx(0.4)
    assert two.hidden.value == pytest.approx(0.9)
    assert (two.gain.value, two.gain.low, two.gain.high) == pytest.approx((0.5, 0.5, 0.5))
    assert (alone.gain.value, two.shown.value, two.prompt.value, two.copying.value) == pytest.approx(
        (0, 0.95, 0.75, 0.3)
    )
    assert found["side", TWO].hidden.value == pytest.approx(0.85)
    assert found["side", TWO].subjects == 1
    assert found["side", TWO].chance == pytest.approx(people[1].chance)


def test_the_sheet_has_a_row_for_each_subject(people: list[HidingSubject]) -> None:
    measured = [seen(one, dict.fromkeys((ALONE, TWO, SHOWS_FIRST, FOUR, FRONT), (0.5, 0.5))) for one in people[:2]]
    one, two = reference_sheet(measured[:1]), reference_sheet(measured)
    assert two.width == one.width
    assert two.height - one.height == 100


def test_waiting_for_another_process_is_said_too(people: list[HidingSubject], monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(*given: Any) -> dict[str, list[EvaluationResult]]:
        say: Callable[[str], None] = given[-1]
        say("waiting for 1 subjects that another process is measuring")
        say("subject 1/1, alone: identity 50 %, prompt 50 %")
        return {}

    monkeypatch.setattr(measure, "measure_methods", measured)
    bench: Any = SimpleNamespace(oracle=SimpleNamespace(heads={}))
    cache: Any = None
    said: list[str] = []
    measure_references(bench, cache, people[:1], 1, said.append)
    assert said == [
        "1/1 (back), waiting for 1 subjects that another process is measuring",
        "1/1 (back), alone: identity 50 %, prompt 50 %",
    ]
