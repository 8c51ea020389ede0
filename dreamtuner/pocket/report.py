"""The training report that the recipe writes: curves, figures on held-out pictures, and samples to look at."""

from __future__ import annotations

import json
import os
import platform
import random
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image

from dreamtuner.pocket.autoencoder import new_autoencoder, pictures_to_model, to_model
from dreamtuner.pocket.export import trained_oracle, trained_pipeline
from dreamtuner.pocket.judge import HEADS, truth_table
from dreamtuner.pocket.scale import Scale
from dreamtuner.pocket.shards import load_shards
from dreamtuner.pocket.world import HELD_OUT, Context, Identity, caption
from dreamtuner.train.loop import last_step
from dreamtuner.train.state import load_ema

PARTS = ("vae", "tower", "oracle", "unet")
GUIDANCE = 4.0
STEPS = 20


def held_out_prompts(count: int, seed: int = 0) -> list[tuple[Identity, Context, str]]:
    """``count`` plain captions of held-out identities in random contexts, with what they say."""
    rng = random.Random(seed)
    drawn = [(Identity.from_seed(rng.choice(HELD_OUT)), Context.draw(rng)) for _ in range(count)]
    return [(identity, context, caption(identity, context)) for identity, context in drawn]


@torch.no_grad()
def draw_samples(workshop: Path, prompts: list[str], *, batch: int = 20) -> list[Image.Image]:
    """Pictures by the stock pipeline and scheduler, one a prompt, each from the seed of its place."""
    pipe = trained_pipeline(workshop)
    pipe.set_progress_bar_config(disable=True)
    pictures: list[Image.Image] = []
    for start in range(0, len(prompts), batch):
        part = prompts[start : start + batch]
        generators = [torch.Generator().manual_seed(start + i) for i in range(len(part))]
        out = pipe(part, num_inference_steps=STEPS, guidance_scale=GUIDANCE, generator=generators)
        pictures += out.images
    return pictures


@torch.no_grad()
def autoencoder_figures(workshop: Path, scale: Scale) -> dict[str, float]:
    """PSNR in dB on held-out identities: of whole pictures, and of the subject's pixels."""
    shards = load_shards(workshop / "data" / "held", scale.held_out_shards)
    model = new_autoencoder()
    load_ema(workshop / "vae", model)
    x = to_model(torch.from_numpy(shards.images[:512]))
    mask = torch.from_numpy(shards.masks[:512]).unsqueeze(1) > 127
    y = torch.cat([model.decode(model.encode(part).latent_dist.mode()).sample for part in x.split(64)])
    error = (y.clamp(-1, 1) - x).square().mean(1, keepdim=True)
    return {"psnr": _psnr(float(error.mean())), "psnr_subject": _psnr(float(error[mask].mean()))}


def _psnr(mse: float) -> float:
    return float(10 * np.log10(4.0 / mse))


@torch.no_grad()
def oracle_figures(workshop: Path, scale: Scale) -> dict[str, float]:
    """Share of held-out rendered pictures that the oracle reads rightly, by attribute."""
    shards = load_shards(workshop / "data" / "held", scale.held_out_shards)
    oracle, table = trained_oracle(workshop), truth_table(shards.pictures)
    picks = [
        oracle(to_model(torch.from_numpy(part))) for part in np.array_split(shards.images, scale.held_out_shards * 4)
    ]
    return {
        name: float((torch.cat([p[name].argmax(1) for p in picks]) == table[:, i]).float().mean())
        for i, name in enumerate(HEADS)
    }


@torch.no_grad()
def prompt_figures(
    workshop: Path, images: list[Image.Image], wanted: list[tuple[Identity, Context, str]]
) -> dict[str, float]:
    """Share of drawn pictures in which the oracle reads what the prompt says."""
    read = trained_oracle(workshop).read(pictures_to_model(images))
    right = dict.fromkeys(("scene", "class_word", "style", "pose", "expression"), 0)
    for seen, (identity, context, _) in zip(read, wanted, strict=True):
        for name in right:
            right[name] += seen[name] == getattr(identity if name == "class_word" else context, name)
    return {name: count / len(images) for name, count in right.items()}


def _curves(workshop: Path, out: Path) -> None:
    figure, axes = plt.subplots(1, len(PARTS), figsize=(16, 3.2), constrained_layout=True)
    for axis, part in zip(axes, PARTS, strict=True):
        log = [json.loads(line) for line in (workshop / part / "log.jsonl").read_text().splitlines()]
        axis.plot([line["step"] for line in log], [line["loss"] for line in log], linewidth=1.2)
        axis.set(title=part, xlabel="step", yscale="log")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("loss")
    figure.savefig(out, dpi=110)
    plt.close(figure)


def _grid(images: list[Image.Image], columns: int, zoom: int, out: Path) -> None:
    rows = -(-len(images) // columns)
    side = images[0].width * zoom
    sheet = Image.new("RGB", (columns * side, rows * side), "white")
    for i, image in enumerate(images):
        sheet.paste(image.resize((side, side), Image.Resampling.NEAREST), (i % columns * side, i // columns * side))
    sheet.save(out)


def write_report(workshop: Path, scale: Scale) -> Path:
    """Measure the trained parts on held-out identities and write ``report/`` with README.md, figures and pictures."""
    folder = workshop / "report"
    folder.mkdir(exist_ok=True)
    wanted = held_out_prompts(scale.samples)
    images = draw_samples(workshop, [prompt for _, _, prompt in wanted])
    figures: dict[str, Any] = {
        "steps": {part: last_step(workshop / part) for part in PARTS},
        "prompts": prompt_figures(workshop, images, wanted),
        "samples": len(images),
        "autoencoder": autoencoder_figures(workshop, scale),
        "oracle": oracle_figures(workshop, scale),
        "hardware": {"cpu_count": os.cpu_count(), "machine": platform.machine(), "cuda": torch.cuda.is_available()},
    }
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    _curves(workshop, folder / "curves.png")
    _grid(images[:48], 12, 2, folder / "samples.png")
    (folder / "README.md").write_text(_words(figures, wanted))
    return folder


def _table(figures: dict[str, float], unit: str) -> str:
    scale = 100 if unit == "%" else 1
    rows = "\n".join(f"| {name} | {value * scale:.1f} {unit} |" for name, value in figures.items())
    return f"| | |\n| --- | --- |\n{rows}\n"


def _words(figures: dict[str, Any], wanted: list[tuple[Identity, Context, str]]) -> str:
    prompts = "\n".join(f"{i + 1}. {words}" for i, (_, _, words) in enumerate(wanted[:48]))
    return f"""# Training report of the pocket model

Steps: {figures["steps"]}. Measured on: {figures["hardware"]}.

![loss by step](curves.png)

## Prompts followed

{figures["samples"]} plain captions of held-out identities, stock sampler, {STEPS} steps, guidance {GUIDANCE}; read by
the oracle.

{_table(figures["prompts"], "%")}
![samples](samples.png)

The samples, row by row:

{prompts}

## Autoencoder on held-out identities

{_table(figures["autoencoder"], "dB")}
## Oracle on rendered held-out pictures

{_table(figures["oracle"], "%")}"""
