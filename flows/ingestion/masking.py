"""Chooses the mask of a reference: a person's takes precedence; a found one stays until a new search is requested."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from PIL import Image

from dreamtuner.preprocess import ForegroundMask, Masker, assessed, foreground_mask
from dreamtuner.preprocess.maskers import MASKERS, MISSING, masker_of, method_for, styled
from flows.image_io import open_picture, png_bytes
from flows.spec.entry import is_auto, named_by_auto
from flows.spec.problems import SubjectError
from storage import objects
from storage.catalog.records import PERSONS, AnnotationFacts, Given, MaskFacts

WHERE = {"spec": "in a spec", "ingest": "by `dreamtuner ingest`", "dashboard": "in the dashboard"}


@dataclass(frozen=True)
class KnownMasks:
    """The stored masks of an image, the current one first; `made`: the number of cells planned with each, by id.

    `found`: returns the masks that were found of the same image, for any subject.
    """

    masks: Sequence[MaskFacts] = ()
    made: Mapping[int, int] = field(default_factory=dict)
    read: Callable[[str], bytes] = lambda sha256: b""
    found: Callable[[], Sequence[MaskFacts]] = lambda: ()

    @property
    def current(self) -> MaskFacts | None:
        """Return the current mask."""
        return self.masks[0] if self.masks else None


@dataclass(frozen=True)
class ChosenMask:
    """The mask chosen for a reference, also as PNG bytes.

    `given`: its origin; `asked`: a person requested a new search (`mask: auto`); `stored`: its row, if the catalog has
    it already; `notes`: what users should know about the choice.
    """

    mask: ForegroundMask
    png: bytes
    given: Given
    asked: bool = False
    stored: MaskFacts | None = None
    notes: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the PNG, 64 hex digits."""
        return sha256(self.png).hexdigest()


def choose_mask(
    image: Image.Image,
    alpha: Image.Image | None,
    stated: bytes | None,
    *,
    asked: bool,
    given: Given,
    insist: bool,
    known: KnownMasks,
    masker: Masker,
) -> ChosenMask:
    """Choose the mask of a decoded reference. Raises ImageError or SubjectError if there is none.

    Args:
        image, alpha: as `decode_image` gives them.
        stated: a mask file, of origin `given` ("spec" or "ingest"); None: none given.
        asked: search for it again, even if a person gave one before (`mask: auto`).
        insist: use `stated` even if it is not new (`replace: true`).
        known: the stored masks of this image.
        masker: finds a mask where none is given. A mask that another one found stays, with a note that offers this one.
    """
    current = known.current
    if stated is None and not asked and current is not None and _can_reuse(current, alpha):
        stored = _bytes(known, current)
        if stored is not None:
            reused = _reused(known, current, stored, image)
            return replace(reused, notes=(*reused.notes, *_offered(current, image, masker)))
        if current.given == "found":  # its bytes are lost: find the same mask again
            masker = masker_of(current.method) or masker
    mask = None if stated is not None or alpha is not None else _found_before(known, image, masker)
    mask = mask or foreground_mask(image, alpha=alpha, user_mask=stated, masker=masker)
    how: Given = given if stated is not None else "file" if mask.method == "alpha" else "found"
    png = png_bytes(mask.mask)
    # equal pixels keep the stored bytes: a new encoder version must not make a new mask
    before = None if current is None else _bytes(known, current, lost_is_an_error=False)
    if before is not None and _same_pixels(before, mask.mask):
        png = before
    digest = sha256(png).hexdigest()
    same = next((one for one in known.masks if (one.sha256, one.method) == (digest, mask.method)), None)
    if current is not None and current is not same:
        from storage.catalog.precedence import keeps_current

        if keeps_current(current, same, given=how, requested=asked, insist=insist):
            reused = _reused(known, current, _bytes(known, current) or png, image)
            return replace(reused, notes=(*reused.notes, _stayed(current, asked)))
    return ChosenMask(mask, png, how, asked, notes=mask.notes)


def masker_for(mask: str | None, name: str, style: str) -> Masker:
    """Return the masker of an entry: the one that `mask: auto:NAME` names, else the chosen one. Raises PluginError.

    `style`: the subject's, by which `auto` chooses.
    """
    return styled(MASKERS[(named_by_auto(mask) if is_auto("mask", mask) else None) or name], style)


