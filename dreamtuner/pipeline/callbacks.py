"""Progress bar and step-end callback of the pipeline; the callback may change the tensors of the next step."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

from torch import Tensor

from dreamtuner.families.text_states import TextStates

Text = dict[Literal["c", "uc"], TextStates]
"""The text states of a call, N rows each: of the prompts, and of the negative prompts if any step uses them."""

TENSORS = ("latents", "prompt_embeds", "negative_prompt_embeds")
"""The tensors that a callback may request, and return to change."""


class StepEnd:
    """An `OnStep` of the loop that calls `callback(pipeline, step, timestep, tensors)`, with tensors by name.

    `text` is modified in place if the callback returns other text states.
    """

    def __init__(
        self,
        pipeline: Any,
        bar: Any,
        timesteps: Tensor,
        text: Text,
        callback: Callable[..., dict[str, Any] | None] | None,
        names: Sequence[str],
    ) -> None:
        self._pipeline, self._bar, self._timesteps, self._text = pipeline, bar, timesteps, text
        self._callback, self._names = callback, names

    def __call__(self, step: int, x: Tensor) -> Tensor:
        """Handle the end of `step`, at x: N C H W. Returns the x to continue from.

        Raises ValueError if the callback changed a shape.
        """
        self._bar.update()
        if self._callback is None:
            return x
        texts: dict[str, Literal["c", "uc"]] = {"prompt_embeds": "c", "negative_prompt_embeds": "uc"}
        held = {"latents": x, **{name: getattr(self._text.get(side), "states", None) for name, side in texts.items()}}
        requested = {name: held[name] for name in self._names}
        given = self._callback(self._pipeline, step, self._timesteps[step], requested) or {}
        for name, side in texts.items():
            if (old := self._text.get(side)) is not None:
                self._text[side] = replace(old, states=_in_place_of(old.states, name, given))
        return _in_place_of(x, "latents", given)


def _in_place_of(old: Tensor, name: str, given: dict[str, Any]) -> Tensor:
    new = given.get(name)
    if new is None:
        return old
    if not isinstance(new, Tensor) or new.shape != old.shape:
        raise ValueError(
            f"callback_on_step_end: it returned {name} of {tuple(getattr(new, 'shape', ()))}, which are "
            f"{tuple(old.shape)}; return that shape, or leave them out"
        )
    return new.to(old)
