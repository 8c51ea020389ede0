"""Validates the arguments of `DreamTunerPipeline.__call__` and converts them to the internal types.

Every error names the argument and the fix.
"""

from collections.abc import Collection, Mapping, Sequence
from math import inf
from typing import Any

from PIL import Image
from pydantic import ValidationError
from torch import Tensor

from dreamtuner.models.layouts import Kind, in_order
from dreamtuner.pipeline.callbacks import TENSORS
from dreamtuner.pipeline.control_kinds import image_argument, reference_argument
from dreamtuner.pipeline.image_inputs import Pictures, pil_images
from dreamtuner.sampling.request import Reference
from dreamtuner.settings.sampling import Sampling, TextSettings

OUTPUTS = ("pil", "np", "pt", "latent")

_FIELDS = {"steps": "num_inference_steps", "resolution": "height", "size": "width, height"}
"""Fields of `Sampling` whose pipeline arguments have another name."""


def check_plain(output_type: str, num_images_per_prompt: int, names: Sequence[str]) -> None:
    """Raise ValueError unless the values are supported; `names`: of tensors for a callback."""
    if output_type not in OUTPUTS:
        raise ValueError(f"output_type: {output_type!r} is not one of {', '.join(OUTPUTS)}")
    if num_images_per_prompt < 1:
        raise ValueError(f"num_images_per_prompt: {num_images_per_prompt} is too small; give 1 or more")
    if unknown := sorted(set(names) - set(TENSORS)):
        raise ValueError(
            f"callback_on_step_end_tensor_inputs: there is no {', '.join(unknown)}; choose from {', '.join(TENSORS)}"
        )


def check_attention(given: Mapping[str, Any] | None, *, encoder: bool) -> dict[str, Any]:
    """Return the arguments of attention processors, without None. `encoder`: whether the subject-encoder is in use.

    Raises ValueError if they do not fit.
    """
    attention = {name: value for name, value in (given or {}).items() if value is not None}
    if encoder and "gligen" in attention:
        raise ValueError(
            "cross_attention_kwargs: the subject-encoder's layers are in the place of gligen; leave it out, or "
            "set beta to 0"
        )
    scale = attention.get("scale", 1.0)
    if isinstance(scale, bool) or not isinstance(scale, int | float):
        raise ValueError(f"cross_attention_kwargs: scale is {scale!r}; give a number, 1 for LoRAs at full strength")
    return attention


def count_prompts(prompt: str | Sequence[str] | None, prompt_embeds: Tensor | None) -> int:
    """Count the prompts. Raises ValueError unless exactly one of the two is given, with at least one prompt."""
    if (prompt is None) == (prompt_embeds is None):
        raise ValueError("prompt, prompt_embeds: give one of the two")
    if prompt_embeds is not None:
        if prompt_embeds.ndim != 3 or not len(prompt_embeds):
            raise ValueError(f"prompt_embeds: {tuple(prompt_embeds.shape)} is not N L D; use encode_prompt")
        return len(prompt_embeds)
    if isinstance(prompt, str):
        return 1
    if not isinstance(prompt, Sequence) or not prompt or not all(isinstance(one, str) for one in prompt):
        raise ValueError(f"prompt: {prompt!r} is neither a string nor a non-empty list of strings")
    return len(prompt)


def texts(name: str, given: str | Sequence[str] | None, count: int) -> list[str]:
    """Return `count` strings from one for all or one each; None means the empty string. Raises ValueError."""
    each = [given or ""] if given is None or isinstance(given, str) else list(given)
    if len(each) not in (1, count) or not all(isinstance(one, str) for one in each):
        raise ValueError(f"{name}: {given!r} for {count} prompts; give one string, or one for each")
    return each * count if len(each) == 1 else each


def resolve_settings(
    defaults: Sampling,
    *,
    height: int | None,
    width: int | None,
    guidance_scale: float | None,
    w_c: float | None,
    **numbers: float | str | Mapping[str, float] | None,
) -> Sampling:
    """Return `defaults` updated by the arguments that are not None. Raises ValueError, which names the argument."""
    if guidance_scale is not None and w_c is not None:
        raise ValueError("guidance_scale, w_c: two names for the same number; give one of the two")
    if guidance_scale is not None:
        w_c = max(guidance_scale, 1.0)  # to diffusers, all up to 1 is unguided
    given = {**numbers, "w_c": w_c}
    if height is not None and width is not None and height != width:
        given["size"] = f"{width}x{height}"
    else:
        given["resolution"] = width if height is None else height
    try:
        return Sampling.model_validate(defaults.merged({k: v for k, v in given.items() if v is not None}))
    except ValidationError as invalid:
        named = [(".".join(map(str, error["loc"])), error) for error in invalid.errors()]
        reasons = [f"{_FIELDS.get(name, name)}: invalid value {e['input']!r}: {e['msg'].lower()}" for name, e in named]
        raise ValueError("; ".join(reasons)) from None


