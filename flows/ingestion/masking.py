"""Which mask a subject's reference gets: what a person gave stands, what was found is not found twice."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from PIL import Image

from dreamtuner.preprocess import ForegroundMask, Masker, foreground_mask
from dreamtuner.preprocess.doubt import doubts
from dreamtuner.preprocess.maskers import method_of
from flows.image_io import open_picture, png_bytes
from flows.spec.model import AUTO
from flows.spec.problems import SubjectError
from storage.catalog.mask_precedence import keeps_current
from storage.catalog.records import PERSONS, Given, MaskFacts
from storage.objects import ChecksumMismatchError, DigestMismatchError, ObjectMissingError

WHERE = {"spec": "in a spec", "ingest": "by `dreamtuner ingest`", "dashboard": "in the dashboard"}


@dataclass(frozen=True)
class KnownMasks:
    """The stored masks of a picture, the one in use first; `made`: how many cells were planned with each, by its id."""

    masks: Sequence[MaskFacts] = ()
    made: Mapping[int, int] = field(default_factory=dict)
    read: Callable[[str], bytes] = lambda sha256: b""

    @property
    def current(self) -> MaskFacts | None:
        """The one in use."""
        return self.masks[0] if self.masks else None


@dataclass(frozen=True)
class ChosenMask:
    """The mask that a reference gets, as PNG bytes too.

    `given` says how it came and `asked` whether a person wants it found anew; `stored` is its row where the catalog has
    it already, `notes` is what a person should know of the choice.
    """

    mask: ForegroundMask
    png: bytes
    given: Given
    asked: bool = False
    stored: MaskFacts | None = None
    notes: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """64 hex digits."""
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
    """The mask of a decoded reference. ImageError and SubjectError say why there is none.

    Args:
        image, alpha: as `decode_image` gives them.
        stated: a mask file, which counts as `given` ("spec" or "ingest"); None: none was stated.
        asked: it is to be found, whoever gave one before (`mask: auto`).
        insist: what is stated counts also where it is not new (`replace: true`).
        known: the masks of this picture in the catalog.
        masker: what finds one where none is given.
    """
    current = known.current
    if stated is None and not asked and current is not None and _holds(current, alpha, masker):
        stored = _bytes(known, current)
        if stored is not None:
            return _kept(known, current, stored, image)
    mask = foreground_mask(image, alpha=alpha, user_mask=stated, masker=masker)
    how: Given = given if stated is not None else "file" if mask.method == "alpha" else "found"
    png = png_bytes(mask.mask)
    # the bytes of the mask in use stay where the pixels do: another version of the encoder is no other mask
    before = None if current is None else _bytes(known, current, lost_is_an_error=False)
    if before is not None and _same_pixels(before, mask.mask):
        png = before
    digest = sha256(png).hexdigest()
    same = next((one for one in known.masks if (one.sha256, one.method) == (digest, mask.method)), None)
    if (
        current is not None
        and current is not same
        and keeps_current(current, same, given=how, requested=asked, insist=insist)
    ):
        kept = _kept(known, current, _bytes(known, current) or png, image)
        return replace(kept, notes=(*kept.notes, _stayed(current, asked)))
    return ChosenMask(mask, png, how, asked, notes=mask.notes)


def asked_for(mask: str | None) -> bool:
    """Whether an entry's `mask` says that it is to be found."""
    return mask == AUTO


def _holds(current: MaskFacts, alpha: Image.Image | None, masker: Masker) -> bool:
    """Whether a stored mask is used as it is: a person gave it, or this version would find the same."""
    return current.given in PERSONS or (alpha is None and current.method == method_of(masker))


def _bytes(known: KnownMasks, mask: MaskFacts, *, lost_is_an_error: bool = True) -> bytes | None:
    """The mask's bytes; None where they are lost and can be found again."""
    try:
        return known.read(mask.sha256)
    except (ObjectMissingError, ChecksumMismatchError, DigestMismatchError) as error:
        if mask.given not in PERSONS or not lost_is_an_error:
            return None
        raise SubjectError(
            f"mask: version {mask.version}, given by {giver_of(mask)}, cannot be read ({error}); restore it from a "
            "backup, give it again, or have one found with mask: auto"
        ) from error


def _kept(known: KnownMasks, current: MaskFacts, png: bytes, image: Image.Image) -> ChosenMask:
    grey = open_picture(png, "L")
    mask = ForegroundMask(
        grey, current.confidence, current.method, current.doubtful, current.warnings or _found_doubt(current)
    )
    if current.warnings is None and current.given in PERSONS and grey.size == image.size:
        why = doubts(grey, image)  # given where nobody could judge it: judged once, now
        mask = replace(mask, confidence=0.5 ** len(why), doubtful=bool(why), warnings=why)
    return ChosenMask(mask, png, current.given, stored=current, notes=_changed(known, current))


def _found_doubt(current: MaskFacts) -> tuple[str, ...]:
    if current.given in PERSONS or not current.doubtful:
        return ()
    return (f"the mask was found with a confidence of {current.confidence:.2f} only",)


def _changed(known: KnownMasks, current: MaskFacts) -> tuple[str, ...]:
    """What to say where earlier images were made with another mask, and none with this one yet."""
    made = {mask.sha256 for mask in known.masks if mask.id in known.made}
    if current.given not in PERSONS or current.sha256 in made or not known.made:
        return ()  # a mask of the same pixels, given or found before, makes the same images
    earlier = sum(known.made.values())
    return (
        f"the mask was changed to version {current.version}, given by {giver_of(current)}: images are generated anew "
        f"with it, and {earlier} earlier {'image keeps' if earlier == 1 else 'images keep'} the older one",
    )


def _stayed(current: MaskFacts, asked: bool) -> str:
    what = "mask: auto was said" if asked else "the stated mask was given"
    return (
        f"{what} before the one in use: version {current.version}, given by {giver_of(current)}, stays; "
        "replace: true, or choosing the older version in the dashboard, takes it back"
    )


def giver_of(mask: MaskFacts) -> str:
    """By whom, where and when a mask was given: "ann in the dashboard on 2026-11-28"."""
    when = "" if mask.given_at is None else f" on {mask.given_at:%Y-%m-%d}"
    who = "" if mask.giver is None else f"{mask.giver} "
    return f"{who or 'a person '}{WHERE.get(mask.given, '')}{when}"


def _same_pixels(png: bytes, image: Image.Image) -> bool:
    stored = open_picture(png, "L")
    return stored.size == image.size and stored.tobytes() == image.tobytes()


def all_warnings(*parts: Sequence[str]) -> tuple[str, ...]:
    """Several lists of sentences as one, each sentence once."""
    return tuple(dict.fromkeys(one for part in parts for one in part))
