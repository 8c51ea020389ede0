"""Prepares one training image: mask, caption, control images, crop, latents and text states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from PIL import Image

from dreamtuner.families.backbone import EncoderTrainable
from dreamtuner.models.layouts import Kind, LayoutError, checked
from dreamtuner.preprocess.captioners import DEFAULT_CAPTIONER, Captioner, found_caption
from dreamtuner.preprocess.estimators import Estimator, estimated
from dreamtuner.preprocess.foreground import on_white
from dreamtuner.preprocess.image import ImageError, decode_image
from dreamtuner.preprocess.maskers import Masker
from dreamtuner.preprocess.subject_mask import ALL, foreground_mask
from dreamtuner.train.data.buckets import Crop, Size, TooSmallError
from dreamtuner.train.data.captions import as_tags
from dreamtuner.train.data.raw import LIMITS, SUBJECT, Raw
from dreamtuner.train.data.sample import Sample
from dreamtuner.train.encoder.normalise import cut_to_size


class FaultyError(ValueError):
    """An image that cannot be used; the message says why."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A sample, and whether a person should look at its mask."""

    sample: Sample
    doubtful: bool


@dataclass(frozen=True, eq=False)
class Preparer:
    """Prepares images for a model by the eyes of its profile, where nothing better lies beside an image.

    `sizes`: those of images, as `bucket_sizes` returns them; `tags`: captions are lists of tags, which are encoded in
    training, as they change; `style_word`, `class_word`: of captioners' sentences, such as a photo of a dog.
    """

    backbone: EncoderTrainable
    masker: Masker
    captioner: Captioner
    estimators: Mapping[Kind, Estimator]
    kinds: Sequence[Kind]
    sizes: Sequence[Size]
    style_word: str = "photo"
    tags: bool = False
    class_word: str = SUBJECT

    @torch.inference_mode()
    def prepare(self, raw: Raw) -> Prepared:
        """Prepare one image. Raises FaultyError, which says why it cannot be used."""
        try:
            return self._prepare(raw)
        except (ImageError, LayoutError, TooSmallError) as error:
            raise FaultyError(str(error)) from error
        except OSError as error:
            raise FaultyError(f"cannot be read: {error}") from error

    def _prepare(self, raw: Raw) -> Prepared:
        decoded = decode_image(raw.read(), limits=LIMITS)
        image = decoded.image
        crop = Crop.of(image.size, self.sizes)
        user_mask = None if raw.mask is None else raw.mask()
        found = foreground_mask(image, alpha=decoded.alpha, user_mask=user_mask, masker=self.masker)
        if ALL in found.warnings:
            raise FaultyError("no subject stands out: its mask covers the whole image")
        cut, mask = crop.apply(image), crop.mask(found.mask)
        if mask.getextrema()[1] == 0:
            raise FaultyError("the subject is cut off: it lies outside of the crop")
        caption = self._caption(raw, image)
        text = None if self.tags else self.backbone.encode_text(caption)
        alone = cut_to_size(on_white(cut, mask), self.backbone.image_processor)
        controls = {kind: self._control(kind, raw, image, crop) for kind in self.kinds}
        sample = Sample(raw.key, caption, self.backbone.encode_image(cut), alone, mask, controls, text)
        return Prepared(sample, found.doubtful)

    def _caption(self, raw: Raw, image: Image.Image) -> str:
        if raw.caption is not None:
            line = " ".join(raw.caption.split())
            if not line:
                raise FaultyError("its caption is empty")
            return as_tags(line) if self.tags else line
        if self.captioner.name == DEFAULT_CAPTIONER:
            raise FaultyError("it has no caption, and no captioner that looks at images is chosen")
        return found_caption(self.captioner, lambda: image, class_word=self.class_word, style_word=self.style_word)

    def _control(self, kind: Kind, raw: Raw, image: Image.Image, crop: Crop) -> Image.Image:
        if kind in raw.controls:
            given = decode_image(raw.controls[kind](), limits=LIMITS).image
            if given.size != image.size:
                raise FaultyError(f"its {kind} image has {given.size} pixels, the image {image.size}")
            found = checked(kind, given)
        else:
            found = estimated(self.estimators[kind], image)
        cut = crop.apply(found, Image.Resampling.BILINEAR)
        return cut.convert("L") if kind == "depth" else cut
