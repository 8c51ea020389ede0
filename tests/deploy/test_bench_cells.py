"""Measured cells in the catalog: killed, a table goes on; several at once share the work; what is lost is mended."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deploy.bench.measured.cells import CatalogCells
from dreamtuner.baselines.method import BATCH, Given, Method, Prepared
from dreamtuner.baselines.plain import Plain
from dreamtuner.baselines.training_free import Attending, OtherEncoder
from dreamtuner.evaluation.cache import EvaluationCache
from dreamtuner.evaluation.cells import SEEDS_APART, Measured, image_requests
from dreamtuner.evaluation.held_out import held_out_subjects
from dreamtuner.evaluation.result import EvaluationResult
from dreamtuner.evaluation.run import PRIOR_METRIC, Bench, finished, measure_methods
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.models.profiles import Profile, get_profile
from dreamtuner.pocket.world import VALIDATION
from dreamtuner.sampling.request import Cell
from storage.catalog import Catalog, garbage, views
from storage.keys import blob_key
from storage.maintenance.verify import Finding, verify
from storage.objects import DiskStore

SUBJECTS = held_out_subjects(2, seeds=VALIDATION)
CELLS = image_requests(SUBJECTS[0], 2, 1)
SSA = Attending("S-S-A", {"beta": 0.0})


class Stopped(Attending):
    """A method at whose second subject somebody presses Ctrl-C; its cells are named as those of its parent are."""

    def prepare(self, backbone: UNetBackbone, given: Given) -> Prepared:
        if given.class_word == SUBJECTS[1].identity.class_word:
            raise KeyboardInterrupt
        return super().prepare(backbone, given)


Stopped.__name__ = Attending.__name__


@dataclass(frozen=True)
class Trained:
    """A method with a training of its own, of which the workshop is all that is seen."""

    name: str = "trained"
    training: str = "long"

    def prepare(self, backbone: UNetBackbone, given: Given) -> Prepared:
        given.work_dir.mkdir(parents=True)
        (given.work_dir / "state").write_text("half")
        blank = [Image.new("RGB", (64, 64))]
        return Prepared(lambda cells: blank * len(cells), lambda cells: blank * len(cells))


@pytest.fixture(scope="module")
def bench() -> Bench:
    """The pocket model, in two steps a picture."""
    profile = get_profile("pocket")
    quick = {"steps": 2}
    profile = profile.model_copy(
        update={"natural": profile.natural.model_copy(update=quick), "anime": profile.anime.model_copy(update=quick)}
    )
    return Bench.load(profile)


def cache_in(folder: Path, profile: Profile) -> EvaluationCache:
    """A catalog and a store of its own in the folder."""
    folder.mkdir(exist_ok=True)
    cells = CatalogCells(Catalog.open(f"sqlite:///{folder}/catalog.db"), DiskStore(folder / "objects"))
    return EvaluationCache(folder / "bench", cells, profile)


def run(
    bench: Bench, folder: Path, methods: dict[str, Method], said: list[str] | None = None, seeds: int = 1
) -> dict[str, list[EvaluationResult]]:
    told = [] if said is None else said
    return measure_methods(bench, cache_in(folder, bench.profile), methods, SUBJECTS, 2, seeds, told.append)


def pixels(unit: EvaluationResult) -> list[bytes]:
    return [picture.tobytes() for picture in unit.drawn.pictures]


@pytest.mark.slow
def test_a_stopped_table_goes_on_and_equals_an_unbroken_one(bench: Bench, tmp_path: Path) -> None:
    assert SUBJECTS[0].identity.class_word != SUBJECTS[1].identity.class_word
    methods: dict[str, Method] = {"plain": Plain(), "ssa": SSA}
    broken = tmp_path / "broken"
    with pytest.raises(KeyboardInterrupt):
        run(bench, broken, {"plain": Plain(), "ssa": Stopped(**vars(SSA))})
    so_far = finished(cache_in(broken, bench.profile), methods, SUBJECTS, 2, 1)
    assert [unit.drawn.subject for unit in so_far["ssa"]] == SUBJECTS[:1]
    said: list[str] = []
    went_on = run(bench, broken, methods, said)
    assert len(said) == 1  # of four units three were there
    unbroken = run(bench, tmp_path / "unbroken", methods)
    for name, units in went_on.items():
        for one, other in zip(units, unbroken[name], strict=True):
            assert one.drawn.measures.keys() == other.drawn.measures.keys()
            assert pixels(one) == pixels(other)
            for what, values in one.drawn.measures.items():
                assert np.allclose(values, other.drawn.measures[what], atol=1e-5), what


def test_a_stop_inside_a_subject_loses_what_was_being_drawn_alone(bench: Bench, tmp_path: Path) -> None:
    drawn: list[int] = []

    @dataclass(frozen=True)
    class Tired:
        name: str = "tired"
        training: str = ""

        def prepare(self, backbone: UNetBackbone, given: Given) -> Prepared:
            def draw(cells: Sequence[Cell]) -> list[Image.Image]:
                if drawn == [BATCH]:
                    drawn.clear()
                    raise KeyboardInterrupt
                drawn.append(len(cells))
                return [Image.new("RGB", (64, 64), (cell.seed % 256, 0, 0)) for cell in cells]

            return Prepared(draw)

    methods: dict[str, Method] = {"tired": Tired()}
    with pytest.raises(KeyboardInterrupt):
        run(bench, tmp_path, methods, seeds=12)
    units = run(bench, tmp_path, methods, seeds=12)["tired"]
    assert drawn == [24 - BATCH, BATCH, 24 - BATCH]  # the rest of the first subject, then the second
    assert [picture.getpixel((0, 0)) for picture in units[0].drawn.pictures] == [(0, 0, 0), (1, 0, 0)]
    assert all(len(unit.drawn.measures["prompt"]) == 24 for unit in units)


def test_a_larger_table_measures_what_is_new(bench: Bench, tmp_path: Path) -> None:
    trained = Trained()
    small = run(bench, tmp_path, {"trained": trained})["trained"][0]
    missing = cache_in(tmp_path, bench.profile).missing(trained, SUBJECTS[0], image_requests(SUBJECTS[0], 3, 2))
    assert [(cell.first, cell.seed % SEEDS_APART) for cell in missing] == [
        (False, 0),
        (False, 1),
        (True, 2),
        (False, 2),
    ]
    large = run(bench, tmp_path, {"trained": trained}, seeds=2)["trained"][0]
    assert len(large.drawn.measures["prompt"]) == 4
    assert len(large.drawn.measures[PRIOR_METRIC]) == 2  # of the first pictures alone
    for what, values in small.drawn.measures.items():
        again = large.drawn.measures[what]
        assert np.array_equal(again if what == PRIOR_METRIC else again[::2], values, equal_nan=True), what


def test_processes_at_once_share_the_subjects(bench: Bench, tmp_path: Path) -> None:
    methods: dict[str, Method] = {"trained": Trained()}
    cache, said = cache_in(tmp_path, bench.profile), list[str]()
    with ThreadPoolExecutor(1) as other:
        with cache.locked(SUBJECTS[0]) as mine:
            assert mine
            going = other.submit(run, bench, tmp_path, methods, said)
            while not any("another process" in line for line in said):
                assert not going.done()
                time.sleep(0.05)
            assert cache.missing(Trained(), SUBJECTS[0], CELLS) == CELLS  # not touched while it is held,
            assert (
                cache.result(Trained(), SUBJECTS[1], image_requests(SUBJECTS[1], 2, 1)) is not None
            )  # and the next is done
            made = [Measured({"prompt": value, "identity": nan}, 2.0, 0.5) for value in (0.1, 0.2)]
            cache.save(Trained(), SUBJECTS[0], CELLS, made, [Image.new("RGB", (64, 64))] * 2)
        units = going.result()["trained"]
    assert list(units[0].drawn.measures["prompt"]) == [0.1, 0.2]  # the holder's
    assert np.isnan(units[0].drawn.measures["identity"]).all()
    assert units[1].drawn.subject == SUBJECTS[1]
    assert len(said) == 2


def test_what_decides_a_cell_decides_its_digest(bench: Bench, tmp_path: Path) -> None:
    cache = cache_in(tmp_path, bench.profile)
    other = cache_in(tmp_path, get_profile("pocket"))  # other sampling numbers
    weights = tmp_path / "encoder" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"one")
    other_encoder = OtherEncoder.of(weights.parent)
    weights.write_bytes(b"another")
    trained_further = OtherEncoder.of(weights.parent)
    first, second = CELLS
    digests = {
        cache.digest(Plain(), SUBJECTS[0], first),
        cache.digest(Plain(), SUBJECTS[0], second),
        cache.digest(Plain(), SUBJECTS[0], replace(first, seed=SEEDS_APART)),
        cache.digest(Plain(), SUBJECTS[1], first),
        cache.digest(SSA, SUBJECTS[0], first),
        cache.digest(Attending("S-S-A", {"beta": 0.1}), SUBJECTS[0], first),
        cache.digest(Attending("S-S-A", {"beta": 0.0}, masked=False), SUBJECTS[0], first),
        cache.digest(Attending("S-S-A", {"beta": 0.0}, encoder=other_encoder), SUBJECTS[0], first),
        cache.digest(Attending("S-S-A", {"beta": 0.0}, encoder=trained_further), SUBJECTS[0], first),
        other.digest(Plain(), SUBJECTS[0], first),
    }
    assert len(digests) == 10
    assert cache.work_dir(Trained(), SUBJECTS[0]) != cache.work_dir(Trained(training="other"), SUBJECTS[0])


def test_a_workshop_is_gone_when_its_subject_is_done(bench: Bench, tmp_path: Path) -> None:
    units = run(bench, tmp_path, {"trained": Trained()})["trained"]
    assert not list(tmp_path.glob("bench/training/*"))
    assert all(len(unit.drawn.measures[PRIOR_METRIC]) == 2 for unit in units)


def test_pictures_are_kept_from_the_collector_and_lost_ones_are_drawn_again(bench: Bench, tmp_path: Path) -> None:
    """All are lost, so each has its batch again: the last bits of an image depend on that on some CPUs."""
    methods: dict[str, Method] = {"plain": Plain()}
    before = run(bench, tmp_path, methods)["plain"]
    catalog, store = Catalog.open(f"sqlite:///{tmp_path}/catalog.db"), DiskStore(tmp_path / "objects")
    with catalog.read() as s:
        blobs = garbage.blobs(s)
        assert len(blobs) == 4
        assert garbage.garbage(s) == 0
    for gone, damaged in (blobs[:2], blobs[2:]):
        store.delete(blob_key(gone[0]))
        (tmp_path / "objects" / blob_key(damaged[0])).write_bytes(b"half of it")
    wrong: list[Finding] = []
    verify(catalog, store, wrong.append)
    assert sorted(one.kind for one in wrong) == ["damaged", "damaged", "missing", "missing"]
    cache = cache_in(tmp_path, bench.profile)
    assert sum(len(cache.missing(Plain(), one, image_requests(one, 2, 1))) for one in SUBJECTS) == 4
    after = run(bench, tmp_path, methods)["plain"]
    for one, other in zip(before, after, strict=True):
        assert pixels(one) == pixels(other)
    wrong.clear()
    verify(catalog, store, wrong.append)
    assert wrong == []


def test_a_lost_image_that_pages_do_not_show_is_drawn_again_where_all_are_needed(bench: Bench, tmp_path: Path) -> None:
    trained, methods = Trained(), {"trained": Trained()}
    run(bench, tmp_path, methods, seeds=2)
    cache, cells = cache_in(tmp_path, bench.profile), image_requests(SUBJECTS[0], 2, 2)
    catalog, store = Catalog.open(f"sqlite:///{tmp_path}/catalog.db"), DiskStore(tmp_path / "objects")
    digest = cache.digest(trained, SUBJECTS[0], cells[1])
    with catalog.read() as s:
        [lost] = views.measurements(s, [digest]).values()
    store.delete(blob_key(lost.image_sha256))
    assert cache.missing(trained, SUBJECTS[0], cells) == []
    assert cache.missing(trained, SUBJECTS[0], cells, all_images=True) == [cells[1]]
    with pytest.raises(KeyError):
        cache.pictures(trained, SUBJECTS[0], cells)
    measure_methods(bench, cache, methods, SUBJECTS[:1], 2, 2, list[str]().append, all_images=True)
    assert len(cache.pictures(trained, SUBJECTS[0], cells)) == 4
