"""The scene of a cell of several subjects: what the method is given, read from the catalog's row and the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil, floor
from typing import Any

from PIL import Image

from dreamtuner.sampling.request import Reference
from dreamtuner.sampling.scenes.request import Model, SceneSubject
from dreamtuner.settings.regions import decoded
from flows.execution.inputs.references import read_reference, references_of
from flows.image_io import open_picture, open_reference
from flows.planning.cells import canonical
from storage.catalog.records import CellDetail, UnscoredOutput
from storage.objects import ObjectStore, get_blob

_OF_SUBJECT = ("caption", "checkpoint", "reference_weight", "references")
"""What the settings of a cell have of its first subject."""


def scene_of(cell: CellDetail) -> Mapping[str, Any] | None:
    """Return the scene of a cell's settings; None: it shows one subject."""
    scene: Mapping[str, Any] | None = cell.settings.get("scene")
    return scene


def subjects_of_scene(
    cell: CellDetail,
    w_ref: float,
    store: ObjectStore,
    pictures: Mapping[str, Image.Image],
    model: Callable[[str, str], Model],
) -> list[SceneSubject]:
    """Read the subjects of a cell's scene, from back to front.

    `w_ref`: that of the settings; `pictures`: control images by their SHA-256; `model`: returns the model of a
    fine-tuning, given its digest and what to call it in errors.
    """
    found = []
    for i, entry in enumerate(_entries(cell)):
        checkpoint = cell.settings["checkpoint"] if i == 0 else entry.get("checkpoint")
        found.append(
            SceneSubject(
                references=references_of(cell, store, pictures) if i == 0 else _references(entry, store, pictures),
                region=decoded(entry["region"]),
                prompt=entry["prompt"],
                weight=1.0 if "w_ref" not in entry else entry["w_ref"] / w_ref,
                w_r=entry.get("w_r"),
                model=None if checkpoint is None else model(checkpoint, f"subject {i + 1} of {cell.subject_name}"),
            )
        )
    return found


def texts_of_base(cell: CellDetail, word_of: Callable[[str], str]) -> tuple[str, str]:
    """Return the prompt of a scene's whole image and its background as the base model reads them.

    It does not know the tokens that the scene's subjects learned and would read them as punctuation: they are left out.
    `word_of`: returns the learned token of a fine-tuning, given its digest.
    """
    scene = cell.settings["scene"]
    trainings = [cell.settings["checkpoint"], *(entry.get("checkpoint") for entry in scene["subjects"])]
    prompt, background = cell.prompt, scene["background"]
    for training in dict.fromkeys(one for one in trainings if one is not None):
        word = word_of(training)
        prompt, background = (text.replace(f" {word}", "").removeprefix(f"{word} ") for text in (prompt, background))
    return prompt, background


def subject_keys(cell: CellDetail) -> list[str]:
    """Return what decides the captured keys and values of each subject of a cell, as `ReferenceCache.of` takes it.

    It is the same in every scene of the subject and in images of it alone: neither region nor words are part of it.
    """
    shared = {name: one for name, one in cell.settings.items() if name not in (*_OF_SUBJECT, "scene")}
    shared |= {"profile": cell.profile, "weights": cell.weights_digest}
    first = {name: cell.settings[name] for name in _OF_SUBJECT if name in cell.settings}
    own = {"pose": cell.reference_pose, "depth": cell.reference_depth, **cell.reference_controls}
    first |= {"reference": cell.reference_sha256, "mask": cell.mask_sha256}
    first["layouts"] = {kind: sha256 for kind, sha256 in own.items() if sha256 is not None}
    if scene_of(cell) is None:
        return [canonical(shared | first)]
    others = []
    for entry in _entries(cell)[1:]:
        one = {name: entry[name] for name in ("caption", "references", "reference", "mask") if name in entry}
        one |= {"checkpoint": entry.get("checkpoint"), "layouts": entry.get("layouts", {})}
        if "weight" in entry:
            one["reference_weight"] = entry["weight"]
        others.append(canonical(shared | one))
    return [canonical(shared | first), *others]


def regions_to_score(
    output: UnscoredOutput, picture: Image.Image, store: ObjectStore
) -> Iterator[tuple[Image.Image, str, Image.Image, Image.Image | None]]:
    """Yield the part of an image that each of its subjects is in, its prompt, and its reference with the mask."""
    assert output.scene is not None
    for i, entry in enumerate(output.scene["subjects"]):
        reference = output.reference_sha256 if i == 0 else entry["reference"]
        mask = output.mask_sha256 if i == 0 else entry["mask"]
        yield (
            picture.crop(_within(entry["region"], picture.size)),
            entry["prompt"],
            open_reference(get_blob(store, reference)),
            None if mask is None else open_picture(get_blob(store, mask), "L"),
        )


def _within(region: Mapping[str, Any] | Sequence[float], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the box around a region, pixels: left, top, right, bottom."""
    found = decoded(region)
    if isinstance(found, Image.Image):
        box = found.resize(size, Image.Resampling.NEAREST).getbbox()
        return (0, 0, *size) if box is None else box
    left, top, right, bottom = (side * length for side, length in zip(found, (*size, *size), strict=True))
    return floor(left), floor(top), ceil(right), ceil(bottom)


def _entries(cell: CellDetail) -> Sequence[Mapping[str, Any]]:
    entries: Sequence[Mapping[str, Any]] = cell.settings["scene"]["subjects"]
    return entries


def _references(entry: Mapping[str, Any], store: ObjectStore, pictures: Mapping[str, Image.Image]) -> list[Reference]:
    return [read_reference(one, store, pictures) for one in (entry, *entry.get("references", ()))]
