"""What DreamTunerPipeline is called with, checked and put into our words. Refusals name argument and remedy."""

from collections.abc import Collection, Sequence
from typing import Any

from PIL import Image
from pydantic import ValidationError
from torch import Tensor

from dreamtuner.models.layouts import KINDS, Kind
from dreamtuner.pipeline.callbacks import TENSORS
from dreamtuner.pipeline.image_inputs import Pictures, pil_images
from dreamtuner.sampling.request import Reference
from dreamtuner.settings.sampling import Sampling

OUTPUTS = ("pil", "np", "pt", "latent")

_FIELDS = {"steps": "num_inference_steps", "resolution": "height"}
"""Fields of Sampling that the pipeline's arguments call otherwise."""


def check_plain(output_type: str, num_images_per_prompt: int, names: Sequence[str]) -> None:
    """ValueError unless these are among what there is; `names`: of tensors for a callback."""
    if output_type not in OUTPUTS:
        raise ValueError(f"output_type: {output_type!r} is not one of {', '.join(OUTPUTS)}")
    if num_images_per_prompt < 1:
        raise ValueError(f"num_images_per_prompt: {num_images_per_prompt} is too small; give 1 or more")
    if unknown := sorted(set(names) - set(TENSORS)):
        raise ValueError(
            f"callback_on_step_end_tensor_inputs: there is no {', '.join(unknown)}; choose of {', '.join(TENSORS)}"
        )


def count_prompts(prompt: str | Sequence[str] | None, prompt_embeds: Tensor | None) -> int:
    """How many prompts there are. ValueError unless there is one of the two, and at least one prompt."""
    if (prompt is None) == (prompt_embeds is None):
        raise ValueError("prompt, prompt_embeds: give one of the two")
    if prompt_embeds is not None:
        if prompt_embeds.ndim != 3 or not len(prompt_embeds):
            raise ValueError(f"prompt_embeds: {tuple(prompt_embeds.shape)} is not N L D; encode_prompt makes them")
        return len(prompt_embeds)
    if isinstance(prompt, str):
        return 1
    if not isinstance(prompt, Sequence) or not prompt or not all(isinstance(one, str) for one in prompt):
        raise ValueError(f"prompt: {prompt!r} is neither a string nor a list of at least one")
    return len(prompt)


def texts(name: str, given: str | Sequence[str] | None, count: int) -> list[str]:
    """`count` strings of one for all, or of one each; None: the empty string."""
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
    **numbers: float | None,
) -> Sampling:
    """`defaults` with the numbers that are not None laid over them, under the names of Sampling's fields."""
    if height is not None and width is not None and height != width:
        raise ValueError(f"height, width: pictures are square, not {height} x {width}; give one of the two")
    if guidance_scale is not None and w_c is not None:
        raise ValueError("guidance_scale, w_c: they are two names of one number; give one of the two")
    if guidance_scale is not None:
        w_c = max(guidance_scale, 1.0)  # to diffusers, all up to 1 is unguided
    given = {**numbers, "w_c": w_c, "resolution": width if height is None else height}
    try:
        return Sampling.model_validate({**defaults.model_dump(), **{k: v for k, v in given.items() if v is not None}})
    except ValidationError as refused:
        named = [(str(error["loc"][0]), error) for error in refused.errors()]
        reasons = [f"{_FIELDS.get(name, name)}: {e['input']!r} does not do; {e['msg'].lower()}" for name, e in named]
        raise ValueError("; ".join(reasons)) from None


def check_references(
    image: Pictures,
    mask: Pictures,
    caption: str | Sequence[str] | None,
    caption_embeds: Tensor | None,
    layouts: dict[Kind, Pictures],
    followed: Collection[Kind],
) -> list[Reference]:
    """The references of the one subject. With `caption_embeds`, N L D, their captions are left empty.

    `followed`: the kinds of layout that pictures follow, the only ones of which a reference may have its own.
    """
    images = pil_images("reference_image", image)
    if any(one is None for one in images):
        raise ValueError("reference_image: a list of references holds no None; leave it out")
    if not images:
        beside: list[tuple[str, object]] = [("mask", mask), ("caption", caption), ("caption_embeds", caption_embeds)]
        for name, value in [*beside, *layouts.items()]:
            if value is not None:
                raise ValueError(f"reference_{name}: there is no reference_image; give one, or leave this out")
        return []
    for kind, own_layout in layouts.items():
        if own_layout is not None and kind not in followed:
            raise ValueError(
                f"reference_{kind}: it is read where the pictures follow one; give {kind}_image too, or leave it out"
            )
    captions = _captions(caption, caption_embeds, len(images))
    masks = _beside("reference_mask", mask, images)
    own: dict[Kind, list[Image.Image | None]] = {
        kind: _beside(f"reference_{kind}", given, images) for kind, given in layouts.items()
    }
    return [
        Reference(
            picture,
            masks[i],
            captions[i],
            {kind: layout for kind, each in own.items() if (layout := each[i]) is not None},
        )
        for i, picture in enumerate(images)
        if picture is not None
    ]


def check_control_images(images: dict[Kind, Pictures], prompts: int, each: int) -> dict[Kind, list[Image.Image]]:
    """Of each kind that is followed, a layout for every picture, `each` pictures a prompt. One serves all prompts."""
    asked: dict[Kind, list[Image.Image]] = {}
    for kind in KINDS:
        given = pil_images(f"{kind}_image", images.get(kind))
        if not given:
            continue
        if len(given) not in (1, prompts):
            raise ValueError(
                f"{kind}_image: {len(given)} layouts for {prompts} prompts; give one for all, or one for each"
            )
        if any(one is None for one in given):
            raise ValueError(f"{kind}_image: one is None; draw what follows no layout in a call of its own")
        led = given * (prompts if len(given) == 1 else 1)
        asked[kind] = [one for one in led if one is not None for _ in range(each)]
    return asked


def _captions(caption: Any, embeds: Tensor | None, count: int) -> Sequence[str]:
    if (caption is None) == (embeds is None):
        raise ValueError(
            "reference_caption: say what the reference shows, as in 'a photo of a bear' ('' for no words), or give "
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


def _beside(name: str, given: Pictures, images: Sequence[Image.Image | None]) -> list[Image.Image | None]:
    """One for every reference, of its size; None: none."""
    each = pil_images(name, given) or [None] * len(images)
    if len(each) != len(images):
        raise ValueError(
            f"{name}: {len(each)} for {len(images)} references; give one for each, None where there is none"
        )
    for one, image in zip(each, images, strict=True):
        if one is not None and image is not None and one.size != image.size:
            raise ValueError(f"{name}: it is {one.size} pixels and its reference_image {image.size}; give one size")
    return each
