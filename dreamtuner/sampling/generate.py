"""Generates images from references and cells: encodes what the cells share once, then generates in batches."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from dreamtuner.families.backbone import Parts
from dreamtuner.families.inference_memory import decoded, free_bytes, portions, tiling
from dreamtuner.families.schedulers import chosen_scheduler
from dreamtuner.families.text_states import TextStates
from dreamtuner.models.layouts import Kind, in_order
from dreamtuner.sampling.adapted import adapted
from dreamtuner.sampling.edits.kept_background import Background, PreparedBackground, prepare_background
from dreamtuner.sampling.guidance_plan import plan_steps
from dreamtuner.sampling.initial_noise import initial_noise, noise_of_reference
from dreamtuner.sampling.loop import OnStep, Predict, denoise, fresh_scheduler, seeded
from dreamtuner.sampling.model import guided
from dreamtuner.sampling.recorder import AttentionRecorder
from dreamtuner.sampling.reference_cache import ReferenceCache
from dreamtuner.sampling.request import Cell, Reference, TextBlend
from dreamtuner.sampling.second_pass import second_calls, second_pass, second_size
from dreamtuner.sampling.subject import layout_pixels, prepare_subject
from dreamtuner.settings.sampling import Sampling


@torch.inference_mode()
def generate(
    backbone: Parts,
    reference: Reference | Sequence[Reference] | None,
    cells: Sequence[Cell],
    sampling: Sampling,
    *,
    negative_prompt: str = "",
    background: Background | None = None,
    batch_size: int | None = None,
    kv_bytes: int | None = None,
    recorder: AttentionRecorder | None = None,
    layers_of_first: bool = False,
    embeddings: Collection[str] | None = None,
    reference_cache: ReferenceCache | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> list[Image.Image]:
    """Generate one RGB image per cell, in order, all of one subject; several references of it are concatenated.

    Without a reference, with an empty mask, or at w_ref = beta = 0 the result is the plain model's, text-guided at w_c
    in every step. `background`: a picture whose pixels are kept outside of its subject.

    `batch_size`: cells per batch (twice as many U-Net rows), by default as many as the free memory holds; it changes
    the last bits of an image at most. `kv_bytes`: how many bytes of the reference's keys and values may be held, by
    default what the free memory allows. `recorder`: records the attention of one point of the one cell.
    `layers_of_first`: as in `guided`. `embeddings`: tokens of the profile's embeddings that texts may use; None: all.
    `reference_cache`: keeps the captured keys and values for later calls; open it with a key of all that this call is
    given but its cells. `on_step(done, total)` is called after each step of each batch, done from 1 to total; an
    exception that it raises ends the call and the models are restored.

    LoRAs, VAE and FreeU of the settings are used for this call alone, and so are embeddings whose tokens occur.

    Raises:
        ValueError: names the setting that does not fit.
        LayoutError: names the control image that cannot be used.
    """
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size: {batch_size} is too small; give 1 or more")
    if recorder is not None and len(cells) != 1:
        raise ValueError(f"recorder: attention is recorded for one cell, not {len(cells)}; generate that cell alone")
    if sampling.beta > 0:
        backbone.check_encoder()
    backbone.latent_shape(sampling.width, sampling.height)  # validate before anything is computed
    backbone.latent_shape(*second_size(sampling))
    given = [reference] if isinstance(reference, Reference) else list(reference or ())
    texts = [negative_prompt, *(prompt for cell in cells for prompt in cell.prompts), *(one.caption for one in given)]
    with (
        adapted(backbone, sampling, texts, embeddings) as (parts, read),
        tiling(parts, sampling.vae_tiling),
    ):
        return _generate(
            parts,
            [replace(one, caption=read(one.caption)) for one in given],
            [_read(cell, read) for cell in cells],
            sampling,
            negative_prompt=read(negative_prompt),
            background=background,
            batch_size=batch_size,
            kv_bytes=kv_bytes,
            recorder=recorder,
            layers_of_first=layers_of_first,
            reference_cache=reference_cache,
            on_step=on_step,
        )


def _generate(
    backbone: Parts,
    given: Sequence[Reference],
    cells: Sequence[Cell],
    sampling: Sampling,
    *,
    negative_prompt: str,
    background: Background | None,
    batch_size: int | None,
    kv_bytes: int | None,
    recorder: AttentionRecorder | None,
    layers_of_first: bool,
    reference_cache: ReferenceCache | None,
    on_step: Callable[[int, int], None] | None,
) -> list[Image.Image]:
    size, template = (sampling.width, sampling.height), chosen_scheduler(backbone.scheduler, sampling)
    places = by_kinds(cells)
    scales: dict[str, Any] = {"control_weights": sampling.control_weights} if sampling.control_weights else {}
    # validated before anything is computed, too
    plain = {kinds: backbone.denoiser(kinds, **scales) for kinds in places}
    layouts = [{k: layout_pixels(k, image, size) for k, image in c.layouts.items()} for c in cells]
    prepared = [prepare_subject(backbone, one, sampling) for one in given] if cells else []
    subjects = [subject for subject in prepared if subject is not None]
    kept = prepare_background(backbone, background, sampling) if cells else None
    plan = plan_steps(template, subjects, sampling, negative=bool(negative_prompt.strip()))
    undesired = negative_prompt or None
    prompts = {"", undesired, *(prompt for cell in cells for prompt in cell.prompts)} if cells else set()
    text = {prompt: backbone.encode_text(prompt, sampling.text) for prompt in prompts}
    filler = {one: text[None if one is None else ""] for one in text}
    lengths = [max(text[one].length for one in (undesired, *cell.prompts)) for cell in cells]
    held = 0 if reference_cache is None else reference_cache.open_bytes
    largest, free = second_size(sampling), free_for(backbone.device, held)
    fit = {kinds: portions(backbone, *largest, controlnets=len(kinds), free=free) for kinds in places}
    batches = {kinds: batches_of(ours, lengths, batch_size or fit[kinds].cells) for kinds, ours in places.items()}
    again = second_calls(sampling, fresh_scheduler(template, sampling.steps))
    steps = (len(plan) + again) * sum(map(len, batches.values()))
    cache = ReferenceCache() if reference_cache is None else reference_cache
    z_r = noise_of_reference(backbone, subjects, given[0].image if given else None, sampling, cache)
    done = 0
    pictures: dict[int, Image.Image] = {}
    for kinds, ours in batches.items():
        denoiser = plain[kinds]
        if sampling.beta > 0 and subjects:
            denoiser = backbone.denoiser(kinds, encoder=True, **scales)
        with guided(
            denoiser,
            subjects,
            plan,
            w_ref=sampling.w_ref,
            beta=sampling.beta,
            kv_bytes=fit[kinds].kv_bytes if kv_bytes is None else kv_bytes,
            reference_rows=fit[kinds].rows,
            recorder=recorder,
            layers_of_first=layers_of_first,
            reference_cache=cache,
        ) as model:
            for batch in ours:
                used = {undesired, *(prompt for i in batch for prompt in cells[i].prompts)}
                padded = {one: text[one].padded(lengths[batch[0]], filler[one]) for one in used}
                c = TextStates.cat([_states(cells[i], padded) for i in batch])
                uc = padded[undesired].repeat_interleave(len(batch))
                controls = {kind: torch.stack([layouts[i][kind] for i in batch]).to(backbone.device) for kind in kinds}
                report = None if on_step is None else partial(report_step, on_step, done, steps)
                predict = partial(model.predict, {"c": c, "uc": uc}, controls)
                images = generate_batch(
                    backbone, [cells[i] for i in batch], sampling, predict, z_r=z_r, kept=kept, on_step=report
                )
                if again:
                    images = second_pass(
                        backbone,
                        images,
                        sampling,
                        fresh_scheduler(template, sampling.steps, backbone.device),
                        partial(model.predict, {"c": c, "uc": uc}, recorded=False),
                        controls,
                        [seeded(cells[i].seed, "second pass") for i in batch],
                        on_step=None if on_step is None else partial(report_step, on_step, done + again, steps),
                    )
                pictures.update(zip(batch, images, strict=True))
                done += len(plan) + again
    return [pictures[i] for i in range(len(cells))]


def generate_batch(
    backbone: Parts,
    cells: Sequence[Cell],
    sampling: Sampling,
    predict: Predict,
    *,
    x_t: Tensor | None = None,
    z_r: Tensor | None = None,
    inside: Tensor | None = None,
    kept: PreparedBackground | None = None,
    on_step: OnStep | None = None,
) -> list[Image.Image]:
    """Generate one batch of cells: each from `initial_noise` of its seed and z_r, or all from x_t; 1 C H W each.

    `inside`: where z_r is, H W; None: everywhere. `kept`: a background that all of them keep. Returns RGB images.
    """
    shape = backbone.latent_shape(sampling.width, sampling.height)
    generators = [torch.Generator().manual_seed(cell.seed) for cell in cells]
    template = chosen_scheduler(backbone.scheduler, sampling)
    scheduler = fresh_scheduler(template, sampling.steps, backbone.device)
    if x_t is None:
        x = initial_noise(generators, shape, z_r, sampling.inversion, inside)
    else:
        x = x_t.expand(len(cells), -1, -1, -1)
    x = x.to(backbone.device)
    after = on_step if kept is None else _both(kept.blending(scheduler, x), on_step)
    x = x * (scheduler.init_noise_sigma if x_t is None else 1)
    x_0 = denoise(predict, x, scheduler, generators=generators, eta=sampling.eta, on_step=after)
    images = decoded(backbone, x_0, (sampling.width, sampling.height))
    return images if kept is None else [kept.finish(image) for image in images]


def _both(change: OnStep, report: OnStep | None) -> OnStep:
    """Return what changes x after each step, then reports it."""

    def after(step: int, x: Tensor) -> Tensor | None:
        changed = change(step, x)
        x = x if changed is None else changed
        if report is not None:
            report(step, x)
        return x

    return after


def free_for(device: torch.device, held: int) -> int | None:
    """Return the free memory with `held`, the bytes of the call's references: they are part of what it may take."""
    free = free_bytes(device)
    return None if free is None else free + held


