"""Measuring held-out subjects: killed, it goes on; several at once share the work; copying shows."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dreamtuner.backbone import Backbone
from dreamtuner.baselines.attending import Attending, OtherEncoder
from dreamtuner.baselines.method import Given, Method, Prepared
from dreamtuner.baselines.plain import Plain
from dreamtuner.pocket.held_out import Drawn, asked_of, held_out_subjects, reference_of
from dreamtuner.pocket.measure import measure
from dreamtuner.pocket.shards import Picture
from dreamtuner.pocket.units.run import GUARD, Bench, finished, measure_methods, measure_unit
from dreamtuner.pocket.units.unit import Kept, Unit
from dreamtuner.pocket.world import VALIDATION
from dreamtuner.profiles import pocket
from dreamtuner.request import Cell

SUBJECTS = held_out_subjects(2, seeds=VALIDATION)
SSA = Attending("S-S-A", {"beta": 0.0})


@dataclass(frozen=True)
class Stopped:
    """A method at whose second subject somebody presses Ctrl-C."""

    inner: Method = SSA
    name: str = "S-S-A"
    training: str = ""

    def __repr__(self) -> str:
        return repr(self.inner)

    def prepare(self, backbone: Backbone, given: Given) -> Prepared:
        if given.class_word == SUBJECTS[1].identity.class_word:
            raise KeyboardInterrupt
        return self.inner.prepare(backbone, given)


@dataclass(frozen=True)
class Trained:
    """A method with a training of its own, of which the workshop is all that is seen."""

    name: str = "trained"
    training: str = "long"

    def prepare(self, backbone: Backbone, given: Given) -> Prepared:
        given.workshop.mkdir(parents=True)
        (given.workshop / "state").write_text("half")
        blank = [Image.new("RGB", (64, 64))]
        return Prepared(lambda cells: blank * len(cells), lambda cells: blank * len(cells))


@pytest.fixture(scope="module")
def bench() -> Bench:
    """The pocket model, in two steps a picture."""
    profile = pocket()
    quick = {"steps": 2}
    profile = profile.model_copy(
        update={"natural": profile.natural.model_copy(update=quick), "anime": profile.anime.model_copy(update=quick)}
    )
    return Bench.load(profile)


def run(bench: Bench, folder: Path, methods: dict[str, Method], said: list[str] | None = None) -> dict[str, list[Unit]]:
    told = [] if said is None else said
    return measure_methods(bench, Kept(folder, bench.profile), methods, SUBJECTS, 2, 1, told.append)


def test_a_stopped_table_goes_on_and_equals_an_unbroken_one(bench: Bench, tmp_path: Path) -> None:
    assert SUBJECTS[0].identity.class_word != SUBJECTS[1].identity.class_word
    methods: dict[str, Method] = {"plain": Plain(), "ssa": SSA}
    broken = tmp_path / "broken"
    with pytest.raises(KeyboardInterrupt):
        run(bench, broken, {"plain": Plain(), "ssa": Stopped()})
    kept = Kept(broken, bench.profile)
    so_far = finished(kept, methods, SUBJECTS, 2, 1)
    assert [unit.drawn.subject for unit in so_far["ssa"]] == SUBJECTS[:1]
    said: list[str] = []
    went_on = run(bench, broken, methods, said)
    assert len(said) == 1  # of four units three were there
    unbroken = run(bench, tmp_path / "unbroken", methods)
    for name, units in went_on.items():
        for one, other in zip(units, unbroken[name], strict=True):
            assert one.drawn.measures.keys() == other.drawn.measures.keys()
            for what, values in one.drawn.measures.items():
                assert np.allclose(values, other.drawn.measures[what], atol=1e-5), what


def test_processes_at_once_share_the_subjects(bench: Bench, tmp_path: Path) -> None:
    methods: dict[str, Method] = {"trained": Trained()}
    kept, said = Kept(tmp_path, bench.profile), list[str]()
    with ThreadPoolExecutor(1) as other:
        with kept.taken(SUBJECTS[0]) as mine:
            assert mine
            going = other.submit(run, bench, tmp_path, methods, said)
            while not any("another process" in line for line in said):
                assert not going.done()
                time.sleep(0.05)
            assert kept.load(Trained(), SUBJECTS[0], 2, 1) is None  # not touched while it is held,
            assert kept.load(Trained(), SUBJECTS[1], 2, 1) is not None  # and meanwhile the next one was measured
            made = Drawn(SUBJECTS[0], [Image.new("RGB", (64, 64))] * 2, {"prompt": np.array([0.1, 0.2])})
            kept.save(Unit(made, 2.0, 0.5), Trained(), 2, 1)
        units = going.result()["trained"]
    assert list(units[0].drawn.measures["prompt"]) == [0.1, 0.2]  # the holder's
    assert units[1].drawn.subject == SUBJECTS[1]
    assert len(said) == 2


def test_what_decides_a_unit_decides_where_it_is_kept(bench: Bench, tmp_path: Path) -> None:
    kept = Kept(tmp_path, bench.profile)
    other = Kept(tmp_path, pocket())  # other sampling numbers
    weights = tmp_path / "encoder" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"one")
    other_encoder = OtherEncoder.of(weights.parent)
    weights.write_bytes(b"another")
    trained_further = OtherEncoder.of(weights.parent)
    places = {
        kept.path(Plain(), SUBJECTS[0], 2, 1),
        kept.path(Plain(), SUBJECTS[1], 2, 1),
        kept.path(SSA, SUBJECTS[0], 2, 1),
        kept.path(Attending("S-S-A", {"beta": 0.1}), SUBJECTS[0], 2, 1),
        kept.path(Attending("S-S-A", {"beta": 0.0}, masked=False), SUBJECTS[0], 2, 1),
        kept.path(Attending("S-S-A", {"beta": 0.0}, encoder=other_encoder), SUBJECTS[0], 2, 1),
        kept.path(Attending("S-S-A", {"beta": 0.0}, encoder=trained_further), SUBJECTS[0], 2, 1),
        kept.path(Plain(), SUBJECTS[0], 3, 1),
        kept.path(Plain(), SUBJECTS[0], 2, 2),
        other.path(Plain(), SUBJECTS[0], 2, 1),
    }
    assert len(places) == 10
    assert kept.workshop(Trained(), SUBJECTS[0]) != kept.workshop(Trained(training="other"), SUBJECTS[0])


def test_a_workshop_is_gone_when_its_subject_is_done(bench: Bench, tmp_path: Path) -> None:
    units = run(bench, tmp_path, {"trained": Trained()})["trained"]
    assert [path.suffix for path in tmp_path.iterdir() if path.is_file()] == [".json"] * 2
    assert not list(tmp_path.glob("training/*"))
    assert all(len(unit.drawn.measures[GUARD]) == 2 for unit in units)


def test_a_copied_reference_shows_in_the_copying_score(bench: Bench) -> None:
    subject = SUBJECTS[0]
    reference = reference_of(subject)
    asked = asked_of(subject, 2)[1]  # another scene, another pose
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

        def prepare(self, backbone: Backbone, given: Given) -> Prepared:
            def draw(asked: Sequence[Cell]) -> list[Image.Image]:
                cells.extend(asked)
                return [Image.new("RGB", (64, 64))] * len(asked)

            assert given.class_word in given.reference.caption
            assert given.detailed != given.reference.caption
            return Prepared(draw)

    measured = measure_unit(bench, Listening(), SUBJECTS[0], 3, 2, Path("nowhere"))
    assert len(cells) == 6
    assert len({cell.seed for cell in cells}) == 6
    assert all(f"a {SUBJECTS[0].identity.class_word} " in cell.prompt for cell in cells)
    assert len(measured.drawn.pictures) == 3
    assert len(measured.drawn.measures["prompt"]) == 6
