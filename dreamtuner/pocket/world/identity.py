"""The identity of a subject: its attributes, determined by a seed; some ranges of seeds are held out of training."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

CLASSES = ("bear", "rabbit", "cat", "robot", "duck", "frog")
COLOURS = ("red", "yellow", "green", "cyan", "blue", "purple", "white", "brown")
PATTERNS = ("plain", "stripes", "spots", "halves")
EMBLEMS = ("circle", "star", "heart", "cross")
HATS = ("no hat", "cone hat", "top hat", "crown")
EYES = ("dot eyes", "big eyes", "glasses")
SHAPES = ("slim", "medium", "round")

RGB: dict[str, tuple[float, float, float]] = {
    "red": (0.86, 0.22, 0.20),
    "yellow": (0.97, 0.83, 0.25),
    "green": (0.27, 0.68, 0.30),
    "cyan": (0.36, 0.83, 0.87),
    "blue": (0.22, 0.36, 0.84),
    "purple": (0.62, 0.32, 0.78),
    "white": (0.96, 0.96, 0.94),
    "brown": (0.56, 0.36, 0.20),
}

# Mixed radix: the second colour is one of the 7 others, the third one of the remaining 6.
_RADIX = (len(CLASSES), 8, 7, 6, len(PATTERNS), len(EMBLEMS), len(HATS), len(EYES), len(SHAPES))
COUNT = prod(_RADIX)
# An index modulo 7 is (class - primary - secondary colour) modulo 7, so a residue is a set of whole combinations of
# these three. One residue is held out: training never sees its combinations, though it sees each attribute and pair.
_RESIDUES = (4, 0, 1, 2, 3, 6, 5)
_BLOCK = COUNT // len(_RESIDUES)
_MULTIPLIER, _OFFSET = 77_653, 12_345  # the multiplier shares no factor with _BLOCK = 2^11 * 3^4

TRAIN = range(0, 6 * _BLOCK)
HELD_OUT = range(6 * _BLOCK, COUNT)
VALIDATION = range(6 * _BLOCK, 6 * _BLOCK + _BLOCK // 2)
TEST = range(6 * _BLOCK + _BLOCK // 2, COUNT)


@dataclass(frozen=True)
class Identity:
    """The attributes of a subject that do not change from image to image.

    Seeds are a bijection onto the 1,161,216 attribute combinations: two seeds never share an identity. The held-out
    ranges (``VALIDATION``, ``TEST``) therefore contain identities that no training image shows, and even combinations
    of class, first and second colour that none shows.
    """

    class_word: str
    primary: str
    secondary: str
    accent: str
    pattern: str
    emblem: str
    hat: str
    eyes: str
    shape: str

    @classmethod
    def from_seed(cls, seed: int) -> Identity:
        """Return the identity of a seed in ``range(COUNT)``. Raises ValueError for other seeds."""
        if not 0 <= seed < COUNT:
            raise ValueError(f"identity seed {seed} is outside 0..{COUNT - 1}")
        block, place = divmod(seed, _BLOCK)
        index = (place * _MULTIPLIER + _OFFSET) % _BLOCK * len(_RESIDUES) + _RESIDUES[block]
        digits = []
        for base in _RADIX:
            index, digit = divmod(index, base)
            digits.append(digit)
        primary = COLOURS[digits[1]]
        others = [c for c in COLOURS if c != primary]
        secondary = others[digits[2]]
        accent = [c for c in others if c != secondary][digits[3]]
        return cls(
            class_word=CLASSES[digits[0]],
            primary=primary,
            secondary=secondary,
            accent=accent,
            pattern=PATTERNS[digits[4]],
            emblem=EMBLEMS[digits[5]],
            hat=HATS[digits[6]],
            eyes=EYES[digits[7]],
            shape=SHAPES[digits[8]],
        )


ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "class_word": CLASSES,
    "primary": COLOURS,
    "secondary": COLOURS,
    "accent": COLOURS,
    "pattern": PATTERNS,
    "emblem": EMBLEMS,
    "hat": HATS,
    "eyes": EYES,
    "shape": SHAPES,
}
