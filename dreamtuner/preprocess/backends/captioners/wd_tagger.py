"""Danbooru tags by a WD tagger, version 3, in ONNX, for anime profiles, whose models were trained on such tags.

Pre-processing and thresholds are those of its release (SmilingWolf): padded to a square with white, resized (bicubic),
BGR in 0..255; general tags above 0.35, characters above 0.85, no ratings; underscores as spaces except in kaomoji.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from PIL import Image

from dreamtuner.plugins import PluginError
from dreamtuner.preprocess.backends.auxiliary import AuxiliaryBackend
from dreamtuner.preprocess.backends.captioners.plain_words import plain_words
from dreamtuner.preprocess.backends.onnx_session import Floats, opened, outputs_of
from dreamtuner.preprocess.captioners import Caption

MODEL, TAGS = "model.onnx", "selected_tags.csv"
GENERAL, CHARACTER = "0", "4"
"""Danbooru's numbers of the categories."""
THRESHOLDS = {GENERAL: 0.35, CHARACTER: 0.85}
MOST = 20
"""Most tags of a caption, so that it usually fits into the 75 tokens of CLIP; the most probable ones."""
KAOMOJI = {
    *("0_0", "+_+", "+_-", "._.", "<o>_<o>", "<|>_<|>", "=_=", ">_<", "3_3", "6_9"),
    *(">_o", "@_@", "^_^", "o_o", "u_u", "x_x", "|_|", "||_||"),
}
"""Tags whose underscores stay. (o)_(o) is one more, but cannot be written."""
_QUALIFIER = re.compile(r"\s*\([^()]*\)$")


class Tag(NamedTuple):
    """A tag of the model, such as long_hair, and the number of its category."""

    name: str
    category: str


class WdTagger(AuxiliaryBackend):
    """Captions a reference as "a drawing of a girl, hatsune miku, 1girl, solo, long hair, twintails"."""

    name = "wd14"
    model = "wd-vit-tagger-v3"
    styles: ClassVar[tuple[str, ...]] = ("anime",)

    def caption(self, image: Callable[[], Image.Image], *, class_word: str, style_word: str) -> Caption:
        """Return style word, class word and tags of an RGB image: characters, then general tags, the likeliest first.

        The confidence is the mean probability of the tags; 0 if there is none.

        Raises:
            WeightsMissingError: the model is not on this machine.
            PluginError: onnxruntime is not installed, or the files are no tagger, or do not fit together.
        """
        folder, version = self.place(), self.version
        tags = _tags(folder / TAGS, version)
        side = _side(folder / MODEL, version)
        likely = outputs_of(folder / MODEL, version, prepared(image(), side)[None])[0]
        if likely.shape != (1, len(tags)):
            raise PluginError(
                f"{folder / MODEL} gave an output of shape {likely.shape}, and {TAGS} has {len(tags)} tags; "
                "take both from one repository"
            )
        chosen = chosen_tags(tags, likely[0])
        words = dict.fromkeys([f"a {style_word} of a {class_word}", *(written(tag.name) for tag, _ in chosen)])
        return Caption(", ".join(words), sum(one for _, one in chosen) / len(chosen) if chosen else 0.0)


def prepared(image: Image.Image, side: int) -> Floats:
    """Return an image as the model takes it: (side, side, 3), BGR in 0..255, in the middle of a white square."""
    longer = max(image.size)
    square = Image.new("RGB", (longer, longer), "white")
    square.paste(image.convert("RGB"), ((longer - image.width) // 2, (longer - image.height) // 2))
    resized = square if longer == side else square.resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(resized, dtype=np.float32)[..., ::-1]


def chosen_tags(tags: tuple[Tag, ...], likely: Floats) -> list[tuple[Tag, float]]:
    """Return the tags above their thresholds with their probabilities: characters first, the likeliest first."""
    found = [
        (tag, min(1.0, float(one)))
        for tag, one in zip(tags, likely, strict=True)
        if one > THRESHOLDS.get(tag.category, np.inf) and written(tag.name)
    ]
    found.sort(key=lambda one: (one[0].category != CHARACTER, -one[1]))
    return found[:MOST]


def written(name: str) -> str:
    """Return a tag as captions have it; empty if it cannot be written there.

    Prompts may read brackets as weights: a character's work in brackets is left out, and so are smileys with brackets.
    """
    words = name if name in KAOMOJI else _QUALIFIER.sub("", name.replace("_", " "))
    return words if words == plain_words(words) else ""


def _side(file: Path, version: str) -> int:
    """Return the side of the model's input, which has the shape (N, side, side, 3)."""
    shape = opened(file, version).get_inputs()[0].shape
    if len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3 or not isinstance(shape[1], int):
        raise PluginError(f"{file} takes an input of shape {shape}, not N x side x side x 3; is it a WD tagger?")
    return shape[1]


@lru_cache(maxsize=1)
def _tags(file: Path, version: str) -> tuple[Tag, ...]:
    """Read the tags. `version` is part of the key: it changes when the file does. Raises PluginError."""
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            return tuple(Tag(row["name"], row["category"]) for row in csv.DictReader(lines))
    except (KeyError, UnicodeDecodeError, csv.Error) as error:
        raise PluginError(f"{file} is no list of tags with name and category ({error}); fetch it again") from error
