"""Fingerprints of outputs: embeddings when they are scored, and what is missing later."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from PIL import Image

from dreamtuner.curation.perceptual_hash import HASH_VERSION, perceptual_hash, structure
from dreamtuner.score import Metric
from dreamtuner.score.clip_metrics import ClipMetric, ClipT
from flows.image_io import open_picture, open_reference
from flows.resources import Resources
from storage.catalog import views, writes
from storage.catalog.records import ImageFingerprint
from storage.lost import read_picture
from storage.objects import DigestMismatchError, ObjectMissingError, get_blob

TOGETHER = 64  # images embedded at once


class Embeddings:
    """A model that scores, and keeps in `vectors` the embeddings of `pictures` that it makes meanwhile."""

    def __init__(self, model: Any, pictures: Sequence[Image.Image]) -> None:
        self._model, self._pictures = model, pictures
        self.vectors: Any = None

    def embed_images(self, images: Sequence[Image.Image]) -> Any:
        """Embed images by the model."""
        vectors = self._model.embed_images(images)
        if images is self._pictures:
            self.vectors = vectors
        return vectors

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def keeps_embeddings(metric: Metric) -> bool:
    """Return whether the metric scores by the profile's CLIP model, whose embeddings are stored."""
    return isinstance(metric, ClipMetric)


def fingerprint(image_sha256: str, look: bytes, vector: Any = None, model: str | None = None) -> ImageFingerprint:
    """Build the fingerprint of an image from its structure; `vector`: its embedding (D), a tensor, by `model`."""
    packed = None if vector is None else np.asarray(vector, dtype="<f2").tobytes()
    return ImageFingerprint(
        image_sha256=image_sha256,
        phash=perceptual_hash(look),
        structure=look,
        hash_version=HASH_VERSION,
        vector=packed,
        model=None if packed is None else model,
    )


def embedding_version(resources: Resources, profile: str) -> str | None:
    """Return the version of the embeddings of a profile's CLIP model; None if the profile has none on this machine."""
    found = resources.profile(profile)
    return None if ClipT().missing(found) else f"clip-{ClipT().version(found)}"


def store_embeddings(
    resources: Resources,
    profile: str,
    scorer: Embeddings,
    pictures: Mapping[str, Image.Image],
    output_ids: Sequence[int],
) -> None:
    """Store the embeddings that a metric just made of these outputs' images, and those of their references.

    `pictures`: the images by digest, in the order in which `scorer` embedded them. What is stored already is left.
    """
    version = embedding_version(resources, profile)
    with resources.catalog.read() as s:
        lacking = views.without_fingerprint(s, output_ids, hash_version=HASH_VERSION, model=version)
    if scorer.vectors is None or version is None or not lacking:
        return
    vectors = dict(zip(pictures, scorer.vectors, strict=True))
    found = [fingerprint(one, structure(pictures[one]), vectors[one], version) for one, _ in lacking]
    references = _references(resources, [reference for _, reference in lacking], version)
    with resources.catalog.write() as s:
        writes.add_fingerprints(s, [*found, *_embedded(resources, profile, version, references)])


def fingerprint_missing(
    resources: Resources, profile: str, output_ids: Sequence[int], *, embeddings: bool = True
) -> int:
    """Compute what these outputs of a profile and their references lack; return how many images were fingerprinted.

    `embeddings`: not their hashes alone, if the profile has a CLIP model. Images that are gone from the store or
    damaged are omitted.
    """
    version, done = embedding_version(resources, profile) if embeddings else None, 0
    with resources.catalog.read() as s:
        lacking = views.without_fingerprint(s, output_ids, hash_version=HASH_VERSION, model=version)
    for first in range(0, len(lacking), TOGETHER):
        part = lacking[first : first + TOGETHER]
        pictures = {}
        for sha256, _ in part:
            with suppress(ObjectMissingError, DigestMismatchError):
                pictures[sha256] = open_picture(read_picture(resources.catalog, resources.store, sha256), "RGB")
        pictures |= _references(resources, [reference for _, reference in part], version)
        found = _embedded(resources, profile, version, pictures)
        with resources.catalog.write() as s:
            writes.add_fingerprints(s, found)
        done += len(found)
    return done


def _embedded(
    resources: Resources, profile: str, version: str | None, pictures: Mapping[str, Image.Image]
) -> list[ImageFingerprint]:
    if version is None or not pictures:
        return [fingerprint(sha256, structure(image)) for sha256, image in pictures.items()]
    vectors = resources.scorer(profile, ClipT().name).embed_images(list(pictures.values()))
    return [fingerprint(one, structure(image), vectors[i], version) for i, (one, image) in enumerate(pictures.items())]


def _references(resources: Resources, digests: Sequence[str], version: str | None) -> dict[str, Image.Image]:
    """Return the references among these that lack an embedding of this version; none if it is None."""
    if version is None:
        return {}
    with resources.catalog.read() as s:
        there = views.fingerprints_of_images(s, digests)
    found = {}
    for sha256 in dict.fromkeys(digests):
        if sha256 not in there or there[sha256].model != version:
            with suppress(ObjectMissingError, DigestMismatchError):
                found[sha256] = open_reference(get_blob(resources.store, sha256))
    return found