def _found_before(known: KnownMasks, image: Image.Image, masker: Masker) -> ForegroundMask | None:
    """Return what this masker found in the image before, for any subject; None if it has to look."""
    masks = known.found()
    method = method_for(masker, image) if masks else ""
    there = next((one for one in masks if one.method == method), None)
    if there is None and method.endswith(f"-{MISSING}"):  # what another version of its model found is as good
        there = next((one for one in masks if one.method.startswith(f"{masker.name}-")), None)
    png = None if there is None else _bytes(known, there)
    return None if there is None or png is None else _as_found(there, open_picture(png, "L"))


def _as_found(row: MaskFacts, grey: Image.Image) -> ForegroundMask:
    return ForegroundMask(grey, row.confidence, row.method, row.doubtful, row.warnings or _found_doubt(row))


def _can_reuse(current: MaskFacts, alpha: Image.Image | None) -> bool:
    """Return whether to reuse the stored mask: a person gave it, or a masker found it, whichever that was."""
    return current.given in PERSONS or (alpha is None and current.given == "found")


def _offered(current: MaskFacts, image: Image.Image, masker: Masker) -> tuple[str, ...]:
    """Return a note if the stored mask was found by another masker or version than would be used today."""
    if current.given != "found":
        return ()
    method = method_for(masker, image)
    if current.method == method or method.endswith(f"-{MISSING}"):
        return ()
    return (f"the mask found by {current.method} stays in use; set mask: auto to detect it again by {method}",)


def _bytes(known: KnownMasks, mask: MaskFacts, *, lost_is_an_error: bool = True) -> bytes | None:
    """Read the mask's bytes; None if they are lost and can be computed again."""
    try:
        return known.read(mask.sha256)
    except (objects.ObjectMissingError, objects.ChecksumMismatchError, objects.DigestMismatchError) as error:
        if mask.given not in PERSONS or not lost_is_an_error:
            return None
        raise SubjectError(
            f"mask: version {mask.version}, given by {giver_of(mask)}, cannot be read ({error}); restore it from a "
            "backup, give it again, or set mask: auto to find one"
        ) from error


def _reused(known: KnownMasks, current: MaskFacts, png: bytes, image: Image.Image) -> ChosenMask:
    grey = open_picture(png, "L")
    mask = _as_found(current, grey)
    if current.warnings is None and current.given in PERSONS and grey.size == image.size:
        mask = assessed(mask, grey, image)  # never assessed before: assess it now, once
    return ChosenMask(mask, png, current.given, stored=current, notes=_changed(known, current))


def _found_doubt(current: MaskFacts) -> tuple[str, ...]:
    if current.given in PERSONS or not current.doubtful:
        return ()
    return (f"the mask was found with a confidence of only {current.confidence:.2f}",)


def _changed(known: KnownMasks, current: MaskFacts) -> tuple[str, ...]:
    """Return a note if earlier images used another mask, and none this one yet."""
    made = {mask.sha256 for mask in known.masks if mask.id in known.made}
    if current.given not in PERSONS or current.sha256 in made or not known.made:
        return ()  # an earlier mask of equal pixels gives the same images
    earlier = sum(known.made.values())
    return (
        f"the mask was changed to version {current.version}, given by {giver_of(current)}: images are regenerated "
        f"with it, and {earlier} earlier {'image keeps' if earlier == 1 else 'images keep'} the old one",
    )


def _stayed(current: MaskFacts, asked: bool) -> str:
    what = "mask: auto was set" if asked else "the mask in the spec was given"
    return (
        f"{what} before the current one: version {current.version}, given by {giver_of(current)}, stays; "
        "set replace: true, or select the older version in the dashboard, to use that"
    )


def giver_of(mask: MaskFacts | AnnotationFacts) -> str:
    """Return who gave a mask or annotation, where and when: "ann in the dashboard on 2026-11-28"."""
    when = "" if mask.given_at is None else f" on {mask.given_at:%Y-%m-%d}"
    who = "" if mask.giver is None else f"{mask.giver} "
    return f"{who or 'a person '}{WHERE.get(mask.given, '')}{when}"


def _same_pixels(png: bytes, image: Image.Image) -> bool:
    stored = open_picture(png, "L")
    return stored.size == image.size and stored.tobytes() == image.tobytes()


def all_warnings(*parts: Sequence[str]) -> tuple[str, ...]:
    """Concatenate lists of warnings without duplicates."""
    return tuple(dict.fromkeys(one for part in parts for one in part))
