"""Callbacks see the tensors of a step and may change them, the scale and the end; a bar counts the steps."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.callbacks import PipelineCallback

from dreamtuner.pipeline import DreamTunerPipeline
from dreamtuner.pipeline.callbacks import TENSORS

ImageRequest = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def quiet(whole: DreamTunerPipeline) -> None:
    whole.set_progress_bar_config(disable=True)


def test_it_is_called_after_every_step_with_the_tensors_asked_for(
    whole: DreamTunerPipeline, asked: ImageRequest
) -> None:
    seen: list[tuple[int, float, tuple[str, ...]]] = []

    def look(pipe: Any, step: int, t: torch.Tensor, tensors: dict[str, Any]) -> dict[str, Any]:
        assert pipe is whole
        assert all(tensor.shape[0] == 1 for tensor in tensors.values())
        seen.append((step, float(t), tuple(tensors)))
        return tensors

    plain = whole(**asked(p_r=0.0)).images
    for names in (["latents"], list(TENSORS), []):
        seen.clear()
        call = asked(p_r=0.0, callback_on_step_end=look, callback_on_step_end_tensor_inputs=names)
        assert np.array_equal(whole(**call).images, plain)
        assert [(step, held) for step, _, held in seen] == [(step, tuple(names)) for step in range(3)]
        assert [t for _, t, _ in seen] == sorted((t for _, t, _ in seen), reverse=True)
    assert whole.num_timesteps == 3


def test_what_it_returns_takes_the_place_of_what_was(whole: DreamTunerPipeline, asked: ImageRequest) -> None:
    def black(pipe: Any, step: int, t: torch.Tensor, tensors: dict[str, Any]) -> dict[str, Any]:
        return {"latents": torch.zeros_like(tensors["latents"])} if step == pipe.num_timesteps - 1 else {}

    assert not whole(**asked(callback_on_step_end=black, output_type="latent")).images.any()


def test_text_states_it_returns_hold_from_the_next_step_on(whole: DreamTunerPipeline, asked: ImageRequest) -> None:
    other, undesired = whole.encode_prompt("a frog", negative_prompt="a bear")

    def at(step_to_change: int, given: dict[str, Any]) -> Any:
        def change(pipe: Any, step: int, t: torch.Tensor, tensors: dict[str, Any]) -> dict[str, Any]:
            return given if step == step_to_change else {}

        call = asked(p_r=0.0, reference_image=None, reference_mask=None, reference_caption=None, reference_pose=None)
        return whole(**{**call, "output_type": "latent", "callback_on_step_end": change}).images

    plain = at(0, {})
    for given in ({"prompt_embeds": other}, {"negative_prompt_embeds": undesired}):
        assert float((at(0, given) - plain).abs().max()) > 1e-4
        assert torch.equal(at(2, given), plain)


def test_a_changed_shape_is_refused_by_name(whole: DreamTunerPipeline, asked: ImageRequest) -> None:
    with pytest.raises(ValueError, match=r"callback_on_step_end: it returned latents of \(1, 2\)"):
        whole(**asked(callback_on_step_end=lambda *_: {"latents": torch.zeros(1, 2)}))


def test_interrupt_ends_the_loop_and_what_is_reached_is_returned(
    whole: DreamTunerPipeline, asked: ImageRequest
) -> None:
    reached: list[torch.Tensor] = []

    def stop(pipe: Any, step: int, t: torch.Tensor, tensors: dict[str, Any]) -> None:
        reached.append(tensors["latents"])
        pipe._interrupt = step == 1

    out = whole(**asked(callback_on_step_end=stop, output_type="latent")).images
    assert len(reached) == 2
    assert torch.equal(out, reached[1])
    assert whole.interrupt
    whole(**asked(num_inference_steps=1))
    assert not whole.interrupt


@pytest.mark.slow
def test_a_callback_may_change_the_scale_of_text_guidance(whole: DreamTunerPipeline, asked: ImageRequest) -> None:
    def to(scale: float) -> Any:
        def change(pipe: Any, *_: object) -> None:
            pipe._guidance_scale = scale

        return whole(**asked(p_r=0.0, guidance_scale=4.0, output_type="latent", callback_on_step_end=change)).images

    kept = to(4.0)
    assert torch.equal(kept, whole(**asked(p_r=0.0, w_c=4.0, output_type="latent")).images)
    assert torch.equal(to(0.0), to(1.0))
    assert float((to(0.0) - kept).abs().max()) > 1e-4
    assert float((to(6.0) - kept).abs().max()) > 1e-4
    assert whole.guidance_scale == 6.0
    assert whole.do_classifier_free_guidance

    def late(pipe: Any, *_: object) -> None:
        pipe._guidance_scale = 3.0

    with pytest.raises(ValueError, match="guidance_scale: this call started without"):
        whole(**asked(p_r=0.0, guidance_scale=0.0, callback_on_step_end=late))


def test_an_official_callback_says_itself_what_it_reads(whole: DreamTunerPipeline, asked: ImageRequest) -> None:
    class Doubled(PipelineCallback):
        tensor_inputs = ("latents",)

        def callback_fn(self, pipe: Any, step: int, t: torch.Tensor, tensors: dict[str, Any]) -> dict[str, Any]:
            return {"latents": 2 * tensors["latents"]}

    ours = whole(**asked(callback_on_step_end=Doubled(cutoff_step_ratio=1.0), output_type="latent")).images
    assert not torch.equal(ours, whole(**asked(output_type="latent")).images)


def test_the_bar_counts_the_steps(whole: DreamTunerPipeline, asked: ImageRequest) -> None:
    written = io.StringIO()
    whole.set_progress_bar_config(file=written, mininterval=0, miniters=1)
    whole(**asked())
    assert "3/3" in written.getvalue()
