"""`dreamtuner models convert`: files and pickles of weights as folders in diffusers' layout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.options import AsJson
from deploy.cli.terminal import print_result

if TYPE_CHECKING:
    from dreamtuner.families.unet.conversion.convert import Conversion

Config = Annotated[
    str,
    typer.Option(
        help="Architecture of a single file: auto, sd15, sd21 (v-prediction, 768 pixels), sd21-base (noise, 512), "
        "sdxl, or a folder in diffusers' layout whose configs to use."
    ),
]


def convert(
    source: Annotated[
        Path,
        typer.Argument(metavar="SOURCE", help="A .safetensors, .ckpt, .bin or .pt file, or a folder with such files."),
    ],
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="The folder to write; for a LoRA or an embedding, a .safetensors file."),
    ],
    dtype: Annotated[
        str, typer.Option(help="Precision to write: keep (the file's own), float16, bfloat16 or float32.")
    ] = "keep",
    config: Config = "auto",
    as_json: AsJson = False,
) -> None:
    """Convert weights to what DreamTuner reads: folders in diffusers' layout, and safetensors files.

    Takes a Stable Diffusion 1.x, 2.x or XL in one file, a VAE in a file, a folder with .bin files, and LoRAs and
    embeddings as pickles. Pickles are opened without running code; those that need more than weights are rejected.
    Works offline. OUT appears once it is complete; an identical earlier conversion is kept.
    """
    from dreamtuner.families.unet.conversion.convert import convert as convert_weights

    done = convert_weights(source.expanduser(), out.expanduser(), dtype=dtype, config=config)
    if as_json:
        shown = {"out": str(done.out), "kind": done.kind, "made": done.made, "notes": list(done.notes)}
        print_result(shown)
        return
    typer.echo("\n".join(_lines(done)))


def _lines(done: Conversion) -> list[str]:
    what = {"sd15": "Stable Diffusion 1.x", "sd2": "Stable Diffusion 2.x", "sdxl": "Stable Diffusion XL", "vae": "VAE"}
    how = "written" if done.made else "already converted"
    lines = [f"{how}: {done.out} ({what.get(done.kind, done.kind)})", *(f"note: {one}" for one in done.notes)]
    if done.kind in ("sd15", "sd2", "sdxl", "folder"):
        lines.append(f"use it with: dreamtuner models add NAME {done.out}")
    return lines


@dataclass(frozen=True)
class Origin:
    """What a model is added from: `source`, and the file that it was converted from, if it was."""

    source: str
    file: Path | None = None
    notes: tuple[str, ...] = ()


@contextmanager
def as_folder(name: str, source: str, models: Path, config: str, say: Callable[[str], None]) -> Iterator[Origin]:
    """Convert a single file to a folder in `models` that is named after `name`; other sources are left alone.

    A folder that was made here is removed again if the block raises.
    """
    file = Path(source).expanduser()
    if not file.is_file():
        yield Origin(source)
        return
    import hashlib
    import shutil

    from dreamtuner.families.unet.conversion.convert import convert as convert_weights
    from dreamtuner.models.hashes import file_sha256

    say(f"converting {file}")
    file = file.resolve()
    digest = hashlib.sha256(f"{file_sha256(file)} {config}".encode()).hexdigest()
    done = convert_weights(file, models / f"{name}-{digest[:8]}", config=config, only_models=True)
    try:
        yield Origin(str(done.out), file, done.notes)
    except BaseException:
        if done.made:
            shutil.rmtree(done.out, ignore_errors=True)
        raise
