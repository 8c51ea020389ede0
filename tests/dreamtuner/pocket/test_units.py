"""Measuring a subject by a method: what the cells are, what is read from them, and that copying shows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from PIL import Image

from dreamtuner.baselines.method import Given, Prepared
from dreamtuner.evaluation.cells import image_requests
from dreamtuner.evaluation.held_out import held_out_contexts, held_out_subjects, reference_of
from dreamtuner.evaluation.measures import measure
from dreamtuner.evaluation.run import Bench, measure_cells
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.models.profiles import get_profile
from dreamtuner.pocket.training.shards import Picture
from dreamtuner.pocket.world import VALIDATION
from dreamtuner.sampling.request import Cell

SUBJECTS = held_out_subjects(2, seeds=VALIDATION)


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench.load(get_profile("pocket"))


def test_a_copied_reference_shows_in_the_copying_score(bench: Bench) -> None:
    subject = SUBJECTS[0]
    reference = reference_of(subject)
    asked = held_out_contexts(subject, 2)[1]  # another scene, another pose
    right, still = (
        reference_of(Picture(subject.identity_seed, context)).image
        for context in (asked, replace(subject.context, scene=asked.scene))
    )
    found = measure(
        bench.oracle,
        bench.tower,
        subject,
        reference,
        [asked] * 3,
        [reference.image, still, right],
    )
    assert found["identity"][0] > 0.8
    copying, layout, background = (found[name] for name in ("copying", "copied_layout", "copied_background"))
    assert copying[0] > 0.8  # pasted
    assert copying[2] < 0.2  # the renderer's own picture of what was asked
    assert background[1] < 0.1  # in the scene that was asked for,
    assert layout[1] > 0.8  # and as the reference stands
    same = measure(bench.oracle, bench.tower, subject, reference, [subject.context], [reference.image])
    assert same["prompt"][0] == 1
    assert same["copying"][0] == same["copied_background"][0]  # the asked pose is the reference's: no sign of copying


def test_cells_keep_their_class_word(bench: Bench) -> None:
    cells: list[Cell] = []

    @dataclass(frozen=True)
    class Listening:
        name: str = "listening"
        training: str = ""

        def prepare(self, backbone: UNetBackbone, given: Given) -> Prepared:
            def draw(asked: Sequence[Cell]) -> list[Image.Image]:
                cells.extend(asked)
                return [Image.new("RGB", (64, 64))] * len(asked)

            assert given.class_word in given.reference.caption
            assert given.detailed != given.reference.caption
            return Prepared(draw)

    wanted = image_requests(SUBJECTS[0], 3, 2)
    ((drawn, measured, pictures),) = measure_cells(bench, Listening(), SUBJECTS[0], wanted, Path("nowhere"))
    assert list(drawn) == wanted
    assert len({cell.seed for cell in cells}) == len(pictures) == len(measured) == 6
    assert [cell.context for cell in wanted[::2]] == held_out_contexts(SUBJECTS[0], 3)
    assert all(f"a {SUBJECTS[0].identity.class_word} " in cell.prompt for cell in cells)


def test_a_larger_table_holds_the_cells_of_a_smaller_one() -> None:
    small, large = (image_requests(SUBJECTS[0], *size) for size in ((3, 1), (5, 4)))
    assert set(small) < set(large)
    assert len({cell.seed for cell in large}) == len(large) == 20
    assert sum(cell.first for cell in large) == 5
