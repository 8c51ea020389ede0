"""Better defaults change nothing of what was made before, until somebody asks for them."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from dreamtuner.models.profiles import Profile
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.sampling import Sampling
from dreamtuner.settings.styles import STYLES
from flows.planning.cells import GenerationSetup, plan_cells
from flows.planning.defaults import (
    Defaults,
    defaults_of_spec,
    defaults_of_subject,
    newer_defaults,
    newer_finetuning,
    numbers_of,
    revision_of,
    with_numbers,
)
from flows.planning.finetune import finetune_job
from flows.spec.model import Spec
from storage.catalog import Catalog, views, writes
from tests.flows import released_plan
from tests.flows.released_plan import ANIME, FULL, LEARNT, LORA, MOMO, NATURAL, PIP, SPEC


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}") as opened:
        yield opened


@pytest.fixture
def released(tmp_path: Path) -> Iterator[Catalog]:
    """A catalog of a version that remembered no numbers."""
    file = tmp_path / "released.db"
    with sqlite3.connect(file) as database:
        database.executescript((Path(__file__).parent / "released" / "catalog.sql").read_text())
    database.close()
    with Catalog.open(f"sqlite:///{file}") as opened:
        yield opened


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """A profile with the numbers that the released catalog was made with."""
    (tmp_path / "weights" / "subject_encoder").mkdir(parents=True)
    return Profile(
        name="pocket",
        weights=tmp_path / "weights",
        resolution=64,
        licence="Apache-2.0",
        remedy="",
        natural=Sampling(**NATURAL),
        anime=Sampling(**ANIME),
        tuning=FineTuneConfig(**LORA),
        full_tuning=FineTuneConfig(**FULL),
        finetuned_sampling=LEARNT,
    )


def better(profile: Profile) -> Profile:
    """The same with other numbers everywhere."""
    return profile.model_copy(
        update={
            "natural": profile.natural.model_copy(update={"w_r": 2.5, "inversion": 0.7}),
            "anime": profile.anime.model_copy(update={"w_r": 2.25, "inversion": 0.7}),
            "tuning": profile.tuning.model_copy(update={"steps": 400}),
            "full_tuning": profile.full_tuning.model_copy(update={"rank": 8}),
            "finetuned_sampling": {"p_r": 0.5, "inversion": 0.0},
        }
    )


def newer_line(spec: Spec, defaults: Defaults) -> str | None:
    """What is said of the spec, which is for a natural and an anime subject."""
    return newer_defaults(spec, defaults, ["natural", "anime"])


def digests(profile: Profile, spec: Spec) -> list[str]:
    """What the spec's cells are by the numbers of a profile."""
    learnt = spec.finetune is not None
    sampling = {style: profile.sampling(style, learnt=learnt, **spec.sampling) for style in STYLES}
    tuning = None if spec.finetune is None else finetune_job(profile.finetuning(**spec.finetune), profile)
    setup = GenerationSetup(released_plan.WEIGHTS, sampling, {}, {}, tuning)
    return [cell.digest for cell in plan_cells(spec, [PIP, MOMO], setup)]


def test_a_spec_keeps_the_numbers_of_its_first_run_until_newer_ones_are_asked_for(
    catalog: Catalog, profile: Profile
) -> None:
    spec, newer = Spec.model_validate(SPEC), better(profile)
    first = defaults_of_spec(spec, profile, catalog)
    assert newer_line(spec, first) is None
    first.remember(catalog)
    later = defaults_of_spec(spec, newer, catalog)
    later.remember(catalog)  # a run by the newer version says nothing else
    assert digests(later.profile, spec) == digests(profile, spec)
    assert numbers_of(defaults_of_spec(spec, newer, catalog).profile) == numbers_of(profile)
    assert newer_line(spec, later) == (
        "profile pocket has newer defaults than released first ran with "
        "(w_r 2.0 -> 2.5, inversion 0.0 -> 0.7, w_r 2.0 -> 2.25); --new-defaults uses them and regenerates 8 cells"
    )
    asked = defaults_of_spec(spec, newer, catalog, new=True)
    assert (revision_of(asked.profile), newer_line(spec, asked)) == (revision_of(newer), None)
    asked.remember(catalog, new=True)
    assert numbers_of(defaults_of_spec(spec, profile, catalog).profile) == numbers_of(newer)
    other = spec.model_copy(update={"name": "another"})
    assert numbers_of(defaults_of_spec(other, newer, catalog).profile) == numbers_of(newer)


def test_what_a_spec_gives_itself_is_no_newer_default(catalog: Catalog, profile: Profile) -> None:
    spec = Spec.model_validate(SPEC | {"sampling": {"w_r": 1.0, "inversion": 0.2}})
    defaults_of_spec(spec, profile, catalog).remember(catalog)
    assert newer_line(spec, defaults_of_spec(spec, better(profile), catalog)) is None
    learnt = Spec.model_validate(
        SPEC | {"finetune": {"steps": 50}, "sampling": {"w_r": 1.0, "p_r": 0.3, "inversion": 0.2}}
    )
    words = newer_line(learnt, defaults_of_spec(learnt, better(profile), catalog))
    assert words is not None
    assert "steps" not in words
    assert "finetune.regular.w_r 2.0 -> 2.5" in words
    assert "inversion" not in words  # class images never have it


@pytest.mark.parametrize(("name", "finetune"), [("plain", None), ("learnt by adapters", {})])
def test_a_catalog_that_remembered_nothing_tells_them_by_its_cells(
    released: Catalog, profile: Profile, name: str, finetune: dict[str, int] | None
) -> None:
    spec = Spec.model_validate(SPEC | {"name": name, "finetune": finetune})
    newer = defaults_of_spec(spec, better(profile), released)
    assert digests(newer.profile, spec) == [cell.digest for cell in released_plan.cells()[name]]
    assert newer_line(spec, newer) is not None


def test_a_subjects_fine_tuning_keeps_its_numbers_too(catalog: Catalog, profile: Profile) -> None:
    defaults_of_subject("pip", profile, catalog).remember(catalog)
    later = defaults_of_subject("pip", better(profile), catalog)
    assert later.profile.finetuning() == profile.finetuning()
    words = newer_finetuning(later, {})
    assert words is not None
    assert "steps 300 -> 400" in words
    assert newer_finetuning(later, {"steps": 20}) is None
    assert defaults_of_subject("pip", better(profile), catalog, new=True).profile.finetuning().steps == 400
    with catalog.write() as s:
        writes.add_subject(s, name="pip", class_word="bear", style="natural")
        writes.forget_subject(s, "pip", actor="me")
    with catalog.read() as s:
        assert views.first_numbers(s, "subject", "pip", "pocket") is None


def test_numbers_are_read_back_as_they_were(profile: Profile) -> None:
    assert with_numbers(better(profile), numbers_of(profile)) == profile
    assert revision_of(profile) != revision_of(better(profile))
