"""What was asked for when the digests in tests/flows/released were made: every number is written out, so that better
defaults and new settings change nothing here. `digests` is what the code makes of it today."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dreamtuner.baselines.fine_tuned import FineTuned
from dreamtuner.baselines.masactrl import MasaCtrl
from dreamtuner.baselines.method import Method
from dreamtuner.baselines.plain import Plain
from dreamtuner.baselines.reference_only import ReferenceOnly
from dreamtuner.baselines.training_free import Attending, OtherEncoder
from dreamtuner.evaluation import cache
from dreamtuner.evaluation.cells import ImageRequest
from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import digest_of as folder_digest
from dreamtuner.models.weights import weights_digest
from dreamtuner.pocket.training.shards import Picture
from dreamtuner.pocket.world import Context
from dreamtuner.sampling.loop import seeded
from dreamtuner.sampling.reference_pass import reference_digest
from dreamtuner.score import METRICS
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.recipe_fields import to_fields
from dreamtuner.settings.sampling import Sampling
from flows.ingestion.facts import Facts
from flows.planning.cells import GenerationSetup, PlannedCell, digest_of, plan_cells, recipe_of
from flows.planning.finetune import FineTuneJob
from flows.planning.video import plan_clips
from flows.spec.model import Spec

WEIGHTS, POSE, LEAN, DEPTH = "e0" * 32, "a1" * 32, "a2" * 32, "d1" * 32
NATURAL: dict[str, Any] = {
    "steps": 20,
    "resolution": 64,
    "w_ref": 3.0,
    "p_r": 0.9,
    "w_r": 2.0,
    "w_c": 4.0,
    "dt": 10,
    "dt_prime": 10,
    "beta": 0.5,
}
ANIME = NATURAL | {"w_ref": 2.5}
LEARNT = {"p_r": 0.4, "w_r": 4.0}
LORA: dict[str, Any] = {
    "steps": 300,
    "mode": "lora",
    "rank": 16,
    "unet_kept": 0.5,
    "lr": {"unet": 4e-4, "text_encoder": 5e-5, "resblocks": 1e-4, "word": 1e-3},
    "batch": 1,
    "flip": 0.5,
    "beta": 0.5,
    "word": "[S*]",
    "init": None,
    "subject": "{class_word} {word}",
    "caption": "a {style} of a {subject}",
    "background": "white",
    "regular": "subject",
    "count": 32,
    "seed": 0,
    "warmup": 0,
    "cooldown": 0.0,
    "ema": 0.0,
    "preview_every": 50,
    "previews": ["a {style} of a {subject} on the beach, standing", "a {style} of a {subject} in the snow, arms up"],
    "patience": None,
}
FULL = LORA | {"mode": "full", "lr": {"unet": 5e-5, "text_encoder": None, "resblocks": 1e-6, "word": 1e-3}, "seed": 7}
SPEC: dict[str, Any] = {
    "name": "released",
    "profile": "pocket",
    "subjects": [
        {"name": "pip", "class_word": "bear", "reference": "/data/pip.png"},
        {"name": "momo", "class_word": "teddy bear", "style": "anime", "reference": "/data/momo.png"},
    ],
    "prompts": ["a {subject} on the beach", "a {style} of a {subject} in the snow, \u96ea"],
    "seeds": [1, 4294967295],
    "negative_prompt": "blurry, \u00e9tude",
}
PIP = Facts(
    "pip", "bear", "natural", "a photo of a bear", "aa" * 32, "bb" * 32, {"pose": "c1" * 32, "depth": "c2" * 32}
)
MOMO = Facts("momo", "teddy bear", "anime", "une peluche \u00e0 carreaux", "cc" * 32, "dd" * 32)
ALL_LAYERS = "video, layers of all references"
CONTROLNETS = {"pose": "f1" * 32, "depth": "f2" * 32}


def tuning(settings: dict[str, Any]) -> FineTuneJob:
    """Subjects are learnt so."""
    sampling = {"natural": Sampling(**NATURAL), "anime": Sampling(**ANIME)}
    previews = {"natural": Sampling(**NATURAL | LEARNT), "anime": Sampling(**ANIME | LEARNT)}
    return FineTuneJob(FineTuneConfig(**settings), sampling, previews)


def setup(
    poses: Sequence[str | None] = (), depth: Sequence[str | None] = (), learnt: FineTuneJob | None = None
) -> GenerationSetup:
    """What draws, following these layouts."""
    more = LEARNT if learnt else {}
    sampling = {"natural": Sampling(**NATURAL | more), "anime": Sampling(**ANIME | more)}
    layouts = {kind: list(ones) for kind, ones in (("pose", poses), ("depth", depth)) if ones}
    return GenerationSetup(WEIGHTS, sampling, layouts, CONTROLNETS, learnt)


def cells() -> dict[str, list[PlannedCell]]:
    """Cells of every kind."""
    spec, both = Spec.model_validate(SPEC), [PIP, MOMO]
    one_seed = Spec.model_validate(SPEC | {"seeds": [3]})
    clips = {
        name: [
            cell
            for clip in plan_clips(one_seed, both, setup((POSE, LEAN, "a3" * 32), learnt=learnt))
            for cell in (*clip.frames, *clip.alone)
        ]
        for name, learnt in (("video", None), ("video of a learnt subject", tuning(LORA)))
    }
    return {
        "plain": plan_cells(spec, both, setup()),
        "layouts": plan_cells(one_seed, both, setup((None, POSE, LEAN), (None, DEPTH))),
        "learnt by adapters": plan_cells(spec, both, setup(learnt=tuning(LORA))),
        "learnt by all weights": plan_cells(one_seed, both, setup((POSE,), learnt=tuning(FULL))),
        "video": as_released(clips["video"]),
        "video of a learnt subject": as_released(clips["video of a learnt subject"]),
        ALL_LAYERS: clips["video"],
    }


def as_released(clip: Sequence[PlannedCell]) -> list[PlannedCell]:
    """The cells of a clip as the first release planned them, its frames without the mark of the layers they see."""
    before: dict[str, str] = {}
    released = []
    for cell in clip:
        named = {k: before[v] for k, v in cell.recipe.get("frames", {}).items() if k in ("first", "previous")}
        recipe = {**cell.recipe, "frames": named} if named else cell.recipe
        released.append(replace(cell, recipe=recipe, digest=digest_of(recipe)))
        before[cell.digest] = released[-1].digest
    return released


def methods() -> list[Method]:
    """Rows of tables, of every class."""
    return [
        Plain("plain"),
        ReferenceOnly(1.0, "reference-only"),
        MasaCtrl(0.08, 0.625, True, 3, False, 0.3, "MasaCtrl"),
        Attending("SE only", {"w_ref": 0.0}, True, True, None),
        Attending("no mask", {}, False, True, None),
        Attending("SE, no layout", {"w_ref": 0.0, "beta": 1.0}, True, True, OtherEncoder(Path("/w/se"), "0e" * 32)),
        FineTuned("DreamBooth-LoRA", FineTuneConfig(**LORA | {"beta": 0.0, "word": "sks"}), False, {}, {}),
        FineTuned("DreamTuner", FineTuneConfig(**FULL), True, {}, LEARNT),
        FineTuned("DreamTuner without SE", FineTuneConfig(**FULL | {"cooldown": 0.1}), True, {"beta": 0.0}, LEARNT),
    ]


def folder_of_weights(folder: Path) -> Path:
    """A model of a few bytes."""
    for part in ("unet", "vae", "text_encoder", "tokenizer", "scheduler", "subject_encoder", "tower"):
        (folder / part).mkdir(parents=True)
        (folder / part / "config.json").write_text(f'{{"part": "{part}"}}')
        (folder / part / "model.safetensors").write_bytes(part.encode() * 3)
    (folder / "unet" / "README.md").write_text("not hashed")
    return folder


def measurements() -> dict[str, list[str]]:
    """A cell of each method, and where its training is kept meanwhile."""
    weights = Path("/nowhere")
    profile = Profile(
        name="pocket",
        weights=weights,
        resolution=64,
        licence="Apache-2.0",
        remedy="",
        natural=Sampling(**NATURAL),
        anime=Sampling(**ANIME),
        tuning=FineTuneConfig(**LORA),
        full_tuning=FineTuneConfig(**FULL),
        finetuned_sampling=LEARNT,
    )
    subject = Picture(123456, Context("in the snow", "waving", "anime", "smiling", 0.1, -0.02, 0.8, True, 99))
    asked = ImageRequest(Context("on the beach", "standing", "natural", "neutral", 0.0, 0.0, 0.85, False, 0), 3001)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "parts_digest", lambda folder, parts: WEIGHTS)
        ours = cache.EvaluationCache(Path("/bench"), None, profile)  # type: ignore[arg-type]
    return {
        method.name: [ours.digest(method, subject, asked), ours.work_dir(method, subject).name] for method in methods()
    }


def digests(folder: Path) -> dict[str, Any]:
    """All that is hashed, by kind. `folder`: empty, for weights."""
    weights = folder_of_weights(folder / "weights")
    bare = Profile.model_construct(name="bare", weights=weights, remedy="")
    image = Image.new("RGB", (3, 2), (1, 2, 3))
    without_mask = {
        "reference": "aa" * 32,
        "mask": None,
        "caption": "a bear",
        "weights": WEIGHTS,
        "prompt": "a bear",
        "negative_prompt": "",
        "seed": 0,
    }
    return {
        "cells": {kind: [cell.digest for cell in ones] for kind, ones in cells().items()}
        | {"no mask": [digest_of(recipe_of(**without_mask, sampling=to_fields(Sampling(**NATURAL))))]},
        "trainings": {
            f"{mode} {one.name}": digest_of(setup(learnt=tuning(settings)).finetune_recipe(one) or {})
            for mode, settings in (("lora", LORA), ("full", FULL))
            for one in (PIP, MOMO)
        },
        "measurements": measurements(),
        "weights": {
            "with subject-encoder": weights_digest(bare),
            "controlnet": folder_digest(weights, ["unet"]),
            "scores": {
                name: metric.version(bare)
                for name, metric in sorted(METRICS.working().items())
                if not metric.models  # those of other models are of this machine
            },
        },
        "draws": {
            "reference": reference_digest(image),
            "noise": [seeded(reference_digest(image), "noise", step).initial_seed() for step in (0, 1, 19)],
            "lambda": seeded(hashlib.sha256(b"ab").hexdigest(), "lambda", 4).initial_seed(),
        },
    }
