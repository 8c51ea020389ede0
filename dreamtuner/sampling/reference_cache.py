"""Keeps captured keys and values from one call of `generate` to the next, so that a subject has one reference pass."""

from collections.abc import Hashable

from dreamtuner.sampling.reference_pass import ReferenceFeatures


class ReferenceCache:
    """The features of the references that were seen last, in memory. Not for several threads.

    It holds one subject's at a time, under the byte budget of the call that captured them: `open` with another key
    frees them before the next are captured. Where the budget does not hold all steps, each call captures them again.

    Attributes:
        passes: how many references were captured so far, each from the first step on.
    """

    def __init__(self) -> None:
        self.passes = 0
        self._key: Hashable = None
        self._held: dict[Hashable, list[ReferenceFeatures]] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of all keys and values held."""
        return sum(features.nbytes for held in self._held.values() for features in held)

    def open(self, key: Hashable) -> None:
        """Keep what is held if it was captured under this key, else free it.

        `key`: whatever decides the features of a call: model, weights, references with masks and captions, settings.
        """
        if key != self._key:
            self.clear()
            self._key = key

    def held(self, part: Hashable) -> list[ReferenceFeatures]:
        """Return the features of one reference, a list to fill: `part` tells those of the same key apart."""
        return self._held.setdefault(part, [])

    def clear(self) -> None:
        """Free all features."""
        self._key, self._held = None, {}
