"""The paper's numbers, and settings that cannot go wrong quietly."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from dreamtuner.models.profiles import get_profile
from dreamtuner.settings.finetune import FineTuneConfig, Rates
from dreamtuner.settings.sampling import Sampling


def test_the_papers_numbers_are_the_defaults() -> None:
    assert Sampling().w_ref == 3.0
    assert Sampling().p_r == 0.9
    pocket = get_profile("pocket")
    assert (pocket.sampling("natural").w_ref, pocket.sampling("anime").w_ref) == (3.0, 2.5)
    assert (pocket.sampling().steps, pocket.sampling().resolution, pocket.sampling().p_r) == (20, 64, 0.9)


def test_what_a_learnt_subject_is_drawn_by(tmp_path: Path):
    profile = get_profile("pocket").model_copy(update={"finetuned_sampling": {"p_r": 0.5, "beta": 0.3}})
    assert (profile.sampling().p_r, profile.sampling().beta) == (0.9, 0.5)
    learnt = profile.sampling(learnt=True, p_r=0.7)  # what a spec says comes last
    assert (learnt.p_r, learnt.beta) == (0.7, 0.3)
    without = profile.model_copy(update={"weights": tmp_path})
    assert without.sampling(learnt=True).beta == 0


@pytest.mark.parametrize("wrong", [{"w_reff": 3.0}, {"p_r": 1.1}, {"w_ref": -1}, {"steps": 0}, {"w_c": float("nan")}])
def test_unknown_and_impossible_settings_are_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        get_profile("pocket").sampling("natural", **wrong)


def test_settings_are_frozen_and_every_field_says_its_source() -> None:
    with pytest.raises(ValidationError):
        Sampling().w_ref = 1.0  # type: ignore[misc]
    assert all(field.description for field in Sampling.model_fields.values())


@pytest.mark.parametrize("model", [Sampling, FineTuneConfig, Rates])
def test_numbers_that_are_written_as_text_are_refused(model: type[BaseModel]) -> None:
    texts = {"mode", "lr", "word", "init", "subject", "caption", "background", "regular", "previews"}
    texts |= {
        "size",
        "reference_crop",
        "scheduler",
        "prompt_syntax",
        "negative_in",
        "loras",
        "vae",
        "freeu",
        "control_weights",
        "dtype",
        "precision",
        "optimizer",
        "targets",
        "gradient_checkpointing",
        "dora",
        "upscaler",
        "cutout",
        "vae_tiling",
    }
    for name in set(model.model_fields) - texts:
        for slip in ("0.5", "20", True):
            with pytest.raises(ValidationError, match=f"{name}\n.*must be a number, not {slip!r}"):
                model.model_validate({name: slip})