def by_kinds(cells: Sequence[Cell]) -> dict[tuple[Kind, ...], list[int]]:
    """Group the cells' positions by their kinds of control image: the cells of a group run through the same models."""
    places: dict[tuple[Kind, ...], list[int]] = {}
    for i, cell in enumerate(cells):
        places.setdefault(in_order(cell.layouts), []).append(i)
    return places


def batches_of(places: Sequence[int], lengths: Sequence[int], size: int) -> list[list[int]]:
    """Divide positions of cells into batches of at most `size` whose texts have one length.

    So a cell's text is padded only to its own negative prompt, and its image does not depend on other prompts.
    """
    alike: dict[int, list[int]] = {}
    for i in places:
        alike.setdefault(lengths[i], []).append(i)
    return [ours[first : first + size] for ours in alike.values() for first in range(0, len(ours), size)]


def _read(cell: Cell, read: Callable[[str], str]) -> Cell:
    """Return the cell with its texts as the model reads them."""
    blend = None if cell.blend is None else TextBlend(read(cell.blend.prompt), cell.blend.share)
    return replace(cell, prompt=read(cell.prompt), blend=blend)


def _states(cell: Cell, text: Mapping[str | None, TextStates]) -> TextStates:
    """Return the text states of a cell, one row, from those of prompts of one length."""
    own = text[cell.prompt]
    return own if cell.blend is None else own.lerp(text[cell.blend.prompt], cell.blend.share)


def report_step(on_step: Callable[[int, int], None], before: int, total: int, step: int, _: Tensor) -> None:
    """Call on_step(done, total) for a step of a batch, `before` steps of earlier batches being done."""
    on_step(before + step + 1, total)
