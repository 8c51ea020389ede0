"""Wall time on the pocket model: stock diffusers, ours in three forms, and the naive form, side by side in one run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from PIL import Image

from dreamtuner.bench.naive import naive_generate
from dreamtuner.bench.timing import Timing, interleaved_timings
from dreamtuner.evaluation.held_out import held_out_contexts, reference_of
from dreamtuner.families.backbone import Backbone
from dreamtuner.families.unet.backbone import UNetBackbone
from dreamtuner.families.unet.build import stock_pipeline
from dreamtuner.families.unet.load import load_image_encoder
from dreamtuner.families.unet.subject_encoder import SubjectEncoder
from dreamtuner.pocket.examples import EXAMPLES
from dreamtuner.pocket.world import caption
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.sampling.subject import prepare_subject
from dreamtuner.settings.sampling import AS_PRINTED, Sampling

STOCK, PLAIN, SSA, SSA_SEA, INVERTED, NAIVE = (
    "stock diffusers",
    "ours, no reference",
    "ours, S-S-A",
    "ours, S-S-A + S-E-A",
    "ours, S-S-A + S-E-A, inversion",
    "naive: the reference again for every picture",
)
BATCH = 16
BETA = 0.2
INVERSION = 0.7


@dataclass(frozen=True)
class GridTiming:
    """The timings of one number of cells; `share`: the share of the finest layer's reference tokens that is subject."""

    cells: int
    steps: int
    batch: int
    share: float
    ways: Mapping[str, Timing]


def time_grid(
    backbone: Backbone, count: int, steps: int, repeats: int, on_run: Callable[[str, int, float], None]
) -> GridTiming:
    """Time generating `count` cells of one subject in every way, `repeats` times, interleaved, after two warm-up steps.

    A single step cannot be inverted, so that way is left out at `steps` = 1.
    """
    if not isinstance(backbone, UNetBackbone):
        raise ValueError(
            f"profile: {backbone.profile.name!r} is not a Stable Diffusion, so it cannot be compared with diffusers"
        )
    picture = EXAMPLES["pip"]
    reference = reference_of(picture)
    cells = [Cell(caption(picture.identity, c), seed) for seed, c in enumerate(held_out_contexts(picture, count))]
    both = {"beta": BETA}
    inverted = {**both, "inversion": INVERSION}
    off = backbone.profile.sampling("natural", steps=steps, beta=0.0, **AS_PRINTED)
    seeing = with_encoder(backbone)

    def ways(cells: Sequence[Cell], s: Sampling) -> dict[str, Callable[[], object]]:
        return {
            STOCK: lambda: stock(seeing, cells, s),
            PLAIN: lambda: generate(seeing, None, cells, s, batch_size=BATCH),
            SSA: lambda: generate(seeing, reference, cells, s, batch_size=BATCH),
            SSA_SEA: lambda: generate(seeing, reference, cells, s.model_copy(update=both), batch_size=BATCH),
            INVERTED: lambda: generate(seeing, reference, cells, s.model_copy(update=inverted), batch_size=BATCH),
            NAIVE: lambda: naive_generate(seeing, reference, cells, s, batch_size=BATCH),
        }

    for run in ways(cells[:BATCH], off.model_copy(update={"steps": 2})).values():
        run()
    timed = {name: run for name, run in ways(cells, off).items() if steps > 1 or name != INVERTED}
    timings = interleaved_timings(timed, repeats, on_run)
    return GridTiming(count, steps, BATCH, share_of(backbone, reference, off), timings)


def stock(backbone: UNetBackbone, cells: Sequence[Cell], sampling: Sampling) -> list[Image.Image]:
    """Generate the cells by diffusers' own pipeline, in the same batches, without a reference or a safety checker."""
    b = backbone
    pipe = stock_pipeline(
        vae=b.vae, text_encoder=b.text_encoder, tokenizer=b.tokenizer, unet=b.unet, scheduler=b.scheduler
    )
    pipe.set_progress_bar_config(disable=True)
    pictures: list[Image.Image] = []
    for first in range(0, len(cells), BATCH):
        part = cells[first : first + BATCH]
        pictures += pipe(
            prompt=[cell.prompt for cell in part],
            num_inference_steps=sampling.steps,
            guidance_scale=sampling.w_c,
            generator=[torch.Generator().manual_seed(cell.seed) for cell in part],
        ).images
    return pictures


def with_encoder(backbone: UNetBackbone) -> UNetBackbone:
    """The backbone with its subject-encoder; where it has none, one with random weights, which costs the same time."""
    if backbone.encoder is not None:
        return backbone
    device = str(backbone.device)
    vision, processor = load_image_encoder(backbone.profile, device=device, dtype=backbone.unet.dtype)
    encoder = SubjectEncoder.for_unet(backbone.unet, vision, width=128).requires_grad_(False).eval()
    return replace(backbone, encoder=encoder.to(device), image_encoder=vision, image_processor=processor)


def share_of(backbone: UNetBackbone, reference: Reference, sampling: Sampling) -> float:
    """f: which share of the tokens of the finest layer is subject, 0..1."""
    with torch.inference_mode():
        subject = prepare_subject(backbone, reference, sampling)
    if subject is None or subject.foreground is None:
        return 0.0
    finest = max(subject.foreground)
    return len(subject.foreground[finest]) / finest
