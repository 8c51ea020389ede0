"""DreamTunerPipeline: the method as a diffusers pipeline. It generates the same images as `dreamtuner.sampling`."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from diffusers import ImagePipelineOutput
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from dreamtuner.families.inference_memory import KV_BYTES, free_bytes, portions, tiling
from dreamtuner.families.text_states import TextStates
from dreamtuner.families.unet.backbone import UNetParts
from dreamtuner.models.layouts import OWN_FIELDS, Kind
from dreamtuner.pipeline.callbacks import StepEnd, Text
from dreamtuner.pipeline.check_inputs import (
    check_attention,
    check_control_images,
    check_plain,
    check_references,
    count_prompts,
    resolve_settings,
    texts,
)
from dreamtuner.pipeline.control_kinds import by_kind, image_argument
from dreamtuner.pipeline.image_inputs import Pictures
from dreamtuner.pipeline.image_prompts import AdapterImages, image_prompts
from dreamtuner.pipeline.prompt_encoding import PromptEncoding
from dreamtuner.sampling.guidance_plan import plan_steps
from dreamtuner.sampling.initial_noise import mixed_noise, noise_of_reference
from dreamtuner.sampling.loop import Schedule, denoise, fresh_scheduler
from dreamtuner.sampling.model import guided
from dreamtuner.sampling.reference_cache import ReferenceCache
from dreamtuner.sampling.request import Reference
from dreamtuner.sampling.subject import Subject, layout_pixels, prepare_subject
from dreamtuner.settings.sampling import Crop, NegativeIn, PromptSyntax, Sampling


class DreamTunerPipeline(PromptEncoding):
    """Generates images of the subject of a reference with any Stable Diffusion 1.x or 2.x.

    It uses all components of `StableDiffusionPipeline` as they are: `DreamTunerPipeline.from_pipe(pipe)` needs nothing
    more. `controlnet_depth` and `controlnet_pose` are for control images; `subject_encoder` also needs `image_encoder`
    and `feature_extractor`. `defaults`: fields of `Sampling` for arguments that a call omits.
    """

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | Sequence[str] | None = None,
        reference_image: Pictures = None,
        reference_mask: Pictures = None,
        reference_caption: str | Sequence[str] | None = None,
        *,
        pose_image: Pictures = None,
        depth_image: Pictures = None,
        reference_pose: Pictures = None,
        reference_depth: Pictures = None,
        reference_weight: float | Sequence[float] | None = None,
        control_images: Mapping[Kind, Pictures] | None = None,
        reference_control_images: Mapping[Kind, Pictures] | None = None,
        control_weights: Mapping[Kind, float] | None = None,
        reference_crop: Crop | None = None,
        reference_resolution: int | None = None,
        height: int | None = None,
        width: int | None = None,
        num_inference_steps: int | None = None,
        timesteps: Sequence[int] | None = None,
        sigmas: Sequence[float] | None = None,
        w_ref: float | None = None,
        w_r: float | None = None,
        w_c: float | None = None,
        p_r: float | None = None,
        dt: int | None = None,
        dt_prime: int | None = None,
        beta: float | None = None,
        inversion: float | None = None,
        reference_from: float | None = None,
        eta: float | None = None,
        guidance_rescale: float | None = None,
        guidance_scale: float | None = None,
        clip_skip: int | None = None,
        prompt_syntax: PromptSyntax | None = None,
        negative_in: NegativeIn | None = None,
        negative_prompt: str | Sequence[str] | None = None,
        num_images_per_prompt: int = 1,
        generator: torch.Generator | list[torch.Generator] | None = None,
        latents: Tensor | None = None,
        prompt_embeds: Tensor | None = None,
        negative_prompt_embeds: Tensor | None = None,
        reference_caption_embeds: Tensor | None = None,
        ip_adapter_image: AdapterImages = None,
        ip_adapter_image_embeds: Sequence[Tensor] | None = None,
        cross_attention_kwargs: Mapping[str, Any] | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
        callback_on_step_end: Callable[..., dict[str, Any] | None] | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
        kv_bytes: int = KV_BYTES,
    ) -> ImagePipelineOutput | tuple[Any]:
        """Generate `num_images_per_prompt` images per prompt, all of one subject.

        Input images are PIL images, arrays or tensors (see `image_inputs`); several references are a list.

        Args:
            prompt: one prompt or several; or `prompt_embeds` from `encode_prompt`, N L D.
            reference_image: an image of the subject. None generates what the stock pipeline generates.
            reference_mask: white is subject, of the reference's size; None: the whole image is subject.
            reference_weight: how much each reference counts, > 0: its tokens weigh w_ref times it; one for all or one
                each. None: 1, so that two references weigh twice as much as one.
            reference_caption: what the reference shows; or `reference_caption_embeds`, one row per reference.
            pose_image, depth_image: control images of the images' size, per kind one for all prompts or one each.
            reference_pose, reference_depth: the reference's own control image, of its size, used with the same kind of
                control image; if omitted, the reference is encoded without that ControlNet.
            control_images, reference_control_images: the same by kind, for any kind of `control_kinds`.
            control_weights, reference_crop, reference_resolution: as in `Sampling`; None: the pipeline's `defaults`.
            height, width: the size of the images, pixels; one alone: the side of a square.
            timesteps, sigmas: one of the two replaces the scheduler's own, if it takes them, and the number of steps.
            num_inference_steps, w_ref, w_r, w_c, p_r, dt, dt_prime, beta, inversion, reference_from, eta,
                guidance_rescale: as in `Sampling`; None: the pipeline's `defaults` (beta: 0 without a subject-encoder).
                `guidance_scale` is an alias of w_c.
            clip_skip, prompt_syntax: as in `Sampling`, for all texts of the call; None: the pipeline's `defaults`.
            negative_prompt: what the images should not show, or `negative_prompt_embeds`. With a reference it acts in
                the steps of Eq. 5 alone, 1 - p_r of them; with `negative_in` = "all" in every step.
            generator: one for all images, or a list of one per image, which then alone determines its noise.
            latents: x_T before the scheduler's scale, N C H W, instead of sampled noise and `inversion`.
            ip_adapter_image: for IP-Adapters that are loaded, an image or for each adapter one or a list; or
                `ip_adapter_image_embeds`, for each adapter 2 K D or 2 K T D of K images, the undesired ones first.
            cross_attention_kwargs: passed to the attention processors of the U-Net in every prediction, that of the
                reference included; `scale` scales LoRA layers of U-Net and text encoder.
            output_type: "pil", "np" (N H W 3 in 0..1), "pt" (N 3 H W in 0..1) or "latent" (N C H W float32, scaled).
            callback_on_step_end: called as (pipeline, step, timestep, tensors) after each step, with the tensors that
                `callback_on_step_end_tensor_inputs` names; tensors that it returns replace them.
            kv_bytes: the most bytes of the reference's keys and values to hold.

        Returns:
            `ImagePipelineOutput` with `images`, or without `return_dict` a tuple of them.

        Raises:
            ValueError: an argument is invalid; the message names it and the remedy.
        """
        names = getattr(callback_on_step_end, "tensor_inputs", callback_on_step_end_tensor_inputs)
        check_plain(output_type, num_images_per_prompt, names)
        prompts = count_prompts(prompt, prompt_embeds)
        s = resolve_settings(
            self._defaults(),
            height=height,
            width=width,
            guidance_scale=guidance_scale,
            steps=num_inference_steps,
            w_ref=w_ref,
            w_r=w_r,
            w_c=w_c,
            p_r=p_r,
            dt=dt,
            dt_prime=dt_prime,
            beta=beta,
            inversion=inversion,
            reference_from=reference_from,
            eta=eta,
            guidance_rescale=guidance_rescale,
            clip_skip=clip_skip,
            prompt_syntax=prompt_syntax,
            negative_in=negative_in,
            reference_crop=reference_crop,
            reference_resolution=reference_resolution,
            control_weights=control_weights,
        )
        if s.eta > 0 and "eta" not in inspect.signature(self.scheduler.step).parameters:
            raise ValueError(f"eta: {type(self.scheduler).__name__} has none; leave it out, or set a DDIMScheduler")
        followed = by_kind("control_images", {"pose": pose_image, "depth": depth_image}, control_images)
        controls = check_control_images(followed, prompts, num_images_per_prompt)
        references = check_references(
            reference_image,
            reference_mask,
            reference_caption,
            reference_caption_embeds,
            by_kind(
                "reference_control_images",
                {"pose": reference_pose, "depth": reference_depth},
                reference_control_images,
            ),
            controls,
            reference_weight,
        )
        parts = self._parts()
        self._require_controlnets(parts, {image_argument(kind): kind for kind in controls})
        self._require_controlnets(parts, {f"control_weights.{kind}": kind for kind in control_weights or ()})
        led = {
            kind: torch.stack([layout_pixels(kind, one, (s.width, s.height)) for one in each])
            for kind, each in controls.items()
        }
        x = self._noise((prompts * num_images_per_prompt, *parts.latent_shape(s.width, s.height)), generator, latents)
        led = {kind: layouts.to(x.device) for kind, layouts in led.items()}
        attention = check_attention(cross_attention_kwargs, encoder=s.beta > 0)
        images = image_prompts(self, ip_adapter_image, ip_adapter_image_embeds)
        with self._scaled_text(attention.get("scale")), tiling(parts, s.vae_tiling):
            subjects = self._subjects(parts, references, s, reference_caption_embeds)
        subjects = [replace(one, c_r=images.beside(one.c_r, undesired=True)) for one in subjects]
        if latents is None and references:
            z_r = noise_of_reference(parts, subjects, references[0].image, s, ReferenceCache())
            x = mixed_noise(x, z_r, s.inversion)
        undesired = negative_prompt_embeds is not None or any(
            one.strip() for one in texts("negative_prompt", negative_prompt, prompts)
        )
        schedule = Schedule(timesteps, sigmas)
        plan = plan_steps(self.scheduler, subjects, s, negative=undesired, schedule=schedule)
        compared = any(branch.text == "uc" for pair in plan for branch in pair.branches)
        c, uc = self.encode_prompt(
            prompt,
            None,
            num_images_per_prompt,
            compared,
            negative_prompt,
            prompt_embeds,
            negative_prompt_embeds,
            s.clip_skip,
            s.prompt_syntax,
            attention.get("scale"),
        )
        text: Text = {"c": images.beside(TextStates(c))}
        if uc is not None:
            text["uc"] = images.beside(TextStates(uc), undesired=True)
        denoiser = replace(
            parts.denoiser(tuple(controls), encoder=s.beta > 0 and bool(subjects), control_weights=s.control_weights),
            cross_attention_kwargs=attention,
        )
        scheduler = fresh_scheduler(self.scheduler, s.steps, x.device, schedule)
        fit = portions(parts, s.width, s.height, controlnets=len(controls), free=free_bytes(x.device))
        self._guidance_scale, self._num_timesteps, self._interrupt = s.w_c, len(plan), False
        with (
            guided(
                denoiser, subjects, plan, w_ref=s.w_ref, beta=s.beta, kv_bytes=kv_bytes, reference_rows=fit.rows
            ) as model,
            self.progress_bar(total=len(plan)) as bar,
        ):
            x = denoise(
                lambda x, t, step: model.predict(text, led, x, t, step, w_c=self._changed_scale(s.w_c, text)),
                x * scheduler.init_noise_sigma,
                scheduler,
                generators=generator,
                eta=s.eta,
                on_step=StepEnd(self, bar, scheduler.timesteps, text, callback_on_step_end, names),
                stopped=lambda: self._interrupt,
            )
        made = x
        if output_type != "latent":
            made = self.image_processor.postprocess(parts.decode_pixels(x), output_type=output_type)
        self.maybe_free_model_hooks()
        return ImagePipelineOutput(images=made) if return_dict else (made,)

    def _require_controlnets(self, parts: UNetParts, kinds: Mapping[str, Kind]) -> None:
        """Raise ValueError, which names the argument, if there is no ControlNet of a kind. `kinds`: by argument."""
        for name, kind in kinds.items():
            if kind not in parts.controlnets:
                known = f"controlnet_{kind}" if kind in OWN_FIELDS else f"controlnet of control_kinds {kind}"
                raise ValueError(f"{name}: this pipeline has no {known}; load it with one, or leave it out")

    def _subjects(
        self, parts: UNetParts, references: Sequence[Reference], s: Sampling, embeds: Tensor | None
    ) -> list[Subject]:
        """Encode the references, without those that have no effect."""
        if references and not (hasattr(self.scheduler, "alphas_cumprod") or "sigma_data" in self.scheduler.config):
            raise ValueError(
                f"reference_image: {type(self.scheduler).__name__} has neither alphas_cumprod nor sigma_data to noise "
                "it by; set one that suits the model, such as DDIMScheduler"
            )
        needed = ("subject_encoder", "image_encoder", "feature_extractor") if references and s.beta > 0 else ()
        if missing := [name for name in needed if getattr(self, name) is None]:
            raise ValueError(f"beta: this pipeline has no {', '.join(missing)}; load it with them, or set beta to 0")
        given: Sequence[Tensor | None] = [None] * len(references) if embeds is None else list(embeds)
        if embeds is None and references:
            self._require_text("reference_caption")
            references = [replace(one, caption=self._with_vectors(one.caption)) for one in references]
        prepared = [
            prepare_subject(
                parts,
                one,
                s,
                c_r=None if c_r is None else TextStates(c_r[None]).to(parts.device, self.unet.dtype),
            )
            for one, c_r in zip(references, given, strict=True)
        ]
        return [subject for subject in prepared if subject is not None]

    def _noise(
        self,
        shape: tuple[int, ...],
        generator: torch.Generator | list[torch.Generator] | None,
        latents: Tensor | None,
    ) -> Tensor:
        """Return x_T before the scheduler's scale, float32 whatever the models' dtype: one seed is one image."""
        if isinstance(generator, list) and len(generator) != shape[0]:
            raise ValueError(f"generator: {len(generator)} for {shape[0]} images; give one for each, or one for all")
        device = self._execution_device
        if latents is None:
            noise: Tensor = randn_tensor(shape, generator=generator, device=device, dtype=torch.float32)
            return noise
        if tuple(latents.shape) != shape:
            raise ValueError(f"latents: the shape is {tuple(latents.shape)}; this call needs {shape}")
        return latents.to(device, torch.float32)

    def _changed_scale(self, w_c: float, text: Text) -> float | None:
        """Return the scale of text guidance that a callback has set, or None for the plan's."""
        if self._guidance_scale == w_c:
            return None
        if self._guidance_scale > 1 and "uc" not in text:
            raise ValueError("guidance_scale: this call started without a negative prompt; start with a value above 1")
        return max(self._guidance_scale, 1.0)
