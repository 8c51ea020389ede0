"""Encodes prompts, negative prompts and captions, by the conventions of diffusers' `encode_prompt`."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from dreamtuner.families.lora import scaled_adapters
from dreamtuner.families.text_states import TextStates
from dreamtuner.pipeline.check_inputs import count_prompts, text_settings, texts
from dreamtuner.pipeline.components import Components
from dreamtuner.settings.sampling import PromptSyntax, TextSettings


class PromptEncoding(Components):
    """Components that encode texts."""

    @torch.no_grad()
    def encode_prompt(
        self,
        prompt: str | Sequence[str] | None = None,
        device: torch.device | None = None,
        num_images_per_prompt: int = 1,
        do_classifier_free_guidance: bool = True,
        negative_prompt: str | Sequence[str] | None = None,
        prompt_embeds: Tensor | None = None,
        negative_prompt_embeds: Tensor | None = None,
        clip_skip: int | None = None,
        prompt_syntax: PromptSyntax | None = None,
        lora_scale: float | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Encode prompts and negative prompts, each to (prompts * num_images_per_prompt) L D; unguided: (states, None).

        One negative prompt may serve all prompts. `clip_skip`, `prompt_syntax`: as in `Sampling`; None: the pipeline's
        `defaults`. Weighted prompts of different lengths are padded to the longest. `lora_scale` scales the LoRA layers
        of the text encoder; None: 1. Raises ValueError, which names the argument.
        """
        count = count_prompts(prompt, prompt_embeds)
        settings = text_settings(self._defaults(), clip_skip=clip_skip, prompt_syntax=prompt_syntax)
        if prompt_embeds is None:
            prompt_embeds = self._text("prompt", texts("prompt", prompt, count), settings, lora_scale)
        dtype = prompt_embeds.dtype if self.unet is None else self.unet.dtype
        device = self._execution_device if device is None else device
        prompt_embeds = prompt_embeds.to(device, dtype).repeat_interleave(num_images_per_prompt, dim=0)
        if not do_classifier_free_guidance:
            negative_prompt_embeds = None
        else:
            if negative_prompt_embeds is None:
                undesired = texts("negative_prompt", negative_prompt, count)
                negative_prompt_embeds = self._text("negative_prompt", undesired, settings, lora_scale)
                prompt_embeds, negative_prompt_embeds = self._padded(prompt_embeds, negative_prompt_embeds, settings)
            elif negative_prompt is not None:
                raise ValueError("negative_prompt, negative_prompt_embeds: give one of the two")
            negative_prompt_embeds = negative_prompt_embeds.to(device, dtype)
            negative_prompt_embeds = negative_prompt_embeds.repeat_interleave(num_images_per_prompt, dim=0)
            if negative_prompt_embeds.shape != prompt_embeds.shape:
                raise ValueError(
                    f"negative_prompt_embeds: {tuple(negative_prompt_embeds.shape)} beside prompt_embeds of "
                    f"{tuple(prompt_embeds.shape)}; give one shape"
                )
        return prompt_embeds, negative_prompt_embeds

    def _text(self, name: str, prompts: Sequence[str], settings: TextSettings, lora_scale: float | None) -> Tensor:
        """Encode prompts to N L D, each on its own, so that its bits do not depend on a batch; padded to the longest.

        Raises ValueError, which names the argument, without a text encoder.
        """
        self._require_text(name)
        parts = self._parts()
        with self._scaled_text(lora_scale):
            encoded = [parts.encode_text(self._with_vectors(prompt), settings) for prompt in prompts]
            if len({one.length for one in encoded}) == 1:
                return TextStates.cat(encoded).states
            return TextStates.together(encoded, parts.encode_text("", settings)).states

    def _with_vectors(self, text: str) -> str:
        """Write embeddings of several vectors as all of their tokens. Once: a second time would expand them again."""
        written: str = self.maybe_convert_prompt(text, self.tokenizer)
        return written

    def _scaled_text(self, lora_scale: float | None) -> AbstractContextManager[None]:
        """Scale the LoRA layers of the text encoder inside the context."""
        return nullcontext() if lora_scale is None else scaled_adapters(self.text_encoder, lora_scale)

    def _require_text(self, name: str) -> None:
        if self.text_encoder is None or self.tokenizer is None:
            raise ValueError(f"{name}: this pipeline has no text_encoder and tokenizer; give {name}_embeds instead")

    def _padded(self, c: Tensor, uc: Tensor, settings: TextSettings) -> tuple[Tensor, Tensor]:
        """Pad prompts or negative prompts, N L D each, to the longer of both."""
        length = max(c.shape[1], uc.shape[1])
        if c.shape[1] == uc.shape[1]:
            return c, uc
        filler = self._parts().encode_text("", settings)
        padded_c, padded_uc = (TextStates(one).padded(length, filler).states for one in (c, uc))
        return padded_c, padded_uc
