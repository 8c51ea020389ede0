"""What every call of the model compares, and which tokens of a reference count as seen."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, HeunDiscreteScheduler
from PIL import Image

from dreamtuner.families.text_states import TextStates
from dreamtuner.sampling.guidance_plan import plan_steps
from dreamtuner.sampling.request import Reference
from dreamtuner.sampling.subject import prepare_subject
from dreamtuner.settings.recipe_fields import to_fields
from dreamtuner.settings.sampling import Sampling, TextSettings


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside diffusers
@pytest.mark.parametrize(("kind", "calls"), [(DDIMScheduler, 1), (HeunDiscreteScheduler, 2)])
def test_lambda_is_drawn_once_a_step_however_often_the_solver_calls_the_model(kind: Any, calls: int) -> None:
    subjects: Any = [SimpleNamespace(digest="ab")]
    plan = plan_steps(kind(), subjects, Sampling(steps=40, p_r=0.5))
    by_reference = [pair.other.text == "c" for pair in plan]
    steps = [set(by_reference[i : i + calls]) for i in range(0, len(by_reference), calls)]
    assert len(steps) == 40
    assert all(len(step) == 1 for step in steps)
    assert {True, False} == set(by_reference)
    once = plan_steps(DDIMScheduler(), subjects, Sampling(steps=40, p_r=0.5))
    assert [step.pop() for step in steps] == [pair.other.text == "c" for pair in once]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside diffusers
@pytest.mark.parametrize("kind", [DDIMScheduler, HeunDiscreteScheduler])
def test_the_first_steps_may_be_without_the_reference_and_the_others_stay_as_they_are(kind: Any) -> None:
    subjects: Any = [SimpleNamespace(digest="ab")]
    every = plan_steps(kind(), subjects, Sampling(steps=20))
    late = plan_steps(kind(), subjects, Sampling(steps=20, reference_from=0.2))
    unseen = [pair.wanted.x_r is None and pair.other.x_r is None for pair in late]
    first = unseen.index(False)
    assert first == pytest.approx(0.2 * len(late), abs=1)
    assert all(unseen[:first])
    assert late[first:] == every[first:]
    assert {(pair.wanted.text, pair.other.text, pair.w) for pair in late[:first]} == {("c", "uc", Sampling().w_c)}
    never = plan_steps(kind(), subjects, Sampling(steps=20, reference_from=1.0))
    assert never == plan_steps(kind(), [], Sampling(steps=20))
    assert "reference_from" not in to_fields(Sampling()), "no digest changes where it is off"


class _Parts:
    """A model of one level, whose latents have an eighth of the picture's side."""

    def denoiser(self) -> Any:
        return SimpleNamespace(token_grids=lambda size: {size[0] * size[1]: size})

    def encode_image(self, image: Image.Image) -> torch.Tensor:
        return torch.zeros(4, image.height // 8, image.width // 8)

    def encode_text(self, text: str, settings: TextSettings) -> TextStates:
        return TextStates(torch.zeros(1, 1, 1))


def test_a_whole_reference_is_seen_without_what_the_square_adds() -> None:
    tall = Image.new("RGB", (32, 64), "red")  # its subject fills it, so that the square is padded left and right
    parts: Any = _Parts()
    seen = prepare_subject(parts, Reference(tall, None, "a bear", whole=True), Sampling(beta=0.0))
    assert seen is not None
    assert seen.foreground is not None
    columns = {int(token) % 8 for token in seen.foreground[64]}
    assert columns == {2, 3, 4, 5}
    wide = prepare_subject(parts, Reference(Image.new("RGB", (64, 64)), None, "a bear", whole=True), Sampling(beta=0.0))
    assert wide is not None
    assert wide.foreground is not None
    assert len(wide.foreground[64]) == 64