def text_settings(defaults: Sampling, *, clip_skip: int | None, prompt_syntax: str | None) -> TextSettings:
    """Return how texts are encoded: `defaults` updated by the arguments that are not None. Raises as above."""
    nothing: dict[str, None] = dict.fromkeys(("height", "width", "guidance_scale", "w_c"))
    return resolve_settings(defaults, **nothing, clip_skip=clip_skip, prompt_syntax=prompt_syntax).text


def check_references(
    image: Pictures,
    mask: Pictures,
    caption: str | Sequence[str] | None,
    caption_embeds: Tensor | None,
    layouts: dict[Kind, Pictures],
    followed: Collection[Kind],
    weight: float | Sequence[float] | None = None,
) -> list[Reference]:
    """Build the references of the subject. With `caption_embeds`, N L D, their captions are empty.

    `followed`: the kinds of control image given for the generated images; a reference may have its own of these only.
    `weight`: one for all, or one each; None: 1.
    Raises ValueError, which names the argument.
    """
    images = pil_images("reference_image", image)
    if any(one is None for one in images):
        raise ValueError("reference_image: the list contains None; leave it out")
    if not images:
        beside: dict[str, object] = {"mask": mask, "caption": caption, "caption_embeds": caption_embeds}
        beside["weight"] = weight
        given = {f"reference_{name}": value for name, value in beside.items()}
        for name, value in {**given, **{reference_argument(kind): one for kind, one in layouts.items()}}.items():
            if value is not None:
                raise ValueError(f"{name}: there is no reference_image; give one, or leave this out")
        return []
    for kind, own_layout in layouts.items():
        if own_layout is not None and kind not in followed:
            raise ValueError(
                f"{reference_argument(kind)}: it is used only together with {image_argument(kind)}; give that too, or "
                "leave it out"
            )
    captions = _captions(caption, caption_embeds, len(images))
    masks = _beside("reference_mask", mask, images)
    weights = _weights(weight, len(images))
    own: dict[Kind, list[Image.Image | None]] = {
        kind: _beside(reference_argument(kind), given, images) for kind, given in layouts.items()
    }
    return [
        Reference(
            picture,
            masks[i],
            captions[i],
            {kind: layout for kind, each in own.items() if (layout := each[i]) is not None},
            weight=weights[i],
        )
        for i, picture in enumerate(images)
        if picture is not None
    ]


def check_control_images(images: dict[Kind, Pictures], prompts: int, each: int) -> dict[Kind, list[Image.Image]]:
    """Return, for each given kind, one control image per generated image, `each` per prompt. One may serve all prompts.

    Raises ValueError, which names the argument.
    """
    controls: dict[Kind, list[Image.Image]] = {}
    for kind in in_order(images):
        name = image_argument(kind)
        given = pil_images(name, images[kind])
        if not given:
            continue
        if len(given) not in (1, prompts):
            raise ValueError(
                f"{name}: {len(given)} control images for {prompts} prompts; give one for all, or one for each"
            )
        if any(one is None for one in given):
            raise ValueError(f"{name}: one is None; generate images without control image in a separate call")
        each_prompt = given * (prompts if len(given) == 1 else 1)
        controls[kind] = [one for one in each_prompt if one is not None for _ in range(each)]
    return controls


def _captions(caption: Any, embeds: Tensor | None, count: int) -> Sequence[str]:
    if (caption is None) == (embeds is None):
        raise ValueError(
            "reference_caption: describe what the reference shows, such as 'a photo of a bear' ('' for none), or give "
            "reference_caption_embeds instead"
        )
    if embeds is not None:
        if embeds.ndim != 3 or len(embeds) != count:
            raise ValueError(f"reference_caption_embeds: {tuple(embeds.shape)} is not N L D with N = {count}")
        return [""] * count
    captions = [caption] if isinstance(caption, str) else list(caption)
    if len(captions) != count or not all(isinstance(one, str) for one in captions):
        raise ValueError(f"reference_caption: {caption!r} is not {count} strings, one for every reference_image")
    return captions


def _weights(given: Any, count: int) -> list[float]:
    """Return a weight per reference. Raises ValueError unless each is a positive, finite number."""
    numbers = isinstance(given, Sequence) and not isinstance(given, str)
    each = list(given) if numbers else [1.0 if given is None else given] * count
    fit = [isinstance(one, int | float) and not isinstance(one, bool) and 0 < one < inf for one in each]
    if len(each) != count or not all(fit):
        raise ValueError(
            f"reference_weight: {given!r} for {count} references; give one positive, finite number for all, or one each"
        )
    return [float(one) for one in each]


def _beside(name: str, given: Pictures, images: Sequence[Image.Image | None]) -> list[Image.Image | None]:
    """Return one image per reference, of its size, or None. Raises ValueError, which names the argument."""
    each = pil_images(name, given) or [None] * len(images)
    if len(each) != len(images):
        raise ValueError(f"{name}: {len(each)} for {len(images)} references; give one for each, or None in its place")
    for one, image in zip(each, images, strict=True):
        if one is not None and image is not None and one.size != image.size:
            raise ValueError(f"{name}: it is {one.size} pixels and its reference_image {image.size}; use one size")
    return each
