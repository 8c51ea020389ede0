"""Trains the pocket weights from an empty folder, part by part; each part resumes at the exact step."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from safetensors import SafetensorError

from dreamtuner.models.layouts import OWN_FIELDS
from dreamtuner.pocket.training.autoencoder import AutoencoderFactory, encode_shards
from dreamtuner.pocket.training.clip import ClipFactory
from dreamtuner.pocket.training.controlnet import LayoutFactory
from dreamtuner.pocket.training.oracle import OracleFactory
from dreamtuner.pocket.training.scale import SCALES, PartScale, Scale
from dreamtuner.pocket.training.shards import Kind, render_shards, shard_file, shard_files
from dreamtuner.pocket.training.subject_encoder import WITHOUT_LAYOUT, EncoderFactory, export_encoder
from dreamtuner.pocket.training.text_renewal import TextRenewalFactory
from dreamtuner.pocket.training.unet import DenoiserFactory
from dreamtuner.pocket.training.warm_start import StartError
from dreamtuner.train.loop import train
from dreamtuner.train.stage import StageFactory
from dreamtuner.train.state import StateError

PARTS = ("data", "vae", "tower", "oracle", "text", "unet", "controlnets", "weights", "encoder", "report")

Say = Callable[[str], None]


@dataclass(frozen=True)
class TrainingFolder:
    """The folder of a training: rendered shards, one folder per part, and the finished weights."""

    root: Path
    scale: Scale
    device: str
    minutes: float | None
    start: Path | None
    say: Say

    @property
    def pictures(self) -> Path:
        return self.root / "data" / "train"

    @property
    def held_out(self) -> Path:
        return self.root / "data" / "held"

    @property
    def latents(self) -> Path:
        return self.root / "latents.npy"

    @property
    def pair_latents(self) -> Path | None:
        """Return the file of the latents of images of two subjects; None if the scale has none."""
        return self.root / "latents-pairs.npy" if self.scale.pairs else None

    @property
    def weights(self) -> Path:
        return self.root / "weights"

    @property
    def processes(self) -> int:
        """Return the replicas that train a part."""
        return self.scale.processes if self.device == "cpu" else 1

    def fit(self, name: str, factory: StageFactory, part: PartScale, *needs: Path) -> bool:
        """Train one part in its folder from the images, and from `needs`. Returns whether it is finished.

        Raises FileNotFoundError here for what is missing, which the processes of a training could not say by its name.
        """
        for file in (shard_file(self.pictures, 0, "plain"), *needs):
            if not file.exists():
                raise FileNotFoundError(2, "missing", str(file))
        if part.loop.steps == 0 and self.start is None:
            raise RecipeError(f"--scale: {name}: 0 steps keep the weights of --start; give --start, or steps")
        done = train(
            factory,
            part.loop,
            self.root / name,
            device=self.device,
            processes=self.processes,
            minutes=self.minutes,
            report=self.say,
        )
        return done >= part.loop.steps


def _data(shop: TrainingFolder) -> bool:
    begun = time.monotonic()
    scale = shop.scale
    wanted: tuple[tuple[Path, int, bool, Kind], ...] = (
        (shop.held_out, scale.held_out_shards, True, "plain"),
        (shop.pictures, scale.shards, False, "plain"),
        (shop.pictures, scale.views, False, "views"),
        (shop.pictures, scale.pairs, False, "pairs"),
    )
    for folder, count, held, kind in wanted:
        rendering = render_shards(
            folder,
            count,
            identities=shop.scale.identities_per_shard,
            held_out=held,
            processes=os.cpu_count() or 1,
            kind=kind,
        )
        for done in rendering:
            left = (time.monotonic() - begun) / done * (count - done)
            if done % 10 == 0 or done == count:
                shop.say(f"{folder.name} {done}/{count} {kind} shards  ETA {left / 60:.0f} min")
    return True


def _vae(shop: TrainingFolder) -> bool:
    part = shop.scale.vae
    scale, folder = shop.scale, shop.pictures
    factory = AutoencoderFactory(folder, scale.shards, part.batch, shop.start, scale.views, scale.pairs)
    if not shop.fit("vae", factory, part):
        return False
    _encode(shop, shop.latents, shard_files(folder, scale.shards, scale.views))
    if shop.pair_latents is not None:
        _encode(shop, shop.pair_latents, [shard_file(folder, i, "pairs") for i in range(scale.pairs)])
    return True


def _encode(shop: TrainingFolder, out: Path, files: Sequence[Path]) -> None:
    if out.exists():
        return
    shop.say(f"vae: encoding the training pictures into {out.name}")
    latents = encode_shards(shop.root / "vae", files, shop.device)
    partial = out.with_suffix(".partial.npy")
    np.save(partial, latents.numpy())
    partial.rename(out)


def _tower(shop: TrainingFolder) -> bool:
    part = shop.scale.tower
    scale = shop.scale
    return shop.fit("tower", ClipFactory(shop.pictures, scale.shards, part.batch, shop.start, scale.views), part)


def _oracle(shop: TrainingFolder) -> bool:
    part = shop.scale.oracle
    scale = shop.scale
    factory = OracleFactory(shop.pictures, scale.shards, part.batch, shop.start, scale.views, scale.pairs)
    return shop.fit("oracle", factory, part)


def _text(shop: TrainingFolder) -> bool:
    part = shop.scale.text
    if part is None:
        return True
    if shop.start is None:
        raise RecipeError("--scale: text: there is no text encoder to renew; give --start, or leave text out")
    return shop.fit("text", TextRenewalFactory(shop.start, shop.scale.contrast, part.batch), part)


def _unet(shop: TrainingFolder) -> bool:
    part = shop.scale.unet
    if shop.scale.distillation and shop.start is None:
        raise RecipeError("--scale: distillation: there are no predictions to keep; give --start, or set it to 0")
    factory = DenoiserFactory(
        shop.pictures,
        shop.scale.shards,
        shop.latents,
        shop.root / "vae",
        part.batch,
        shop.start,
        keep_words=part.loop.steps == 0,  # embeddings are replaced only if they are then trained
        views=shop.scale.views,
        pairs=shop.scale.pairs,
        pair_latents=shop.pair_latents,
        crowding=shop.scale.crowding,
        text=None if shop.scale.text is None else shop.root / "text",
        contrast=shop.scale.contrast,
        learns=shop.scale.learns,
        distillation=shop.scale.distillation,
    )
    renewed = () if shop.scale.text is None else (shop.root / "text",)
    return shop.fit("unet", factory, part, shop.latents, shop.root / "vae", *renewed)


def _controlnets(shop: TrainingFolder) -> bool:
    part = shop.scale.controlnets
    for kind in OWN_FIELDS:
        start = shop.start / f"controlnet-{kind}" if shop.start is not None else None
        factory = LayoutFactory(
            kind,
            shop.root / "unet",
            shop.pictures,
            shop.scale.shards,
            shop.latents,
            part.batch,
            start if start is not None and start.is_dir() else None,
            shop.scale.views,
            shop.scale.pairs,
            shop.pair_latents,
        )
        if not shop.fit(f"controlnet-{kind}", factory, part, shop.latents, shop.root / "unet"):
            return False
    return True


def _weights(shop: TrainingFolder) -> bool:
    from dreamtuner.pocket.training.export import export_weights

    export_weights(shop.root, shop.weights)
    shop.say(f"weights: {shop.weights}")
    return True


def _encoder(shop: TrainingFolder, *, controlnet: bool = True) -> bool:
    part, name = shop.scale.encoder, "encoder" if controlnet else "encoder-without-layout"
    if not shop.weights.is_dir():
        raise FileNotFoundError(2, "missing", str(shop.weights))
    start = shop.start / "subject_encoder" if controlnet and shop.start is not None else None
    factory = EncoderFactory(
        shop.weights,
        shop.pictures,
        shop.scale.shards,
        shop.latents,
        part.batch * shop.processes,
        controlnet=controlnet,
        start=start if start is not None and start.is_dir() else None,
        views=shop.scale.views,
        at_once=part.batch,
    )
    if not shop.fit(name, factory, part, shop.latents):
        return False
    out = shop.weights / "subject_encoder" if controlnet else shop.root / WITHOUT_LAYOUT
    export_encoder(shop.root / name, shop.weights, out)
    shop.say(f"encoder: {out}")
    return True


def _report(shop: TrainingFolder) -> bool:
    from dreamtuner.evaluation.pocket_report import write_report

    shop.say(f"report: {write_report(shop.root, shop.scale, shop.say)}")
    return True


_STEPS: dict[str, Callable[[TrainingFolder], bool]] = {
    "data": _data,
    "vae": _vae,
    "tower": _tower,
    "oracle": _oracle,
    "text": _text,
    "unet": _unet,
    "controlnets": _controlnets,
    "weights": _weights,
    "encoder": _encoder,
    "report": _report,
}


class RecipeError(ValueError):
    """A training that cannot start; the message names the option and the remedy."""


def train_pocket(
    part: str = "all",
    device: str = "auto",
    scale: str = "auto",
    out: Path = Path(".dreamtuner/train/pocket"),
    *,
    minutes: float | None = None,
    start: Path | None = None,
    controlnet: bool = True,
    say: Say = print,
) -> bool:
    """Train the pocket model, or one ``part`` of it, in the folder ``out``; another call continues.

    ``minutes`` limits each part: it then saves and stops. With ``start``, a weights folder, parts start from its
    weights instead of random ones. ``controlnet`` False trains the part ``encoder`` without control images, an
    ablation, and stores it outside the weights. Returns whether all requested parts are finished.

    Raises:
        RecipeError: an unknown part, device or scale, an earlier part that is missing, or a folder in use.
    """
    if part != "all" and part not in PARTS:
        raise RecipeError(f"--part: {part!r} is not one of all, {', '.join(PARTS)}")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device not in ("cpu", "cuda"):
        raise RecipeError(f"--device: {device!r} is not one of auto, cpu, cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise RecipeError("--device: no CUDA device is available; give --device cpu")
    try:
        sizes = SCALES.load({"cpu": "cpu", "cuda": "gpu"}[device] if scale == "auto" else scale)
    except ValueError as error:
        raise RecipeError(f"--scale: {error}") from error
    if not controlnet and part != "encoder":
        raise RecipeError(f"--no-controlnet: applies only to the part encoder, not to {part}")
    shop = TrainingFolder(out, sizes, device, minutes, start, say)
    with _alone_in(out):
        for name in PARTS if part == "all" else (part,):
            try:
                finished = _STEPS[name](shop) if controlnet else _encoder(shop, controlnet=False)
            except FileNotFoundError as error:
                raise RecipeError(f"--part: {name} needs {error.filename}, which an earlier part creates") from error
            except (SafetensorError, BadZipFile, StateError, StartError) as error:
                raise RecipeError(f"--out: {name} cannot continue from the files in {out} ({error})") from error
            if not finished:
                say(f"{name} is saved but not finished; run the same command to continue")
                return False
    return True


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Lock the folder, since two trainings in it would overwrite each other's state."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RecipeError(
                f"--out: another training runs in {folder}; wait for it, or give another folder"
            ) from error
        yield
