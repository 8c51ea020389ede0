"""Keeps captured keys and values from one call of `generate` to the next, so that a subject has one reference pass."""

from collections.abc import Callable, Hashable

from torch import Tensor

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
        self._tensors: dict[Hashable, Tensor] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of all that is held."""
        features = sum(features.nbytes for held in self._held.values() for features in held)
        return features + sum(tensor.nbytes for tensor in self._tensors.values())

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

    def tensor(self, part: Hashable, make: Callable[[], Tensor]) -> Tensor:
        """Return what `make` returned when this part was first asked for under the open key."""
        if part not in self._tensors:
            self._tensors[part] = make()
        return self._tensors[part]

    def clear(self) -> None:
        """Free everything."""
        self._key, self._held, self._tensors = None, {}, {}
